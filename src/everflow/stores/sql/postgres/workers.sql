-- Workers, and what there is for them to do.

-- name: next_worker
SELECT nextval('everflow.worker_id_seq')

-- name: workers
-- With what says that others wrote: who watches needn't ask for that, too.
SELECT
    id, epoch, number, coalesce(pulse.beat, 0), host, pid, since, gone > 0,
    gone = 0 AND EXISTS (SELECT FROM everflow.taken WHERE taken.worker = worker.id),
    about, node = %(node)s, seen.told, seen.oldest, seen.next
FROM
    everflow.do_told() AS seen
    CROSS JOIN everflow.worker LEFT JOIN everflow.pulse ON pulse.worker = worker.id
WHERE gone < 3
ORDER BY id

-- name: board
-- Of a worker whose own board can't be read: what it told of it last, and what else is to be doubted.
SELECT flights, ARRAY(
    SELECT no FROM everflow.run WHERE no = ANY(%(claimed)s::bigint[]) AND orphaned > 1 ORDER BY no
)
FROM everflow.worker WHERE id = %(worker)s AND node <> %(node)s

-- name: holding
SELECT * FROM everflow.do_holding(%(workers)s::bigint[], %(most)s)

-- name: owned
SELECT no FROM everflow.run
WHERE
    todo = 1 AND owner = %(worker)s
    AND EXISTS (SELECT FROM everflow.worker WHERE worker.id = %(worker)s AND gone <> 1)
ORDER BY created, no

-- name: arrivals
-- Those above an id, and those below it that the snapshot of the look before couldn't see.
SELECT now.snapshot, mail.id, mail.run, mail.message
FROM (SELECT pg_current_snapshot()::text AS snapshot) AS now LEFT JOIN LATERAL (
    SELECT inbox.id, inbox.run, inbox.message
    FROM everflow.run JOIN everflow.inbox ON inbox.run = run.no
    WHERE
        run.owner = %(worker)s AND run.mail > 0
        AND (
            inbox.id > %(after)s
            OR NOT pg_visible_in_snapshot(inbox.written, %(former)s::pg_snapshot)
            AND NOT inbox.id = ANY(%(given)s::bigint[])
        )
        AND EXISTS (SELECT FROM everflow.worker WHERE worker.id = %(worker)s AND gone <> 1)
    ORDER BY inbox.id LIMIT %(limit)s
) AS mail ON TRUE

-- name: due
-- From one pile of runs alike to the next, as ``do_claim`` walks.
WITH RECURSIVE pile (queue, definition) AS (
    (
        SELECT queue, definition FROM everflow.run WHERE timed = 1 AND owner = %(worker)s
        ORDER BY queue, definition LIMIT 1
    )
    UNION ALL
    SELECT following.queue, following.definition FROM pile CROSS JOIN LATERAL (
        SELECT run.queue, run.definition FROM everflow.run
        WHERE
            timed = 1 AND owner = %(worker)s
            AND (run.queue, run.definition) > (pile.queue, pile.definition)
        ORDER BY run.queue, run.definition LIMIT 1
    ) AS following
)
SELECT no FROM (
    SELECT earliest.due, earliest.no FROM pile CROSS JOIN LATERAL (
        SELECT run.due, run.no FROM everflow.run
        WHERE
            timed = 1 AND owner = %(worker)s AND run.queue = pile.queue
            AND run.definition = pile.definition AND run.due <= %(now)s
        ORDER BY run.due, run.no LIMIT %(limit)s
    ) AS earliest
    UNION ALL
    SELECT due, no FROM everflow.run WHERE timed = 2 AND owner = %(worker)s AND due <= %(now)s
) AS mine
WHERE EXISTS (SELECT FROM everflow.worker WHERE id = %(worker)s AND gone <> 1)
ORDER BY due, no LIMIT %(limit)s

-- name: next_due
SELECT everflow.do_next_due(%(worker)s)
