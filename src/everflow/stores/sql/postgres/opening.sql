-- What is looked at before a store is used, and what says that others wrote.

-- name: look
-- In a database without the schema `space` is null. What a role may do is asked of the server, so
-- that nothing has to be tried.
SELECT
    current_setting('server_version_num')::integer AS version,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only,
    current_setting('synchronous_commit') AS durability,
    current_setting('transaction_isolation') AS isolation,
    pg_backend_pid() AS pid,
    current_user::text AS role,
    space.oid IS NOT NULL AS there,
    CASE
        WHEN space.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
        ELSE has_schema_privilege(space.oid, 'CREATE')
    END AS may_make,
    coalesce(has_schema_privilege(space.oid, 'USAGE'), true) AS may_use,
    NOT EXISTS (
        SELECT FROM pg_class WHERE relnamespace = space.oid AND NOT pg_has_role(relowner, 'USAGE')
    ) AS owns,
    ARRAY(
        SELECT relname::text FROM pg_class
        WHERE relnamespace = space.oid AND relkind IN ('r', 'p', 'v', 'm', 'f')
    ) AS tables,
    ARRAY(
        SELECT attname::text FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = space.oid AND relname = 'store' AND relkind = 'r' AND attnum > 0
    ) AS columns,
    ARRAY(
        SELECT relname::text FROM pg_class
        WHERE
            relnamespace = space.oid AND relkind IN ('r', 'p') AND NOT relispartition
            AND NOT has_table_privilege(oid, 'SELECT')
        ORDER BY relname
    ) AS unreadable,
    ARRAY(
        SELECT relname::text FROM pg_class
        WHERE
            relnamespace = space.oid AND relname IN ('run', 'entry', 'inbox', 'record')
            AND NOT has_table_privilege(oid, 'INSERT')
        ORDER BY relname
    ) AS unwritable
FROM (SELECT) AS always
LEFT JOIN pg_namespace AS space ON space.nspname = '<schema>'

-- name: moment
SELECT now(), pg_backend_pid()

-- name: store
SELECT id, format, needs, fleet, place, <place> FROM everflow.store

-- name: others
-- The functions of other releases, as DROP FUNCTION takes them.
SELECT pg_proc.oid::regprocedure::text FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = '<schema>' AND starts_with(proname, 'do_') AND proname <> all(%(names)s)

-- name: functions
SELECT DISTINCT proname::text FROM pg_proc
WHERE pronamespace = to_regnamespace('<schema>') AND proname = any(%(names)s)

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('everflow:<schema>', 0))

-- name: make
CREATE SCHEMA IF NOT EXISTS "<schema>"

-- name: begin
INSERT INTO everflow.store (id, format, created, place)
VALUES (
    replace(gen_random_uuid()::text, '-', ''), <format>,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, <place>
)

-- name: advance
UPDATE everflow.store SET format = <format>

-- name: name_fleet
UPDATE everflow.store SET fleet = %(fleet)s WHERE fleet = ''

-- name: take_place
UPDATE everflow.store SET place = <place>

-- name: grant_worker
GRANT USAGE ON SCHEMA "<schema>" TO <role>;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "<schema>" TO <role>;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "<schema>" TO <role>;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "<schema>" TO <role>;
ALTER DEFAULT PRIVILEGES IN SCHEMA "<schema>" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO <role>;
ALTER DEFAULT PRIVILEGES IN SCHEMA "<schema>" GRANT USAGE, SELECT ON SEQUENCES TO <role>;
ALTER DEFAULT PRIVILEGES IN SCHEMA "<schema>" GRANT EXECUTE ON FUNCTIONS TO <role>;
REVOKE UPDATE, DELETE ON everflow.store FROM <role>;
GRANT UPDATE (highest, fleet) ON everflow.store TO <role>

-- name: grant_client
GRANT USAGE ON SCHEMA "<schema>" TO <role>;
GRANT SELECT ON ALL TABLES IN SCHEMA "<schema>" TO <role>;
GRANT INSERT ON
    everflow.run, everflow.entry, everflow.question, everflow.inbox, everflow.heard,
    everflow.record, everflow.definition
TO <role>;
GRANT UPDATE, DELETE ON
    everflow.run, everflow.question, everflow.inbox, everflow.heard, everflow.record
TO <role>;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "<schema>" TO <role>;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "<schema>" TO <role>;
ALTER DEFAULT PRIVILEGES IN SCHEMA "<schema>" GRANT SELECT ON TABLES TO <role>;
ALTER DEFAULT PRIVILEGES IN SCHEMA "<schema>" GRANT USAGE, SELECT ON SEQUENCES TO <role>;
ALTER DEFAULT PRIVILEGES IN SCHEMA "<schema>" GRANT EXECUTE ON FUNCTIONS TO <role>

-- name: info
SELECT
    id, format, created,
    greatest(highest, (SELECT coalesce(max(at), 0) FROM everflow.worker))
FROM everflow.store

-- name: told
SELECT * FROM everflow.do_told()
