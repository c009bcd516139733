-- What nodes write with their results, in transactions of their own; and what applications do.

-- Begins: tells a node's worker that is gone, and gives the id of the op's message if its commit went
-- through that wasn't known to. Whoever sends the same again waits here for the one that went before,
-- which may still be about to end; so what is found is the last word. The setting tells do_settle_node
-- that nobody ended the transaction meanwhile.
CREATE FUNCTION everflow.do_attend(
    p_worker bigint, p_epoch bigint, p_run bigint, p_op text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place text := concat_ws(' ', '<schema>', p_worker, p_epoch, p_run, p_op);
    key bigint := hashtextextended(place, 0);
    before text := current_setting('lock_timeout');
BEGIN
    -- The one that went before is the same worker's: where it waits for its client, that has given it
    -- up, and a line that is cut in half would never say so. One that is committing is waited for.
    IF NOT pg_try_advisory_xact_lock(key) THEN
        PERFORM pg_terminate_backend(held.pid) FROM pg_locks AS held
        INNER JOIN pg_stat_activity AS session ON session.pid = held.pid
        WHERE
            held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
            AND (held.classid::bigint << 32 | held.objid::bigint) = key
            AND session.datname = current_database() AND session.usename = current_user
            AND session.state LIKE 'idle in transaction%';
        PERFORM set_config('lock_timeout', '5s', true);
        PERFORM pg_advisory_xact_lock(key);
        PERFORM set_config('lock_timeout', before, true);
    END IF;
    PERFORM FROM everflow.worker WHERE id = p_worker AND epoch = p_epoch AND gone = 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'everflow:fenced' USING ERRCODE = 'EF001';
    END IF;
    PERFORM set_config('ef_settling.place', md5(place), true);
    -- By that it is found and ended when the worker is taken for dead, see do_depose.
    PERFORM set_config('application_name', concat_ws(' ', 'everflow', '<schema>', p_worker), true);
    RETURN coalesce((
        SELECT id FROM everflow.inbox WHERE run = p_run AND kind = 'settled' AND tag = p_op
    ), 0);
END
$$;

-- Ends: holds the worker's life and the run until the commit, so that neither can be taken before it.
-- Gives the id of the message; null where the run isn't the worker's own or has ended. Who is stopped
-- between this and the commit doesn't hold them for longer than that.
CREATE FUNCTION everflow.do_settle_node(
    p_worker bigint, p_epoch bigint, p_run bigint, p_op text, p_message text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place text := concat_ws(' ', '<schema>', p_worker, p_epoch, p_run, p_op);
    made bigint;
BEGIN
    IF current_setting('ef_settling.place', true) IS DISTINCT FROM md5(place) THEN
        RAISE EXCEPTION 'its transaction was ended by a statement of its own'
        USING ERRCODE = 'EF005';
    END IF;
    PERFORM set_config('idle_in_transaction_session_timeout', '5s', true);
    PERFORM FROM everflow.worker WHERE id = p_worker AND epoch = p_epoch AND gone = 0
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'everflow:fenced' USING ERRCODE = 'EF001';
    END IF;
    UPDATE everflow.run SET mail = mail + 1, rev = rev + (rev > 0)::integer
    WHERE
        no = p_run AND owner = p_worker
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off');
    IF NOT FOUND OR EXISTS (
        SELECT FROM everflow.taken WHERE worker = p_worker AND run = p_run
    ) THEN
        RETURN NULL;
    END IF;
    INSERT INTO everflow.inbox (run, kind, tag, message)
    VALUES (p_run, 'settled', p_op, p_message) RETURNING id INTO made;
    RETURN made;
END
$$;

-- Starts one run in a transaction that is the application's; gives its id, or that of the run which
-- has its key. Workers hear of it with the commit.
CREATE FUNCTION everflow.do_start_in(p_runs jsonb, p_definitions jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    nos bigint[] := everflow.do_start(p_runs, p_definitions);
BEGIN
    RETURN (SELECT id FROM everflow.run WHERE no = abs(nos[1]));
END
$$;
