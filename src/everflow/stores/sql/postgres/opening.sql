-- What is looked at before a store is used, and what says that others wrote.

-- name: look
SELECT
    current_setting('server_version_num')::integer AS version,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only,
    current_setting('synchronous_commit') AS durability,
    pg_backend_pid() AS pid,
    (SELECT system_identifier FROM pg_control_system())::text
    || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())::text AS place,
    coalesce(bool_or(table_.relname = 'store' AND table_.relkind = 'r'), false) AS store,
    coalesce(array_agg(table_.relname) FILTER (WHERE table_.relname IS NOT NULL), '{}') AS tables,
    bool_or(space.oid IS NOT NULL) AS space
FROM (SELECT) AS always
LEFT JOIN pg_namespace AS space ON space.nspname = '<schema>'
LEFT JOIN pg_class AS table_ ON table_.relnamespace = space.oid AND table_.relkind IN ('r', 'p', 'v')

-- name: store
SELECT id, format, fleet, place FROM everflow.store

-- name: functions
SELECT DISTINCT proname::text FROM pg_proc
WHERE pronamespace = to_regnamespace('<schema>') AND proname = any(%(names)s)

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('everflow:<schema>', 0))

-- name: begin_store
INSERT INTO everflow.store (id, format, created, fleet, place)
VALUES (%(id)s, %(format)s, %(created)s, %(fleet)s, %(place)s)

-- name: advance
UPDATE everflow.store SET format = %(format)s

-- name: info
SELECT
    id, format, created,
    greatest(highest, (SELECT coalesce(max(at), 0) FROM everflow.worker))
FROM everflow.store

-- name: told
SELECT
    told.last_value + told.is_called::integer + record.last_value + record.is_called::integer
    + run.last_value + run.is_called::integer + inbox.last_value + inbox.is_called::integer,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM
    everflow.told AS told,
    everflow.record_version_seq AS record,
    everflow.run_no AS run,
    everflow.inbox_id_seq AS inbox
