-- Workers, and how runs change hands.

CREATE FUNCTION everflow.do_enlist(
    its_id bigint, its_host text, its_pid bigint, instant bigint, its_node text, its_about text
) RETURNS TABLE (listed bigint) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO everflow.worker (id, host, pid, since, node, about) OVERRIDING SYSTEM VALUE
    VALUES (its_id, its_host, its_pid, instant, its_node, its_about);
    UPDATE everflow.store SET highest = latest.at
    FROM (SELECT max(at) AS at FROM everflow.worker) AS latest
    WHERE store.highest < latest.at;
    -- Younger ones are kept for those who look at what just happened. What another one that enlists
    -- forgets just now is left to it.
    DELETE FROM everflow.worker WHERE id = ANY (ARRAY(
        SELECT id FROM everflow.worker WHERE gone = 1 AND id < its_id - 64
        FOR UPDATE SKIP LOCKED
    ));
    -- Their rows stay, since runs at rest still name them as their owners.
    UPDATE everflow.worker SET gone = 3 WHERE id = ANY (ARRAY(
        SELECT id FROM everflow.worker
        WHERE gone = 2 AND id < its_id - 64 AND NOT EXISTS (
            SELECT FROM everflow.run WHERE owner = worker.id AND todo = 1
        )
        FOR NO KEY UPDATE SKIP LOCKED
    ));
    DELETE FROM everflow.pulse WHERE NOT EXISTS (
        SELECT FROM everflow.worker WHERE worker.id = pulse.worker AND gone = 0
    );
    DELETE FROM everflow.taken WHERE NOT EXISTS (
        SELECT FROM everflow.worker WHERE worker.id = taken.worker AND gone = 0
    );
    RETURN QUERY SELECT id FROM everflow.worker WHERE gone < 3;
END
$$;

-- A beat waits for no disk and for nobody: where the worker is just writing, its board is told then.
CREATE FUNCTION everflow.do_beat(its_id bigint, board bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO everflow.pulse (worker, beat) VALUES (its_id, 1)
    ON CONFLICT (worker) DO UPDATE SET beat = pulse.beat + 1;
    IF board IS NOT NULL THEN
        UPDATE everflow.worker SET flights = board WHERE id = (
            SELECT id FROM everflow.worker WHERE id = its_id AND gone = 0
            FOR NO KEY UPDATE SKIP LOCKED
        );
    END IF;
END
$$;

-- Of a worker that is in the middle of a write nothing is known: whoever looks again will see.
CREATE FUNCTION everflow.do_depose(its_id bigint, its_epoch bigint) RETURNS TABLE (deposed bigint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM everflow.worker WHERE id = its_id AND epoch = its_epoch AND gone = 0
    FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE everflow.worker SET epoch = epoch + 1, gone = 2 WHERE id = its_id;
        -- What its nodes have open can't be committed any more, and may hold rows that those want
        -- which run again elsewhere: a process that stands wouldn't let go of them.
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE
            datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
            AND application_name = concat_ws(' ', 'everflow', '<schema>', its_id);
        PERFORM everflow.do_tell();
        RETURN QUERY SELECT its_id;
    END IF;
END
$$;

-- Its runs are unowned by that: whoever looks at an owner looks whether it retired.
CREATE FUNCTION everflow.do_retire(its_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM everflow.worker WHERE id = its_id AND gone = 0 FOR UPDATE;
    IF FOUND THEN
        UPDATE everflow.worker SET epoch = epoch + 1, gone = 1 WHERE id = its_id;
        PERFORM everflow.do_tell();
    END IF;
END
$$;

CREATE FUNCTION everflow.do_release(its_id bigint, nos bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM everflow.worker WHERE id = its_id AND gone = 0 FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE everflow.run SET owner = 0 WHERE no = ANY (ARRAY(
        SELECT no FROM everflow.run WHERE no = ANY (nos) AND owner = its_id
        ORDER BY no FOR NO KEY UPDATE
    ));
    IF FOUND THEN
        PERFORM everflow.do_tell();
    END IF;
END
$$;

-- Taking runs. First a walk in run_todo and run_due from one (owner, queue, definition, barred) to
-- the next, that passes over a whole owner who lives, a queue or a definition that isn't wanted:
-- piles of runs alike, so that it costs the same however many runs there are. Then the oldest of all
-- piles, as many as are wanted, but those that somebody else is at just now: nobody waits for anybody,
-- and what another one has taken meanwhile shows by its owner. For those missed, the next oldest.
-- Orders are written whole, and rows compared, so that one index alone fits, whatever is known of the
-- table: a planner that takes a pile for most of it walks all runs by age instead.
CREATE FUNCTION everflow.do_claim(
    taker bigint, instant bigint, most bigint, lacking text[], its_code bigint, lent bigint[],
    bound text[], here text
) RETURNS SETOF everflow.run_shown LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    place record;
    owners bigint[] := '{}';
    queues text[] := '{}';
    definitions text[] := '{}';
    codes text[] := '{}';
    sleepers bigint[] := '{}';
    sleepers_queues text[] := '{}';
    sleepers_definitions text[] := '{}';
    me text := taker::text;
    nowhere text[] := ARRAY(SELECT to_json(hash)::text FROM unnest(lacking) AS hash);
    other_nos bigint[];
    other_births bigint[];
    other_holders bigint[];
    wanted bigint;
    nos bigint[];
    births bigint[];
    holders bigint[];
    last_no bigint := 0;
    last_birth bigint := -9223372036854775808;
    won bigint[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM everflow.worker WHERE id = taker AND gone = 0) THEN
        RAISE EXCEPTION 'everflow:fenced' USING ERRCODE = 'EF001';
    END IF;

    SELECT owner, queue, definition, barred INTO place FROM everflow.run
    WHERE todo = 1 ORDER BY owner, queue, definition, barred LIMIT 1;
    WHILE FOUND LOOP
        IF EXISTS (SELECT FROM everflow.worker WHERE id = place.owner AND gone = 0) THEN
            SELECT owner, queue, definition, barred INTO place FROM everflow.run
            WHERE todo = 1 AND owner > place.owner
            ORDER BY owner, queue, definition, barred LIMIT 1;
        ELSIF place.queue <> ALL (bound) THEN
            SELECT owner, queue, definition, barred INTO place FROM everflow.run
            WHERE todo = 1 AND (owner, queue) > (place.owner, place.queue)
            ORDER BY owner, queue, definition, barred LIMIT 1;
        ELSIF place.definition = ANY (lacking) THEN
            SELECT owner, queue, definition, barred INTO place FROM everflow.run
            WHERE
                todo = 1
                AND (owner, queue, definition) > (place.owner, place.queue, place.definition)
            ORDER BY owner, queue, definition, barred LIMIT 1;
        ELSE
            IF place.barred = '' OR (
                SELECT (unfit::jsonb ->> me)::bigint FROM everflow.run
                WHERE
                    todo = 1
                    AND (owner, queue, definition, barred)
                    = (place.owner, place.queue, place.definition, place.barred)
                LIMIT 1
            ) IS DISTINCT FROM its_code
            THEN
                owners := owners || place.owner;
                queues := queues || place.queue;
                definitions := definitions || place.definition;
                codes := codes || place.barred;
            END IF;
            SELECT owner, queue, definition, barred INTO place FROM everflow.run
            WHERE
                todo = 1
                AND (owner, queue, definition, barred)
                > (place.owner, place.queue, place.definition, place.barred)
            ORDER BY owner, queue, definition, barred LIMIT 1;
        END IF;
    END LOOP;

    SELECT owner, queue, definition INTO place FROM everflow.run
    WHERE timed = 1 ORDER BY owner, queue, definition LIMIT 1;
    WHILE FOUND LOOP
        IF EXISTS (SELECT FROM everflow.worker WHERE id = place.owner AND gone = 0) THEN
            SELECT owner, queue, definition INTO place FROM everflow.run
            WHERE timed = 1 AND owner > place.owner ORDER BY owner, queue, definition LIMIT 1;
        ELSIF place.queue <> ALL (bound) THEN
            SELECT owner, queue, definition INTO place FROM everflow.run
            WHERE timed = 1 AND (owner, queue) > (place.owner, place.queue)
            ORDER BY owner, queue, definition LIMIT 1;
        ELSE
            IF NOT place.definition = ANY (lacking) THEN
                sleepers := sleepers || place.owner;
                sleepers_queues := sleepers_queues || place.queue;
                sleepers_definitions := sleepers_definitions || place.definition;
            END IF;
            SELECT owner, queue, definition INTO place FROM everflow.run
            WHERE
                timed = 1
                AND (owner, queue, definition) > (place.owner, place.queue, place.definition)
            ORDER BY owner, queue, definition LIMIT 1;
        END IF;
    END LOOP;

    IF sleepers <> '{}' THEN
        SELECT array_agg(pile.no), array_agg(pile.created), array_agg(pile.owner)
        INTO other_nos, other_births, other_holders
        FROM unnest(sleepers, sleepers_queues, sleepers_definitions)
            AS heap (owner, queue, definition)
        CROSS JOIN LATERAL (
            -- After an outage many may be due: of a pile no more are looked at than these.
            SELECT run.no, run.created, run.owner FROM everflow.run
            WHERE
                timed = 1 AND todo + 0 = 0
                AND (run.owner, run.queue, run.definition)
                >= (heap.owner, heap.queue, heap.definition)
                AND (run.owner, run.queue, run.definition, run.due)
                <= (heap.owner, heap.queue, heap.definition, instant)
            ORDER BY run.owner, run.queue, run.definition, run.due, run.no
            LIMIT greatest(most, 1000)
        ) AS pile;
    END IF;
    IF lacking <> '{}' OR lent <> '{}' THEN
        -- A cancel needs no code, and an upgrade may lead to other code. Of these there are few.
        SELECT
            other_nos || array_agg(run.no), other_births || array_agg(run.created),
            other_holders || array_agg(run.owner)
        INTO other_nos, other_births, other_holders
        FROM (
            SELECT no FROM everflow.run
            WHERE called + moving > 0 AND todo + 0 = 1 AND definition = ANY (lacking)
            UNION ALL
            SELECT no FROM everflow.run
            WHERE no = ANY (lent) AND (todo + 0 = 2 OR timed + 0 = 2 AND due <= instant)
        ) AS special JOIN everflow.run ON run.no = special.no
        WHERE
            (definition <> ALL (lacking) OR called > 0 OR EXISTS (
                SELECT FROM everflow.inbox
                WHERE
                    inbox.run = run.no AND inbox.kind = 'upgrade'
                    AND (inbox.message::json -> 'definition')::text <> ALL (nowhere)
            ))
            AND (bound IS NULL OR queue = ANY (bound))
            AND (barred = '' OR (unfit::jsonb ->> me)::bigint IS DISTINCT FROM its_code)
            AND NOT EXISTS (SELECT FROM everflow.worker WHERE worker.id = run.owner AND gone = 0);
    END IF;

    LOOP
        wanted := most - cardinality(won);
        EXIT WHEN wanted <= 0;
        SELECT
            coalesce(array_agg(oldest.no), '{}'), array_agg(oldest.created),
            array_agg(oldest.owner)
        INTO nos, births, holders
        FROM (
            SELECT pile.created, pile.no, pile.owner
            FROM unnest(owners, queues, definitions, codes) AS heap (owner, queue, definition, code)
            CROSS JOIN LATERAL (
                SELECT run.created, run.no, run.owner FROM everflow.run
                WHERE
                    todo = 1
                    AND (run.owner, run.queue, run.definition, run.barred, run.created, run.no)
                    > (heap.owner, heap.queue, heap.definition, heap.code, last_birth, last_no)
                    AND (run.owner, run.queue, run.definition, run.barred)
                    <= (heap.owner, heap.queue, heap.definition, heap.code)
                ORDER BY
                    run.owner, run.queue, run.definition, run.barred, run.created, run.no
                LIMIT wanted
            ) AS pile
            UNION ALL
            SELECT other.birth, other.no, other.holder
            FROM unnest(other_nos, other_births, other_holders) AS other (no, birth, holder)
            WHERE (other.birth, other.no) > (last_birth, last_no)
            ORDER BY 1, 2 LIMIT wanted
        ) AS oldest;
        EXIT WHEN nos = '{}';
        won := won || ARRAY(
            SELECT run.no
            FROM unnest(nos, holders) AS seen (no, owner)
            JOIN everflow.run ON run.no = seen.no AND run.owner = seen.owner
            WHERE
                todo + timed > 0 AND (NOT leased OR run.no = ANY (lent))
                AND NOT EXISTS (
                    SELECT FROM everflow.taken WHERE taken.worker = taker AND taken.run = run.no
                )
            FOR NO KEY UPDATE OF run SKIP LOCKED
        );
        EXIT WHEN cardinality(nos) < wanted;
        last_no := nos[cardinality(nos)];
        last_birth := births[cardinality(nos)];
    END LOOP;

    IF won <> '{}' THEN
        RETURN QUERY SELECT * FROM everflow.run_shown WHERE no = ANY (won) ORDER BY created, no;
        UPDATE everflow.run SET
            owner = taker,
            -- Died with a worker whose board can't be read here.
            orphaned = CASE
                WHEN EXISTS (
                    SELECT FROM everflow.worker
                    WHERE worker.id = run.owner AND gone > 1 AND node <> here
                )
                THEN least(orphaned + 1, 2) ELSE orphaned
            END
        WHERE no = ANY (won);
    END IF;
END
$$;

-- The earliest timer of a worker's own, or, of worker 0, of runs that nobody living owns: the first of
-- each pile of runs alike, in run_due.
CREATE FUNCTION everflow.do_next_due(its_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    place record;
    earliest bigint;
BEGIN
    IF its_id <> 0 THEN
        IF NOT EXISTS (SELECT FROM everflow.worker WHERE id = its_id AND gone <> 1) THEN
            RETURN NULL;
        END IF;
        earliest := (
            SELECT due FROM everflow.run WHERE timed = 2 AND owner = its_id ORDER BY due LIMIT 1
        );
    END IF;
    SELECT owner, queue, definition, due INTO place FROM everflow.run
    WHERE timed = 1 AND owner >= its_id ORDER BY owner, queue, definition, due LIMIT 1;
    WHILE FOUND LOOP
        IF its_id <> 0 THEN
            EXIT WHEN place.owner <> its_id;
        ELSIF EXISTS (SELECT FROM everflow.worker WHERE id = place.owner AND gone = 0) THEN
            SELECT owner, queue, definition, due INTO place FROM everflow.run
            WHERE timed = 1 AND owner > place.owner
            ORDER BY owner, queue, definition, due LIMIT 1;
            CONTINUE;
        END IF;
        earliest := least(earliest, place.due);
        SELECT owner, queue, definition, due INTO place FROM everflow.run
        WHERE
            timed = 1
            AND (owner, queue, definition) > (place.owner, place.queue, place.definition)
        ORDER BY owner, queue, definition, due LIMIT 1;
    END LOOP;
    RETURN earliest;
END
$$;

-- The newest of each status that is held, in the order of its index: never more rows than that.
CREATE FUNCTION everflow.do_holding(p_workers bigint[], p_most bigint) RETURNS TABLE (
    worker bigint, active bigint, resting bigint, next_due bigint, more boolean
) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
    WITH
    held (status, active) AS (
        VALUES ('queued', true), ('running', true), ('cancelling', true), ('suspended', false),
            ('waiting', false)
    ),
    counted (owner, active, resting) AS (
        SELECT owner, count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active)
        FROM held CROSS JOIN LATERAL (
            SELECT run.owner FROM everflow.run
            WHERE run.status >= held.status AND run.status <= held.status
            ORDER BY run.status DESC, created DESC, no DESC LIMIT p_most
        ) AS newest
        GROUP BY owner
    )
    SELECT
        asked.id, coalesce(counted.active, 0), coalesce(counted.resting, 0),
        everflow.do_next_due(worker.id),
        EXISTS (
            SELECT FROM held CROSS JOIN LATERAL (
                SELECT FROM everflow.run
                WHERE run.status >= held.status AND run.status <= held.status
                ORDER BY run.status DESC, created DESC, no DESC LIMIT 1 OFFSET p_most
            ) AS further
        )
    FROM
        unnest(p_workers) WITH ORDINALITY AS asked (id, nth)
        LEFT JOIN everflow.worker ON worker.id = asked.id AND gone <> 1
        LEFT JOIN counted ON counted.owner = worker.id
    ORDER BY asked.nth
$$;
