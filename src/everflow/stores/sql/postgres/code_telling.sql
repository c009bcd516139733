-- Tells the other processes that there is something to see for them: those that listen at once, at
-- the commit, those that can't as they look next. Notifications make commits wait for each other, so
-- that only those verbs tell after which somebody else has to look.
CREATE FUNCTION everflow.do_tell(what text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('everflow.told');
    PERFORM pg_notify('everflow_<schema>', what);
END
$$;
