-- Batches, starts and messages; the views are those of session.sql.

-- name: append
INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: append_and_more
INSERT INTO batch_and_more VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: write
INSERT INTO writing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: start
INSERT INTO birth VALUES (?, ?, ?, ?, ?)

-- name: started
-- The runs of those ids, else of those keys, in the order asked for.
SELECT '[' || coalesce(group_concat(coalesce(
    (SELECT doc FROM run_shown WHERE id = asked.value ->> 0),
    (SELECT doc FROM run_shown WHERE flow = asked.value ->> 1 AND key = asked.value ->> 2)
), ',' ORDER BY asked.key), '') || ']'
FROM json_each(?) AS asked

-- name: judged
-- What a message is judged by: (its run, its question, the questions of its tag, whether its key was
-- heard, how many signals wait). The third for an answer by tag alone, which has a key here: those
-- that judge_early asks for. Every other message of the same call may close one of the open ones, so
-- that so many more are looked at. The last two for a signal, which has its key in the fifth place.
SELECT '[' || coalesce(group_concat(
    '['
    || coalesce((SELECT doc FROM run_shown WHERE no = asked.value ->> 0), 'null')
    || ','
    || coalesce((
        SELECT doc FROM question_shown
        WHERE run = asked.value ->> 0 AND tag = asked.value ->> 1
        AND occurrence = asked.value ->> 2
    ), 'null')
    || ',['
    || iif(asked.value ->> 3 IS NULL, '', coalesce((
        SELECT group_concat(doc, ',') FROM question_shown WHERE id IN (
            SELECT id FROM question
            WHERE
                run = asked.value ->> 0 AND tag = asked.value ->> 1
                AND occurrence IN (-1, asked.value ->> 2)
            UNION
            SELECT id FROM question INDEXED BY question_key
            WHERE
                run = asked.value ->> 0 AND tag = asked.value ->> 1
                AND key = asked.value ->> 3
            UNION
            SELECT id FROM (
                SELECT id FROM question INDEXED BY question_tag
                WHERE
                    tag = asked.value ->> 1 AND run = asked.value ->> 0 AND state = 'open'
                LIMIT :most
            )
        )
    ), ''))
    || '],'
    || iif(asked.value ->> 4 IS NULL, 'false,0', iif(EXISTS (
        SELECT 1 FROM heard
        WHERE run = asked.value ->> 0 AND name = asked.value ->> 1 AND key = asked.value ->> 4
    ), 'true,', 'false,') || (
        SELECT count(*) FROM inbox WHERE run = asked.value ->> 0 AND kind = 'signal'
    ))
    || ']', ',' ORDER BY asked.key
), '') || ']'
FROM json_each(:places) AS asked

-- name: accept
INSERT INTO acceptance VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: may_settle
-- Whether the worker lives, whether the run is its own and goes on, and the op's message, or 0.
SELECT json_array(
    json(iif(EXISTS (
        SELECT 1 FROM worker WHERE id = :worker AND epoch = :epoch AND gone = 0
    ), 'true', 'false')),
    json(iif(EXISTS (
        SELECT 1 FROM run
        WHERE
            no = :no AND owner = :worker
            AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    ) AND NOT EXISTS (
        SELECT 1 FROM taken WHERE worker = :worker AND run = :no
    ), 'true', 'false')),
    coalesce((
        SELECT id FROM inbox WHERE run = :no AND kind = 'settled' AND message ->> 'op' = :op
    ), 0)
)

-- name: post_settled
INSERT INTO inbox (run, kind, message) VALUES (:no, 'settled', :message) RETURNING id
