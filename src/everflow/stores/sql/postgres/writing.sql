-- What writing looks at; what it writes is written by functions, see the code files.

-- name: taken_from
SELECT
    marks,
    (SELECT array_agg(run ORDER BY run) FROM everflow.taken WHERE taken.worker = worker.id),
    (SELECT array_agg(id ORDER BY run) FROM everflow.taken WHERE taken.worker = worker.id)
FROM everflow.worker WHERE id = %(worker)s

-- name: judged
-- What messages are judged by, each a place (run, tag or name, occurrence, key of an answer by tag, key
-- of a signal): whether its key was heard, how many signals wait, its run, and one by one the
-- questions: its own, and for an answer by tag those that judge_early asks for. Every other message of
-- the same call may close one of the open ones, so that so many more are looked at.
SELECT
    asked.nth,
    asked.heard IS NOT NULL AND EXISTS (
        SELECT FROM everflow.heard
        WHERE heard.run = asked.no AND heard.name = asked.tag AND heard.key = asked.heard
    ),
    CASE WHEN asked.heard IS NULL THEN 0 ELSE (
        SELECT count(*) FROM everflow.inbox WHERE inbox.run = asked.no AND kind = 'signal'
    ) END,
    shown.*, question.*
FROM
    unnest(
        %(nos)s::bigint[], %(tags)s::text[], %(occurrences)s::bigint[], %(keys)s::text[],
        %(heard)s::text[]
    ) WITH ORDINALITY AS asked (no, tag, occurrence, key, heard, nth)
    JOIN everflow.run_shown AS shown ON shown.no = asked.no
    LEFT JOIN LATERAL (
        SELECT id FROM everflow.question
        WHERE run = asked.no AND tag = asked.tag AND occurrence = asked.occurrence
        UNION SELECT id FROM everflow.question
        WHERE run = asked.no AND tag = asked.tag AND occurrence = -1 AND asked.key IS NOT NULL
        UNION SELECT id FROM everflow.question
        WHERE run = asked.no AND tag = asked.tag AND question.key = asked.key
        UNION (
            SELECT id FROM everflow.question
            WHERE
                tag = asked.tag AND run = asked.no AND state = 'open' AND asked.key IS NOT NULL
            LIMIT %(most)s
        )
    ) AS found ON true
    LEFT JOIN everflow.question_shown AS question ON question.id = found.id

-- name: works
SELECT pid FROM pg_stat_activity
WHERE pid = %(pid)s AND usename = current_user AND state = 'active'

-- name: wait_long
-- A large piece is on its way for a while, in which the transaction is idle.
SELECT set_config('idle_in_transaction_session_timeout', '60s', true)

-- name: entries_beside
INSERT INTO everflow.entry (era, run, seq, sum, body)
SELECT run.era, given.run, given.seq, given.sum, given.body
FROM
    unnest(
        %(runs)s::bigint[], %(seqs)s::integer[], %(sums)s::bigint[],
        CASE %(bodies)s::text WHEN '' THEN ARRAY['']
        ELSE string_to_array(%(bodies)s::text, E'\x01\x01') END
    ) AS given (run, seq, sum, body)
    JOIN everflow.run ON run.no = ANY (ARRAY[given.run])

-- name: outcome_beside
UPDATE everflow.run SET outcome = %(outcome)s WHERE no = %(no)s
