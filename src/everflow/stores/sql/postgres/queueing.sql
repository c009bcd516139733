-- Queues. The conditions are those of the indexes.

-- name: places
-- Walks in the index from the first run of one lane to that of the next, however many wait in each.
WITH RECURSIVE
placed (lane, many) AS (
    SELECT lane, count(*) FROM everflow.run
    WHERE
        queue = %(queue)s AND queue <> '' AND admitted IS NOT NULL
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    GROUP BY lane
),
head (lane, no, priority, created) AS (
    (
        SELECT lane, no, priority, created FROM everflow.run
        WHERE
            queue = %(queue)s
            AND queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel
        ORDER BY lane, priority DESC, created, no LIMIT 1
    )
    UNION ALL
    SELECT next.lane, next.no, next.priority, next.created
    FROM head CROSS JOIN LATERAL (
        SELECT lane, no, priority, created FROM everflow.run
        WHERE
            queue = %(queue)s AND lane > head.lane
            AND queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel
        ORDER BY lane, priority DESC, created, no LIMIT 1
    ) AS next
),
-- With the admission that uses up its rate: the n-th latest, if it is within the span.
turn (lane, no, priority, created, many, spent) AS MATERIALIZED (
    SELECT
        head.lane, head.no, head.priority, head.created, coalesce(placed.many, 0),
        CASE WHEN %(lane_rate)s::bigint IS NOT NULL THEN (
            SELECT admitted FROM everflow.run
            WHERE
                queue = %(queue)s AND lane = head.lane
                AND queue <> '' AND admitted IS NOT NULL AND admitted > %(lane_since)s
            ORDER BY admitted DESC LIMIT 1 OFFSET %(lane_rate)s::bigint - 1
        ) END
    FROM head LEFT JOIN placed ON placed.lane = head.lane
    WHERE %(per_lane)s::bigint IS NULL OR coalesce(placed.many, 0) < %(per_lane)s::bigint
),
best (lane, many, nth) AS (
    SELECT lane, many, row_number() OVER (ORDER BY priority DESC, many, created, no)
    FROM turn WHERE spent IS NULL
    ORDER BY 3 LIMIT %(lanes)s
)
SELECT
    (SELECT coalesce(sum(many), 0)::bigint FROM placed),
    recent.many,
    recent.oldest,
    (SELECT min(spent) FROM turn),
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(
            lane,
            many,
            (
                SELECT coalesce(jsonb_agg(jsonb_build_array(no, priority, created)), '[]')
                FROM (
                    SELECT no, priority, created FROM everflow.run
                    WHERE
                        queue = %(queue)s AND lane = best.lane
                        AND queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel
                    ORDER BY priority DESC, created, no LIMIT %(depth)s
                ) AS first_of_it
            ),
            CASE WHEN %(lane_rate)s::bigint IS NULL THEN 0 ELSE (
                SELECT count(*) FROM everflow.run
                WHERE
                    queue = %(queue)s AND lane = best.lane
                    AND queue <> '' AND admitted IS NOT NULL AND admitted > %(lane_since)s
            ) END
        ) ORDER BY nth), '[]')::text
        FROM best
    )
FROM (
    SELECT count(*) AS many, min(admitted) AS oldest FROM everflow.run
    WHERE
        %(rate)s::bigint IS NOT NULL
        AND queue = %(queue)s AND queue <> '' AND admitted IS NOT NULL AND admitted > %(since)s
) AS recent

-- name: waiting
WITH RECURSIVE found (queue) AS (
    (
        SELECT queue FROM everflow.run
        WHERE queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel
        ORDER BY queue LIMIT 1
    )
    UNION ALL
    SELECT next.queue
    FROM found CROSS JOIN LATERAL (
        SELECT queue FROM everflow.run
        WHERE
            queue > found.queue
            AND queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel
        ORDER BY queue LIMIT 1
    ) AS next
)
SELECT queue FROM found ORDER BY queue

-- name: lanes
SELECT queue, lane, sum(waiting)::bigint, sum(placed)::bigint
FROM (
    SELECT queue, lane, count(*) AS waiting, 0 AS placed FROM everflow.run
    WHERE
        (%(queue)s::text IS NULL OR queue = %(queue)s)
        AND queue <> '' AND admitted IS NULL AND status = 'queued' AND NOT cancel
    GROUP BY queue, lane
    UNION ALL
    SELECT queue, lane, 0, count(*) FROM everflow.run
    WHERE
        (%(queue)s::text IS NULL OR queue = %(queue)s)
        AND queue <> '' AND admitted IS NOT NULL
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    GROUP BY queue, lane
) AS either
GROUP BY queue, lane
ORDER BY queue, lane
