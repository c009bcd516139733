-- Runs that more than one instance has: what is here of them, and what becomes of it.

-- name: tenures
SELECT '[' || coalesce(group_concat(json_object(
    'run', asked.value,
    'body', coalesce(record.body, ''),
    'version', coalesce(record.version, 0),
    'seq', coalesce((SELECT max(seq) + 1 FROM entry WHERE entry.run = run.no), 0),
    'rev', CASE WHEN run.no IS NULL THEN 0 WHEN status = 'handed_off' THEN rev ELSE max(rev, 1) END,
    'status', status
), ',' ORDER BY asked.key), '') || ']'
FROM json_each(:runs) AS asked
LEFT JOIN run ON run.id = asked.value
LEFT JOIN record ON record.kind = 'tenure' AND record.key = asked.value

-- name: heres
-- What is here of runs, each with its entries from a seq on; null where there is nothing.
SELECT '[' || coalesce(group_concat(coalesce((
        SELECT
            '{"no":' || no
            || ',"owner":' || coalesce((
                SELECT id FROM worker WHERE worker.id = run_shown.owner AND gone = 0
            ), 0)
            || ',"seq":' || coalesce((SELECT max(seq) + 1 FROM entry WHERE run = run_shown.no), 0)
            || ',"rev":' || iif(status = 'handed_off', rev, max(rev, 1))
            || ',"copy":' || json_quote((
                SELECT body FROM record WHERE kind = 'copy' AND record.key = run_shown.id
            ))
            || ',"whole":{"row":' || doc
            || ',"entries":' || (
                SELECT coalesce(json_group_array(json_array(run, seq, body, sum)), '[]') FROM (
                    SELECT * FROM entry WHERE run = run_shown.no AND seq >= asked.value ->> 1
                    ORDER BY seq
                )
            )
            || ',"questions":' || (
                SELECT '[' || coalesce(group_concat(question_doc, ','), '') || ']' FROM (
                    SELECT question_shown.doc AS question_doc FROM question_shown
                    WHERE question_shown.run = run_shown.no ORDER BY question_shown.id
                )
            )
            || ',"arrivals":' || (
                SELECT '[' || coalesce(group_concat(message, ','), '') || ']'
                FROM (SELECT message FROM inbox WHERE run = run_shown.no ORDER BY id)
            )
            || ',"heard":' || (
                SELECT coalesce(json_group_array(json_array(name, key)), '[]')
                FROM (SELECT name, key FROM heard WHERE run = run_shown.no ORDER BY nth)
            )
            || '}}'
        FROM run_shown WHERE id = asked.value ->> 0
), 'null'), ',' ORDER BY asked.key), '') || ']'
FROM json_each(:asked) AS asked

-- name: definitions_named
SELECT coalesce(json_group_array(json_array(hash, definition.body) ORDER BY asked.key), '[]')
FROM json_each(:hashes) AS asked CROSS JOIN definition ON hash = asked.value

-- name: put_records
INSERT INTO puts VALUES (:puts, :at)

-- name: take
INSERT OR IGNORE INTO taken (worker, run, id) VALUES (:worker, :no, :run)

-- name: mark
UPDATE worker SET marks = marks + 1 WHERE id = :worker

-- name: restand
UPDATE run SET
    flow = :flow, definition = :definition, status = :status, until = :until, reason = :reason,
    owner = 0, key = :key, parent = :parent, labels = :labels, generation = :generation,
    origin = :origin, created = :created, updated = :updated, ended = :ended, due = :due,
    base = :base, cancel = :cancel, deaths = :deaths, outcome = :outcome, queue = :queue,
    lane = :lane, priority = :priority, admitted = :admitted,
    leased = :leased, unfit = '{}'
WHERE no = :no

-- name: revise
UPDATE run SET rev = :rev WHERE no = :no

-- name: cut_off
DELETE FROM entry WHERE run = :no AND seq >= :first

-- name: keyed
SELECT no FROM run WHERE flow = :flow AND key = :key

-- name: branches
SELECT coalesce(json_group_array(body ORDER BY key), '[]') FROM record
WHERE kind = 'branch' AND key >= :run || '/' AND key < :run || '0'

-- name: relatives
-- One that goes on here, and called one of these that does or was called by it, without being among
-- them.
SELECT 1
FROM json_each(:runs) AS asked CROSS JOIN run ON run.id = asked.value
WHERE
    status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    AND EXISTS (
        SELECT 1 FROM run AS other
        WHERE
            other.id IN (
                SELECT child.id FROM run AS child WHERE child.parent = asked.value
                UNION ALL SELECT run.parent
            )
            AND other.status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
            AND other.id NOT IN (SELECT value FROM json_each(:runs))
    )
LIMIT 1

-- name: kinds
-- One look at the index for each kind.
WITH RECURSIVE found (kind) AS (
    SELECT min(kind) FROM record
    UNION ALL
    SELECT (SELECT min(record.kind) FROM record WHERE record.kind > found.kind)
    FROM found WHERE found.kind IS NOT NULL
)
SELECT coalesce(json_group_array(kind), '[]') FROM found WHERE kind IS NOT NULL

-- name: definitions_after
SELECT coalesce(json_group_array(json_array(hash, body)), '[]') FROM (
    SELECT hash, body FROM definition WHERE hash > :beyond ORDER BY hash LIMIT :limit
)
