-- Workers, and what there is for them to do.

-- name: enlist
INSERT INTO worker (epoch, number, at, host, pid, since, about)
VALUES (1, 0, 0, :host, :pid, :at, :about) RETURNING id

-- name: withdraw
-- The number is a living worker's of a younger copy of this store. It stays used.
DELETE FROM worker WHERE id = :id

-- name: forget_retired
-- Younger ones are kept for those who look at what just happened.
DELETE FROM worker WHERE gone = 1 AND id < :id - 64

-- name: keep_highest
UPDATE store SET highest = max(highest, (SELECT max(at) FROM worker))

-- name: unlist_deposed
-- Their rows stay, since runs at rest still name them as their owners.
UPDATE worker SET gone = 3
WHERE gone = 2 AND id < :id - 64 AND NOT EXISTS (
    SELECT 1 FROM run WHERE owner = worker.id AND todo = 1
)

-- name: forget_refusals
DELETE FROM refusal WHERE worker < :id - 64

-- name: forget_taken
DELETE FROM taken WHERE NOT EXISTS (SELECT 1 FROM worker WHERE id = taken.worker AND gone = 0)

-- name: taken_from
SELECT json_object(
    'marks', coalesce((SELECT marks FROM worker WHERE id = :worker), 0),
    'runs', json((
        SELECT json_group_object(run, id) FROM taken
        WHERE worker = :worker AND EXISTS (SELECT 1 FROM worker WHERE id = :worker AND gone = 0)
    ))
)

-- name: listed
SELECT json_group_array(id) FROM worker WHERE gone < 3

-- name: workers
SELECT coalesce(json_group_array(json_object(
    'id', id, 'epoch', epoch, 'number', number, 'beat', 0, 'host', host, 'pid', pid,
    'since', since, 'about', about, 'gone', json(iif(gone, 'true', 'false')), 'lost', json('false'),
    'taken', json(iif(
        gone = 0 AND EXISTS (SELECT 1 FROM taken WHERE taken.worker = worker.id), 'true', 'false'
    ))
) ORDER BY id), '[]')
FROM worker WHERE gone < 3

-- name: numbers
SELECT json_group_object(id, number) FROM worker

-- name: holding
-- The newest of each status that is held, in the order of its index: never more rows than that.
WITH seen (owner, status) AS (
    SELECT owner, status FROM (SELECT * FROM run WHERE status = 'queued'
        ORDER BY created DESC, no DESC LIMIT :most)
    UNION ALL
    SELECT owner, status FROM (SELECT * FROM run WHERE status = 'running'
        ORDER BY created DESC, no DESC LIMIT :most)
    UNION ALL
    SELECT owner, status FROM (SELECT * FROM run WHERE status = 'cancelling'
        ORDER BY created DESC, no DESC LIMIT :most)
    UNION ALL
    SELECT owner, status FROM (SELECT * FROM run WHERE status = 'suspended'
        ORDER BY created DESC, no DESC LIMIT :most)
    UNION ALL
    SELECT owner, status FROM (SELECT * FROM run WHERE status = 'waiting'
        ORDER BY created DESC, no DESC LIMIT :most)
),
counted (owner, active, resting) AS (
    SELECT
        owner, sum(status IN ('queued', 'running', 'cancelling')),
        sum(status IN ('suspended', 'waiting'))
    FROM seen GROUP BY owner
),
beyond (any) AS (
    SELECT count(*) FROM json_each('["queued","running","cancelling","suspended","waiting"]') AS held
    WHERE EXISTS (
        SELECT 1 FROM run WHERE status = held.value
        ORDER BY created DESC, no DESC LIMIT 1 OFFSET :most
    )
)
SELECT json_group_array(json_object(
    'worker', asked.value,
    'active', coalesce(iif(keeps.id, counted.active, 0), 0),
    'resting', coalesce(iif(keeps.id, counted.resting, 0), 0),
    'next_due', iif(keeps.id, (
        SELECT min(column1) FROM (VALUES
            ((SELECT min(due) FROM run WHERE timed = 1 AND owner = asked.value)),
            ((SELECT min(due) FROM run WHERE timed = 2 AND owner = asked.value))
        )
    ), NULL),
    'more', json(iif((SELECT any FROM beyond), 'true', 'false'))
) ORDER BY asked.key)
FROM json_each(:workers) AS asked
LEFT JOIN worker AS keeps ON keeps.id = asked.value AND keeps.gone <> 1
LEFT JOIN counted ON counted.owner = asked.value

-- name: depose
UPDATE worker SET epoch = epoch + 1, gone = 2 WHERE id = :id AND epoch = :epoch AND gone = 0

-- name: retire
-- Its runs are unowned by that: whoever looks at an owner looks whether it retired.
UPDATE worker SET epoch = epoch + 1, gone = 1 WHERE id = :id AND gone = 0

-- name: heaps
-- (owner, queue, definition, barred) of runs with something to do and without a living owner, and the
-- owners without life that own timers: walking in the indexes from one owner to the next, and from one
-- queue, definition and barred to the next, so that it costs the same however many runs there are.
WITH RECURSIVE
holder (owner) AS (
    SELECT min(owner) FROM run WHERE todo = 1
    UNION ALL
    SELECT (SELECT min(owner) FROM run WHERE todo = 1 AND owner > holder.owner)
    FROM holder WHERE holder.owner IS NOT NULL
),
heap (owner, queue, definition, barred) AS (
    SELECT first.owner, first.queue, first.definition, first.barred
    FROM holder CROSS JOIN run AS first ON first.no = (
        SELECT no FROM run WHERE todo = 1 AND run.owner = holder.owner
        ORDER BY queue, definition, barred LIMIT 1
    )
    WHERE NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = holder.owner AND gone = 0)
    UNION ALL
    SELECT next.owner, next.queue, next.definition, next.barred
    FROM heap CROSS JOIN run AS next ON next.no = coalesce(
        (
            SELECT no FROM run
            WHERE todo = 1 AND run.owner = heap.owner AND queue = heap.queue
            AND definition = heap.definition AND barred > heap.barred
            ORDER BY barred LIMIT 1
        ),
        (
            SELECT no FROM run
            WHERE todo = 1 AND run.owner = heap.owner AND queue = heap.queue
            AND definition > heap.definition
            ORDER BY definition, barred LIMIT 1
        ),
        (
            SELECT no FROM run
            WHERE todo = 1 AND run.owner = heap.owner AND queue > heap.queue
            ORDER BY queue, definition, barred LIMIT 1
        )
    )
),
sleeper (owner) AS (
    SELECT min(owner) FROM run WHERE timed = 1
    UNION ALL
    SELECT (
        SELECT min(owner) FROM run
        WHERE timed = 1 AND owner > sleeper.owner
    )
    FROM sleeper WHERE sleeper.owner IS NOT NULL
)
SELECT json_object(
    'lives', json(iif(EXISTS (
        SELECT 1 FROM worker WHERE id = :worker AND gone = 0
    ), 'true', 'false')),
    'taken', json((SELECT json_group_array(run) FROM taken WHERE worker = :worker)),
    'heaps', json((
        SELECT json_group_array(json_array(owner, queue, definition, barred)) FROM heap
    )),
    'sleepers', json((
        SELECT json_group_array(owner) FROM sleeper
        WHERE owner IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM worker WHERE worker.id = sleeper.owner AND gone = 0
        )
    ))
)

-- name: heap
SELECT coalesce(json_group_array(json_array(created, no, owner)), '[]') FROM (
    SELECT created, no, owner FROM run
    WHERE todo = 1 AND owner = :owner AND queue = :queue AND definition = :definition
    AND barred = :barred
    ORDER BY created, no LIMIT :limit
)

-- name: sleepers
SELECT coalesce(json_group_array(json_array(created, no, owner)), '[]') FROM (
    SELECT created, no, owner FROM run
    WHERE timed = 1 AND owner = :owner
    AND due <= :now AND NOT todo
    AND definition NOT IN (SELECT value FROM json_each(:without))
    AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
    ORDER BY created, no LIMIT :limit
)

-- name: called
SELECT coalesce(json_group_array(json_array(created, no, owner)), '[]') FROM (
    SELECT created, no, owner FROM run
    WHERE called + moving > 0 AND todo = 1
    AND (
        called > 0 OR EXISTS (
            SELECT 1 FROM inbox
            WHERE inbox.run = run.no AND inbox.kind = 'upgrade'
            AND inbox.message ->> 'definition' NOT IN (SELECT value FROM json_each(:without))
        )
    )
    AND definition IN (SELECT value FROM json_each(:without))
    AND coalesce(barred ->> :me <> :code, TRUE)
    AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
    AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = run.owner AND worker.gone = 0)
    ORDER BY created, no LIMIT :limit
)

-- name: leased
SELECT coalesce(json_group_array(json_array(created, no, owner)), '[]') FROM (
    SELECT created, no, owner FROM run
    WHERE no IN (SELECT value FROM json_each(:leased))
    AND (todo = 2 OR timed = 2 AND due <= :now)
    AND (
        definition NOT IN (SELECT value FROM json_each(:without)) OR called > 0 OR EXISTS (
            SELECT 1 FROM inbox
            WHERE inbox.run = run.no AND inbox.kind = 'upgrade'
            AND inbox.message ->> 'definition' NOT IN (SELECT value FROM json_each(:without))
        )
    )
    AND coalesce(barred ->> :me <> :code, TRUE)
    AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
    AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = run.owner AND worker.gone = 0)
    ORDER BY created, no LIMIT :limit
)

-- name: still_there
SELECT '[' || coalesce(group_concat(doc, ',' ORDER BY seen.key), '') || ']'
FROM json_each(:seen) AS seen CROSS JOIN run_shown ON run_shown.no = seen.value ->> 0
WHERE
    run_shown.owner = seen.value ->> 1
    AND NOT EXISTS (SELECT 1 FROM taken WHERE taken.worker = :worker AND taken.run = run_shown.no)

-- name: claim
-- On condition that the owners are still those that were seen.
UPDATE run SET owner = :worker
WHERE
    (no, owner) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:seen))
    AND NOT EXISTS (SELECT 1 FROM taken WHERE taken.worker = :worker AND taken.run = no)
    AND EXISTS (SELECT 1 FROM worker WHERE id = :worker AND gone = 0)

-- name: release
UPDATE run SET owner = 0
WHERE
    no IN (SELECT value FROM json_each(:nos)) AND owner = :worker
    AND EXISTS (SELECT 1 FROM worker WHERE id = :worker AND gone = 0)

-- name: arrivals
SELECT '[' || coalesce(group_concat(
    '{"id":' || id || ',"no":' || run || ',"message":' || message || '}', ','
), '') || ']'
FROM (
    SELECT inbox.id, inbox.run, inbox.message
    FROM inbox CROSS JOIN run ON run.no = inbox.run
    WHERE inbox.id > :after AND run.owner = :worker
    AND EXISTS (SELECT 1 FROM worker WHERE worker.id = :worker AND gone <> 1)
    ORDER BY inbox.id LIMIT :limit
)

-- name: owned
SELECT coalesce(json_group_array(no), '[]') FROM (
    SELECT no FROM run WHERE todo = 1 AND owner = :worker ORDER BY created, no
)
WHERE EXISTS (SELECT 1 FROM worker WHERE id = :worker AND gone <> 1)

-- name: due
SELECT coalesce(json_group_array(no), '[]') FROM (
    SELECT no, due FROM run WHERE timed = 1 AND owner = :worker AND due <= :now
    UNION ALL
    SELECT no, due FROM run WHERE timed = 2 AND owner = :worker AND due <= :now
    ORDER BY due, no LIMIT :limit
)
WHERE EXISTS (SELECT 1 FROM worker WHERE id = :worker AND gone <> 1)

-- name: next_due
SELECT json_array((
    SELECT min(column1) FROM (VALUES
        ((SELECT min(due) FROM run WHERE timed = 1 AND owner = :worker)),
        ((SELECT min(due) FROM run WHERE timed = 2 AND owner = :worker))
    )
    WHERE EXISTS (SELECT 1 FROM worker WHERE id = :worker AND gone <> 1)
))

-- name: next_free
WITH RECURSIVE sleeper (owner) AS (
    SELECT min(owner) FROM run WHERE timed = 1
    UNION ALL
    SELECT (SELECT min(owner) FROM run WHERE timed = 1 AND owner > sleeper.owner)
    FROM sleeper WHERE sleeper.owner IS NOT NULL
)
SELECT json_array(min((SELECT min(due) FROM run WHERE timed = 1 AND owner = sleeper.owner)))
FROM sleeper
WHERE NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = sleeper.owner AND gone = 0)
