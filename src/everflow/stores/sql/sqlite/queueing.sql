-- Queues. The conditions are those of the indexes, word for word: else SQLite takes another one.

-- name: places
-- Walks in the index from the first run of one lane to that of the next, however many wait in each.
WITH RECURSIVE
placed (lane, many) AS (
    SELECT lane, count(*) FROM run
    WHERE
        queue = :queue AND queue <> '' AND admitted IS NOT NULL
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    GROUP BY lane
),
head (lane, no) AS (
    SELECT * FROM (
        SELECT lane, no FROM run
        WHERE queue = :queue AND queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0
        ORDER BY lane, priority DESC, created, no LIMIT 1
    )
    UNION ALL
    SELECT next.lane, next.no
    FROM head CROSS JOIN run AS next ON next.no = (
        SELECT no FROM run
        WHERE queue = :queue AND queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0
            AND lane > head.lane
        ORDER BY lane, priority DESC, created, no LIMIT 1
    )
),
-- With the admission that uses up its rate: the n-th latest, if it is within the span.
turn (lane, no, many, spent) AS MATERIALIZED (
    SELECT head.lane, head.no, coalesce(many, 0), CASE WHEN :lane_rate IS NOT NULL THEN (
        SELECT admitted FROM run
        WHERE
            queue = :queue AND lane = head.lane
            AND queue <> '' AND admitted IS NOT NULL AND admitted > :lane_since
        ORDER BY admitted DESC LIMIT 1 OFFSET :lane_rate - 1
    ) END
    FROM head LEFT JOIN placed ON placed.lane = head.lane
    WHERE :per_lane IS NULL OR coalesce(many, 0) < :per_lane
),
best (lane, many, nth) AS (
    SELECT turn.lane, many, row_number() OVER (
        ORDER BY priority DESC, many, created, run.no
    ) AS nth
    FROM turn CROSS JOIN run ON run.no = turn.no
    WHERE spent IS NULL
    ORDER BY nth LIMIT :lanes
)
SELECT json_object(
    'placed', (SELECT coalesce(sum(many), 0) FROM placed),
    'recent', (
        SELECT count(*) FROM run
        WHERE
            :rate IS NOT NULL
            AND queue = :queue AND queue <> '' AND admitted IS NOT NULL AND admitted > :since
    ),
    'oldest', (
        SELECT min(admitted) FROM run
        WHERE
            :rate IS NOT NULL
            AND queue = :queue AND queue <> '' AND admitted IS NOT NULL AND admitted > :since
    ),
    'held', (SELECT min(spent) FROM turn),
    'lanes', json((
        SELECT coalesce(json_group_array(json_array(lane, many, json((
            SELECT coalesce(json_group_array(json_array(no, priority, created)), '[]') FROM (
                SELECT no, priority, created FROM run
                WHERE
                    queue = :queue AND lane = best.lane
                    AND queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0
                ORDER BY priority DESC, created, no LIMIT :depth
            )
        )), iif(:lane_rate IS NULL, 0, (
            SELECT count(*) FROM run
            WHERE
                queue = :queue AND lane = best.lane
                AND queue <> '' AND admitted IS NOT NULL AND admitted > :lane_since
        ))) ORDER BY nth), '[]') FROM best
    ))
)

-- name: waiting
WITH RECURSIVE found (queue) AS (
    SELECT min(queue) FROM run
    WHERE queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0
    UNION ALL
    SELECT (
        SELECT min(queue) FROM run
        WHERE queue > found.queue
        AND queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0
    )
    FROM found WHERE found.queue IS NOT NULL
)
SELECT json_group_array(queue) FROM found WHERE queue IS NOT NULL

-- name: lanes
SELECT coalesce(json_group_array(json_object(
    'queue', queue, 'lane', lane, 'waiting', waiting, 'placed', placed
) ORDER BY queue, lane), '[]')
FROM (
    SELECT queue, lane, sum(waiting) AS waiting, sum(placed) AS placed FROM (
        SELECT queue, lane, count(*) AS waiting, 0 AS placed FROM run
        WHERE (:queue IS NULL OR queue = :queue)
        AND queue <> '' AND admitted IS NULL AND status = 'queued' AND cancel = 0
        GROUP BY queue, lane
        UNION ALL
        SELECT queue, lane, 0, count(*) FROM run
        WHERE (:queue IS NULL OR queue = :queue)
        AND queue <> '' AND admitted IS NOT NULL
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
        GROUP BY queue, lane
    )
    GROUP BY queue, lane
)
