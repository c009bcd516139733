-- Tells the other processes that there is something to see for them: those that listen at once, at
-- the commit, those that can't as they look next. Notifications make commits wait for each other, so
-- that only those verbs tell after which somebody else has to look.
CREATE FUNCTION everflow.do_tell(what text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('everflow.told');
    PERFORM pg_notify('everflow_<schema>', what);
END
$$;

-- A sum that grows with what is told and written, and which transactions are under way.
CREATE FUNCTION everflow.do_told() RETURNS TABLE (told bigint, oldest bigint, next bigint)
LANGUAGE sql STABLE AS $$
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
$$;

-- Tells those who own these runs that something came for them, and everybody where nobody living does.
CREATE FUNCTION everflow.do_tell_of(nos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    owners bigint[] := ARRAY(
        SELECT DISTINCT coalesce(worker.id, 0)
        FROM everflow.run LEFT JOIN everflow.worker ON worker.id = run.owner AND gone = 0
        WHERE no = ANY (nos)
    );
BEGIN
    IF 0 = ANY (owners) OR cardinality(owners) > 8 THEN
        PERFORM everflow.do_tell();
    ELSIF owners <> '{}' THEN
        PERFORM nextval('everflow.told');
        PERFORM pg_notify('everflow_<schema>', one::text) FROM unnest(owners) AS one;
    END IF;
END
$$;
