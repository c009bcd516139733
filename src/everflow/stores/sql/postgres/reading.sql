-- Reading: each verb is one query, and sees the store as it stood at one moment. Rows of runs and of
-- questions are those of run_shown and question_shown, with more behind them where a query says so.

-- name: load
SELECT shown.*, entries.*, mail.*
FROM
    unnest(%(nos)s::bigint[]) WITH ORDINALITY AS asked (no, nth)
    JOIN everflow.run_shown AS shown ON shown.no = asked.no
    CROSS JOIN LATERAL (
        SELECT array_agg(seq) AS seqs, array_agg(body) AS bodies, array_agg(sum) AS sums
        FROM (
            SELECT seq, body, sum FROM everflow.entry
            WHERE era = shown.era AND run = shown.no AND seq >= shown.base ORDER BY seq
        ) AS ordered
    ) AS entries
    CROSS JOIN LATERAL (
        SELECT array_agg(id) AS ids, array_agg(message) AS messages
        FROM (
            SELECT id, message FROM everflow.inbox WHERE run = shown.no ORDER BY id
        ) AS ordered
    ) AS mail
ORDER BY asked.nth

-- name: entries
-- With the name of the run, also where none of them is there.
SELECT run.id, entry.seq, entry.body, entry.sum
FROM
    everflow.run
    LEFT JOIN everflow.entry
        ON entry.era = run.era AND entry.run = run.no AND entry.seq = ANY(%(seqs)s::bigint[])
WHERE run.no = %(no)s

-- name: journal
SELECT run, seq, body, sum FROM everflow.entry
WHERE
    era = (SELECT era FROM everflow.run WHERE no = %(no)s)
    AND run = %(no)s AND seq >= %(first)s
ORDER BY seq LIMIT %(limit)s

-- name: find
SELECT * FROM everflow.run_shown WHERE id = %(id)s

-- name: find_key
SELECT * FROM everflow.run_shown WHERE flow = %(flow)s AND key = %(key)s

-- name: rows
SELECT shown.*
FROM
    unnest(%(nos)s::bigint[]) WITH ORDINALITY AS asked (no, nth)
    JOIN everflow.run_shown AS shown ON shown.no = asked.no
ORDER BY asked.nth

-- name: standing
SELECT status, mail FROM everflow.run WHERE no = %(no)s

-- name: asked
SELECT shown.*, question.*
FROM
    unnest(%(ids)s::text[], %(tags)s::text[], %(occurrences)s::bigint[])
    WITH ORDINALITY AS asked (id, tag, occurrence, nth)
    LEFT JOIN everflow.run_shown AS shown ON shown.id = asked.id
    LEFT JOIN everflow.question_shown AS question
        ON question.no = shown.no AND question.tag = asked.tag
        AND question.occurrence = asked.occurrence
ORDER BY asked.nth

-- name: runs
SELECT * FROM everflow.run_shown
WHERE
    /* filters */
ORDER BY created, no LIMIT %(limit)s

-- name: runs_newest_first
SELECT * FROM everflow.run_shown
WHERE
    /* filters */
ORDER BY created DESC, no DESC LIMIT %(limit)s

-- name: count
SELECT status, count(*) FROM everflow.run
WHERE
    /* filters */
GROUP BY status

-- What a query may ask for. Only what it does ask for stands in the statement, so that an index can
-- be chosen by it.

-- name: filter_status
status = %(status)s

-- name: filter_statuses
status = ANY(%(statuses)s::text[])

-- name: filter_flow
flow = %(flow)s

-- name: filter_queue
queue = %(queue)s

-- name: filter_named_queue
queue = %(named_queue)s AND queue <> ''

-- name: filter_parent
parent = %(parent)s

-- name: filter_since
created >= %(since)s

-- name: filter_before
created < %(before)s

-- name: filter_run_tag
no IN (
    SELECT question.run FROM everflow.question
    WHERE tag = %(run_tag)s AND state = 'open' AND question.id > 0
)

-- name: filter_labels
labels @> %(labels)s::jsonb AND labels <> '{}'

-- name: filter_none
-- One label can't have two values.
FALSE

-- name: filter_after
(created, no) > ((SELECT created FROM everflow.run WHERE no = %(after)s), %(after)s)

-- name: filter_back_from
(created, no) < ((SELECT created FROM everflow.run WHERE no = %(back_from)s), %(back_from)s)

-- name: filter_no
no = %(no)s

-- name: filter_tag
tag = %(tag)s

-- name: filter_occurrence
occurrence = %(occurrence)s

-- name: filter_past
id > (
    SELECT q.id FROM everflow.question AS q
    WHERE
        q.run = (%(past)s::jsonb ->> 0)::bigint AND q.tag = %(past)s::jsonb ->> 1
        AND q.occurrence = (%(past)s::jsonb ->> 2)::bigint
)

-- name: filter_open
state = 'open' AND id > 0

-- name: questions
SELECT * FROM everflow.question_shown
WHERE
    /* filters */
ORDER BY id LIMIT %(limit)s

-- name: definition
SELECT body FROM everflow.definition WHERE hash = %(hash)s
