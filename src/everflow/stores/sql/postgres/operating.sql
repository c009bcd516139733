-- What operators do to runs of any status.

-- name: reopenable
-- The places in the list of those runs that failed in that generation and have no later entry.
SELECT min(given.place)
FROM
    unnest(%(nos)s::bigint[], %(generations)s::bigint[], %(seqs)s::bigint[])
    WITH ORDINALITY AS given (no, generation, seq, place)
    JOIN everflow.run ON run.no = given.no
WHERE
    run.status = 'failed' AND run.generation = given.generation
    AND given.seq - 1 = (
        SELECT max(entry.seq) FROM everflow.entry
        WHERE entry.era = run.era AND entry.run = run.no
    )
GROUP BY run.no

-- name: reopen_runs
UPDATE everflow.run SET
    status = 'queued', until = '', reason = '', owner = 0, generation = generation + 1,
    base = given.seq, ended = NULL, due = NULL, outcome = NULL, deaths = 0, admitted = NULL,
    updated = %(at)s, rev = rev + (rev > 0)::integer
FROM unnest(%(nos)s::bigint[], %(seqs)s::bigint[]) AS given (no, seq)
WHERE run.no = given.no

-- name: reopen_questions
INSERT INTO everflow.question (run, tag, occurrence, op, position, at, due, prompt, schema)
SELECT *
FROM unnest(
    %(runs)s::bigint[], %(tags)s::text[], %(occurrences)s::bigint[], %(ops)s::text[],
    %(positions)s::text[], %(ats)s::bigint[], %(dues)s::bigint[], %(prompts)b::text[],
    %(schemas)s::text[]
)
ON CONFLICT (run, tag, occurrence) DO UPDATE SET
    op = excluded.op, position = excluded.position, at = excluded.at, due = excluded.due,
    prompt = excluded.prompt, schema = excluded.schema, state = 'open', key = NULL

-- name: relabel
UPDATE everflow.run
SET
    labels = (labels || %(given)s::jsonb) - %(taken)s::text[],
    rev = rev + (rev > 0)::integer
WHERE no = ANY(%(nos)s::bigint[]) AND status <> 'handed_off'

-- name: adopt
UPDATE everflow.run SET
    status = 'queued', until = '', reason = '', deaths = 0, rev = rev + (rev > 0)::integer
WHERE
    no = ANY(%(nos)s::bigint[])
    AND (
        status = 'paused'
        OR status = 'blocked' AND until = 'operator' AND NOT EXISTS (
            SELECT FROM everflow.worker WHERE worker.id = run.owner AND worker.gone = 0
        )
    )
RETURNING no

-- name: lock_runs
-- In the order of their numbers, as all do who change runs.
SELECT no FROM everflow.run WHERE no = ANY(%(nos)s::bigint[]) ORDER BY no FOR UPDATE

-- name: put_records
-- Each record once; a body that is null deletes it.
WITH given AS (
    SELECT *
    FROM unnest(
        %(kinds)s::text[], %(keys)s::text[], %(bodies)b::text[], %(dues)s::bigint[],
        %(ats)s::bigint[]
    ) AS one (kind, key, body, due, at)
),
gone AS (
    DELETE FROM everflow.record USING given
    WHERE record.kind = given.kind AND record.key = given.key AND given.body IS NULL
)
INSERT INTO everflow.record (kind, key, body, due, at)
SELECT kind, key, body, due, at FROM given WHERE body IS NOT NULL
ON CONFLICT (kind, key) DO UPDATE SET
    body = excluded.body, due = excluded.due, at = excluded.at, version = DEFAULT

-- name: tell
SELECT everflow.do_tell()
