-- Batches, starts and messages; the views are those of session.sql.

-- name: append
INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: start
INSERT INTO birth VALUES (?, ?, ?, ?)

-- name: started
-- The runs of those ids, else of those keys, in the order asked for.
SELECT '[' || coalesce(group_concat(coalesce(
    (SELECT doc FROM run_shown WHERE id = asked.value ->> 0),
    (SELECT doc FROM run_shown WHERE flow = asked.value ->> 1 AND key = asked.value ->> 2)
), ',' ORDER BY asked.key), '') || ']'
FROM json_each(?) AS asked

-- name: judged
-- What a message is judged by: (its run, its question).
SELECT '[' || coalesce(group_concat(
    '['
    || coalesce((SELECT doc FROM run_shown WHERE no = asked.value ->> 0), 'null')
    || ','
    || coalesce((
        SELECT doc FROM question_shown
        WHERE run = asked.value ->> 0 AND tag = asked.value ->> 1
        AND occurrence = asked.value ->> 2
    ), 'null')
    || ']', ',' ORDER BY asked.key
), '') || ']'
FROM json_each(?) AS asked

-- name: accept
INSERT INTO acceptance VALUES (?, ?, ?)
