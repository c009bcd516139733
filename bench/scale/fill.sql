-- A store with :runs runs of four eras, as one looks after a year: nine of ten are done, one in
-- twenty rests, some wait in a queue or for a worker. Run by psql with -v runs=10000000; the
-- secondary indexes are made after the rows.
SET synchronous_commit = off;
SET maintenance_work_mem = '1GB';

CREATE TABLE everflow.shape AS
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'everflow' AND tablename IN ('run', 'question', 'record')
    AND indexname NOT LIKE '%pkey';
SELECT format('DROP INDEX everflow.%I', indexname) FROM everflow.shape \gexec

CREATE TABLE everflow.entry_2 PARTITION OF everflow.entry FOR VALUES IN (2);
CREATE TABLE everflow.entry_3 PARTITION OF everflow.entry FOR VALUES IN (3);
CREATE TABLE everflow.entry_4 PARTITION OF everflow.entry FOR VALUES IN (4);
UPDATE everflow.store SET era = 4;

INSERT INTO everflow.worker (host, pid, since) SELECT 'host-' || n, n, 0 FROM generate_series(1, 8) AS n;
UPDATE everflow.worker SET gone = 2 WHERE id = 8;

INSERT INTO everflow.run (
    no, created, updated, ended, due, owner, admitted, base, priority, era, status, id, flow, definition,
    until, key, parent, queue, lane, labels, outcome
)
SELECT
    no, created, created + 60000000,
    CASE WHEN status IN ('done', 'failed', 'cancelled') THEN created + 60000000 END,
    CASE WHEN status = 'waiting' THEN created + 100000000000000 END,
    CASE WHEN status = 'queued' THEN 0 ELSE 1 + no % 8 END,
    CASE WHEN no % 10 = 0 AND status <> 'queued' THEN created END,
    0, 0, 1 + (4 * (no - 1)) / :runs, status, 'r' || lpad(to_hex(no), 25, '0'),
    CASE WHEN no % (:runs / 10) = 7 THEN 'rare' ELSE 'flow-' || no % 50 END,
    'd' || no % 50,
    CASE WHEN status = 'blocked' THEN 'operator' ELSE '' END,
    CASE WHEN no % 5 = 0 THEN 'key-' || no END,
    CASE WHEN no % 10 = 1 THEN 'r' || lpad(to_hex(no - 1), 25, '0') END,
    CASE WHEN no % 10 = 0 THEN 'mail' ELSE '' END,
    CASE WHEN no % 10 = 0 THEN 'lane-' || no % 1000 ELSE '' END,
    CASE WHEN no % 3 = 0
        THEN jsonb_build_object(
            'customer', 'c' || no % 100000, 'env', CASE WHEN no % 2 = 0 THEN 'prod' ELSE 'test' END
        )
        ELSE '{}'
    END,
    CASE WHEN status = 'done' THEN '["done", ["entry", 2]]' END
FROM (
    SELECT
        no, 1700000000000000 + no * 3000000 AS created,
        CASE
            WHEN pick < 900 THEN 'done'
            WHEN pick < 930 THEN 'failed'
            WHEN pick < 940 THEN 'cancelled'
            WHEN pick < 980 THEN 'suspended'
            WHEN pick < 990 THEN 'waiting'
            WHEN pick < 994 THEN 'queued'
            WHEN pick < 996 THEN 'paused'
            WHEN pick < 998 THEN 'blocked'
            ELSE 'running'
        END AS status
    FROM (
        SELECT no, (hashint8(no) & 1048575) % 1000 AS pick FROM generate_series(1, :runs::bigint) AS no
    ) AS picked
) AS chosen;

INSERT INTO everflow.entry (era, run, seq, sum, body)
SELECT
    1 + (4 * (no - 1)) / :runs, no, seq, (ARRAY[3569901530, 3535244068, 3627546150])[seq + 1],
    '["result","./' || seq || '/step",{"value":"' || repeat('x', 60) || '"},0]'
FROM generate_series(1, :runs::bigint) AS no, generate_series(0, 2) AS seq
WHERE no % 4 = 0;

INSERT INTO everflow.question (run, at, occurrence, tag, op, position, prompt, state)
SELECT
    no, created, 0, CASE WHEN no % 1000 = 3 THEN 'sign' ELSE 'approve' END, './0', 'approve', '[0]',
    CASE WHEN status = 'suspended' THEN 'open' ELSE 'answered' END
FROM everflow.run WHERE status = 'suspended' OR no % 40 = 0;

INSERT INTO everflow.record (at, due, kind, key, body)
SELECT 0, CASE WHEN no % 2 = 0 THEN no END, 'cache', 'k' || no, '{}'
FROM generate_series(1, :runs::bigint / 10) AS no;

SELECT indexdef FROM everflow.shape ORDER BY indexname \gexec
DROP TABLE everflow.shape;
SELECT setval('everflow.run_no', :runs + 1);
VACUUM ANALYZE everflow.run;
VACUUM ANALYZE everflow.entry;
VACUUM ANALYZE everflow.question;
VACUUM ANALYZE everflow.record;
