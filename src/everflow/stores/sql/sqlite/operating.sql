-- What operators do to runs of any status.

-- name: reopenable
-- The places in the list of those runs that failed in that generation and have no later entry.
SELECT json_group_array(given.key)
FROM json_each(:runs) AS given CROSS JOIN run ON run.no = given.value ->> 0
WHERE
    status = 'failed' AND generation = given.value ->> 1
    AND (SELECT max(seq) FROM entry WHERE entry.run = run.no) = (given.value ->> 2) - 1

-- name: reopen_runs
UPDATE run SET
    status = 'queued', until = '', reason = '', owner = 0, generation = generation + 1,
    base = given.value ->> 2, ended = NULL, due = NULL, outcome = NULL, deaths = 0,
    admitted = NULL, updated = :at, rev = rev + (rev > 0)
FROM json_each(:runs) AS given
WHERE run.no = given.value ->> 0

-- name: reopen_entries
INSERT INTO entry (run, seq, body, sum)
SELECT value ->> 0, value ->> 2, value ->> 3, value ->> 4 FROM json_each(:runs)

-- name: reopen_questions
INSERT INTO question (run, tag, occurrence, op, position, at, due, prompt, schema)
SELECT
    value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    value ->> 7, value ->> 9
FROM json_each(:questions) WHERE TRUE
ON CONFLICT (run, tag, occurrence) DO UPDATE SET
    op = excluded.op, position = excluded.position, at = excluded.at, due = excluded.due,
    prompt = excluded.prompt, schema = excluded.schema, state = 'open', key = NULL

-- name: relabel
UPDATE run SET labels = json_patch(labels, :labels), rev = rev + (rev > 0)
WHERE no IN (SELECT value FROM json_each(:nos)) AND status <> 'handed_off'
