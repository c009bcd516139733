-- Runs that more than one instance has, any number of them in each statement.

-- name: tenures
SELECT
    asked.id,
    coalesce(record.body, ''),
    coalesce(record.version, 0),
    coalesce((
        SELECT max(entry.seq) + 1 FROM everflow.entry
        WHERE entry.era = run.era AND entry.run = run.no
    ), 0),
    CASE
        WHEN run.no IS NULL THEN 0
        WHEN run.status = 'handed_off' THEN run.rev
        ELSE greatest(run.rev, 1)
    END,
    run.status
FROM
    unnest(%(runs)s::text[]) WITH ORDINALITY AS asked (id, nth)
    LEFT JOIN everflow.run ON run.id = asked.id
    LEFT JOIN everflow.record ON record.kind = 'tenure' AND record.key = asked.id
ORDER BY asked.nth

-- name: lock_owners
-- The living owners of runs: before the runs, as a batch does.
SELECT id FROM everflow.worker
WHERE gone = 0 AND id IN (SELECT owner FROM everflow.run WHERE run.id = ANY(%(runs)s::text[]))
ORDER BY id FOR UPDATE

-- name: lock_named
SELECT FROM everflow.run WHERE run.id = ANY(%(runs)s::text[]) ORDER BY run.no FOR UPDATE

-- name: living_owners
-- Of runs that are locked. Not asked with their locking: one that enlisted while it waited for one
-- of them isn't seen by that statement.
SELECT id FROM everflow.worker
WHERE gone = 0 AND id IN (SELECT owner FROM everflow.run WHERE run.id = ANY(%(runs)s::text[]))

-- name: here
-- What is here of runs, but what is beside their rows: with their living owners, how much there is,
-- and what is packed of a copy.
SELECT
    shown.*,
    coalesce(
        (SELECT id FROM everflow.worker WHERE worker.id = shown.owner AND gone = 0), 0
    ),
    coalesce((
        SELECT max(entry.seq) + 1 FROM everflow.entry
        WHERE entry.era = run.era AND entry.run = run.no
    ), 0),
    CASE WHEN shown.status = 'handed_off' THEN run.rev ELSE greatest(run.rev, 1) END,
    (SELECT body FROM everflow.record WHERE kind = 'copy' AND record.key = shown.id)
FROM
    unnest(%(runs)s::text[]) WITH ORDINALITY AS asked (id, nth)
    JOIN everflow.run_shown AS shown ON shown.id = asked.id
    JOIN everflow.run ON run.no = shown.no
ORDER BY asked.nth

-- name: definitions_named
SELECT hash, body FROM everflow.definition WHERE hash = ANY(%(hashes)s::text[])

-- name: take
WITH given AS (
    SELECT * FROM unnest(%(workers)s::bigint[], %(nos)s::bigint[], %(runs)s::text[])
    AS one (worker, no, run)
),
taken AS (
    INSERT INTO everflow.taken (worker, run, id)
    SELECT worker, no, run FROM given ON CONFLICT DO NOTHING
)
UPDATE everflow.worker SET marks = marks + 1 WHERE id IN (SELECT worker FROM given)

-- name: restand
UPDATE everflow.run SET
    flow = given.flow, definition = given.definition, status = given.status, until = given.until,
    reason = given.reason, owner = 0, key = given.key, parent = given.parent,
    labels = given.labels, generation = given.generation, origin = given.origin,
    created = given.created, updated = given.updated, ended = given.ended, due = given.due,
    base = given.base, cancel = given.cancel, deaths = given.deaths, outcome = given.outcome,
    queue = given.queue, lane = given.lane, priority = given.priority, admitted = given.admitted,
    leased = given.leased, unfit = '{}'
FROM jsonb_to_recordset(%(runs)s::jsonb) AS given (
    no bigint, flow text, definition text, status text, until text, reason text, key text,
    parent text, labels jsonb, generation integer, origin text, created bigint, updated bigint,
    ended bigint, due bigint, base integer, cancel boolean, deaths integer, outcome text,
    queue text, lane text, priority integer, admitted bigint, leased boolean
)
WHERE run.no = given.no

-- name: cut_off
DELETE FROM everflow.entry
USING
    unnest(%(nos)s::bigint[], %(firsts)s::bigint[]) AS given (no, first)
    JOIN everflow.run ON run.no = given.no
WHERE entry.era = run.era AND entry.run = run.no AND entry.seq >= given.first

-- name: keyed
SELECT given.flow, given.key, run.no
FROM
    unnest(%(flows)s::text[], %(keys)s::text[]) AS given (flow, key)
    JOIN everflow.run ON run.flow = given.flow AND run.key = given.key

-- name: branches
SELECT body FROM everflow.record
WHERE kind = 'branch' AND key >= %(first)s AND key < %(last)s ORDER BY key

-- name: kinds
-- One look at the index for each kind.
WITH RECURSIVE found AS (
    (SELECT kind FROM everflow.record ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (
        SELECT record.kind FROM everflow.record
        WHERE record.kind > found.kind ORDER BY record.kind LIMIT 1
    )
    FROM found WHERE found.kind IS NOT NULL
)
SELECT kind FROM found WHERE kind IS NOT NULL

-- name: definitions
SELECT hash, body FROM everflow.definition
WHERE hash > %(after)s ORDER BY hash LIMIT %(limit)s

-- name: relatives
-- One that goes on here, and called one of these that does or was called by it, without being among
-- them.
SELECT
FROM everflow.run AS mine
WHERE
    mine.id = ANY(%(runs)s::text[])
    AND mine.status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    AND EXISTS (
        SELECT FROM everflow.run AS other
        WHERE
            (other.parent = mine.id OR other.id = mine.parent)
            AND other.status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
            AND NOT other.id = ANY(%(runs)s::text[])
    )
LIMIT 1
