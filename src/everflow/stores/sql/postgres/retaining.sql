-- Eras: which there are, how one begins, and how one ends. `<era>` is its number.

-- name: eras
SELECT
    era.no, present.era = era.no,
    coalesce(began.began, CASE WHEN era.no = 1 THEN present.created END),
    (SELECT min(later.began) FROM everflow.era AS later WHERE later.era > era.no),
    CASE WHEN part.inhrelid IS NULL THEN 'loose' WHEN part.inhdetachpending THEN 'leaving' ELSE 'in' END,
    coalesce(pg_total_relation_size(era.oid), 0),
    pg_has_role(era.owner, 'USAGE')
FROM
    everflow.store AS present
    CROSS JOIN (
        SELECT oid, relowner AS owner, substr(relname, 7)::integer AS no FROM pg_class
        WHERE
            relnamespace = to_regnamespace('<schema>') AND relkind = 'r'
            AND relname ~ '^entry_[0-9]+$'
    ) AS era
    LEFT JOIN everflow.era AS began ON began.era = era.no
    LEFT JOIN pg_inherits AS part ON part.inhrelid = era.oid
ORDER BY era.no

-- name: next_era
SELECT era + 1 FROM everflow.store FOR NO KEY UPDATE

-- name: make_era
-- Made alone and then attached, which waits for nobody who writes.
CREATE TABLE everflow.entry_<era> (LIKE everflow.entry INCLUDING ALL)

-- name: attach_era
ALTER TABLE everflow.entry ATTACH PARTITION everflow.entry_<era> FOR VALUES IN (<era>)

-- name: note_era
INSERT INTO everflow.era (era, began) VALUES (%(era)s, %(at)s)

-- name: begin_era
UPDATE everflow.store SET era = %(era)s

-- name: era_in_use
SELECT EXISTS (SELECT FROM everflow.run WHERE era = %(era)s)

-- name: detach_era
ALTER TABLE everflow.entry DETACH PARTITION everflow.entry_<era> CONCURRENTLY

-- name: finish_era
ALTER TABLE everflow.entry DETACH PARTITION everflow.entry_<era> FINALIZE

-- name: drop_era
DROP TABLE everflow.entry_<era>

-- name: left_in_eras
SELECT count(*) FROM everflow.run
WHERE
    era = ANY(%(eras)s::integer[])
    AND NOT (
        status IN ('done', 'failed', 'cancelled', 'handed_off')
        AND ended IS NOT NULL AND ended < %(before)s
        AND NOT EXISTS (
            SELECT FROM everflow.record WHERE record.kind = 'tenure' AND record.key = run.id
        )
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(%(keep)s::jsonb) AS wanted
            WHERE
                jsonb_exists(run.labels, wanted ->> 0)
                AND (wanted ->> 1 IS NULL OR run.labels ->> (wanted ->> 0) = wanted ->> 1)
        )
    )
