-- Letting go of ended runs.

-- name: old_runs
SELECT coalesce(json_group_array(json_array(
    created, no, id, json(iif(old, 'true', 'false')), json(iif(held, 'true', 'false')),
    iif(old, (SELECT count(*) FROM entry WHERE entry.run = seen.no), 0)
)), '[]')
FROM (
    SELECT
        created, no, id,
        status IN ('done', 'failed', 'cancelled', 'handed_off')
        AND ended IS NOT NULL AND ended < :before AS old,
        EXISTS (SELECT 1 FROM record WHERE kind = 'tenure' AND record.key = run.id)
        OR EXISTS (
            SELECT 1 FROM json_each(:keep) AS wanted CROSS JOIN json_each(run.labels) AS label
            WHERE
                label.key = wanted.value ->> 0
                AND (wanted.value ->> 1 IS NULL OR label.value = wanted.value ->> 1)
        ) AS held
    FROM run
    WHERE created < :before AND (created, no) > (:created, :no)
    ORDER BY created, no LIMIT :limit
) AS seen

-- name: let_go_entries
DELETE FROM entry WHERE run IN (SELECT value FROM json_each(:nos))

-- name: let_go_questions
DELETE FROM question WHERE run IN (SELECT value FROM json_each(:nos))

-- name: let_go_inbox
DELETE FROM inbox WHERE run IN (SELECT value FROM json_each(:nos))

-- name: let_go_heard
DELETE FROM heard WHERE run IN (SELECT value FROM json_each(:nos))

-- name: let_go_branches
-- Their keys begin with the run's id and a slash, which '0' follows.
DELETE FROM record WHERE version IN (
    SELECT version
    FROM json_each(:nos) AS gone
    CROSS JOIN run ON run.no = gone.value
    CROSS JOIN record
        ON kind = 'branch' AND record.key > run.id || '/' AND record.key < run.id || '0'
)

-- name: let_go_records
DELETE FROM record
WHERE
    kind IN (SELECT value FROM json_each(:kinds))
    AND key IN (SELECT id FROM run WHERE no IN (SELECT value FROM json_each(:nos)))

-- name: let_go_numbers
-- They are never given again: somebody may still mean the run that had it.
UPDATE store SET numbered = max(numbered, (
    SELECT coalesce(max(value), 0) FROM json_each(:nos) WHERE value < 4294967296
))

-- name: let_go_runs
DELETE FROM run WHERE no IN (SELECT value FROM json_each(:nos))
