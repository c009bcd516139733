-- Batches, starts and messages: one function call each. Locks are taken in one order, so that two
-- calls hardly ever wait for each other in a ring: the worker, definitions, runs by number, runs to
-- be by id, records by key, the rest. Who holds the row of a run holds its questions and its inbox.
--
-- Plans are made once and kept, and what they were made for was small perhaps: none may ever walk a
-- table or an index. So tables are joined by `= ANY (ARRAY[...])`, for which nothing can be walked in
-- order, and a condition that is a partial index's own is written so that it isn't taken for that.

-- Why a batch wasn't written: it raises, or gives the answer to the same batch, behind a -1.
CREATE FUNCTION everflow.do_fence(
    p_worker bigint, p_epoch bigint, p_number bigint, p_marks bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    seen record;
BEGIN
    SELECT * INTO seen FROM everflow.worker
    WHERE id = p_worker AND epoch = p_epoch AND gone = 0;
    IF NOT FOUND OR p_number <= 0 OR p_number NOT IN (seen.number, seen.number + 1) THEN
        RAISE EXCEPTION 'everflow:fenced' USING ERRCODE = 'EF001';
    ELSIF p_number = seen.number THEN
        RETURN -1 || seen.refused;
    END IF;
    -- Runs were taken from the worker, or let go of: what the batch bears for them is to be looked at
    -- once more.
    RAISE EXCEPTION 'everflow:marked' USING ERRCODE = 'EF003';
END
$$;

-- Entries are arrays, their bodies one text (parts between \x01\x01, which no marked text holds):
-- with the drivers' arrays and JSON this took a multiple. Changes are [no, status, until, reason,
-- due, base, ended, outcome, definition, deaths], each run once; more is what few batches bear.
-- Gives the runs of which something was refused, NULL for none, a -1 before them if it was written
-- before.
CREATE FUNCTION everflow.do_append(
    p_worker bigint, p_epoch bigint, p_number bigint, p_at bigint, p_marks bigint,
    p_runs bigint[], p_seqs integer[], p_sums bigint[], p_bodies text,
    p_changes jsonb, p_arrivals bigint[], p_more jsonb, p_flights bigint[]
) RETURNS bigint[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    -- What the arrivals take from the counters of their runs: {run: [mail, called, woken, moving]}.
    applied jsonb := '{}';
    told bigint[] := '{}';
    many bigint;
BEGIN
    UPDATE everflow.worker SET
        number = p_number, at = greatest(at, p_at), refused = '{}',
        flights = coalesce(p_flights, flights)
    WHERE
        id = p_worker AND epoch = p_epoch AND gone = 0 AND number = p_number - 1
        AND marks = p_marks;
    IF NOT FOUND THEN
        RETURN everflow.do_fence(p_worker, p_epoch, p_number, p_marks);
    END IF;

    IF p_runs IS NOT NULL THEN
        INSERT INTO everflow.entry (era, run, seq, sum, body)
        SELECT run.era, given.run, given.seq, given.sum, given.body
        FROM
            unnest(
                p_runs, p_seqs, p_sums,
                CASE p_bodies WHEN '' THEN ARRAY[''] ELSE string_to_array(p_bodies, E'\x01\x01') END
            ) AS given (run, seq, sum, body)
            JOIN everflow.run ON run.no = ANY (ARRAY[given.run]);
    END IF;

    IF p_arrivals IS NOT NULL OR p_more IS NOT NULL THEN
        PERFORM everflow.do_hold(p_worker, p_changes, p_arrivals, p_more);
    END IF;
    IF p_arrivals IS NOT NULL THEN
        applied := everflow.do_apply(p_arrivals);
    END IF;

    IF p_changes IS NOT NULL THEN
        UPDATE everflow.run SET
            -- A run whose cancel came first isn't paused any more.
            status = CASE WHEN given.status = 'paused' AND cancel THEN 'queued' ELSE given.status END,
            until = given.until,
            reason = CASE WHEN given.status = 'paused' AND cancel THEN '' ELSE given.reason END,
            due = given.due, base = given.base, ended = given.ended, outcome = given.outcome,
            definition = given.definition, deaths = given.deaths, updated = p_at,
            orphaned = 0, rev = rev + (rev > 0)::integer,
            mail = mail - coalesce((given.less ->> 0)::integer, 0),
            called = called - coalesce((given.less ->> 1)::integer, 0),
            woken = woken - coalesce((given.less ->> 2)::integer, 0),
            moving = moving - coalesce((given.less ->> 3)::integer, 0)
        FROM (
            SELECT
                (v ->> 0)::bigint AS no, v ->> 1 AS status, v ->> 2 AS until, v ->> 3 AS reason,
                (v ->> 4)::bigint AS due, (v ->> 5)::integer AS base, (v ->> 6)::bigint AS ended,
                v ->> 7 AS outcome, v ->> 8 AS definition, (v ->> 9)::integer AS deaths,
                applied -> (v ->> 0) AS less
            FROM jsonb_array_elements(p_changes) AS change (v)
            ORDER BY 1
        ) AS given
        WHERE
            run.no = ANY (ARRAY[given.no])
            AND NOT (
                cancel AND given.status IN ('done', 'failed', 'handed_off')
                AND coalesce((given.less ->> 1)::integer, 0) = 0
            );
        GET DIAGNOSTICS many = ROW_COUNT;
        IF many < jsonb_array_length(p_changes) THEN
            -- A cancel is never taken back, and a run that was written is held.
            SELECT coalesce(array_agg(no ORDER BY place), '{}') INTO told
            FROM
                jsonb_array_elements(p_changes) WITH ORDINALITY AS change (v, place)
                JOIN everflow.run ON no = ANY (ARRAY[(v ->> 0)::bigint])
            WHERE
                cancel AND v ->> 1 IN ('done', 'failed', 'handed_off')
                AND coalesce((applied -> (v ->> 0) ->> 1)::integer, 0) = 0;
        END IF;
    END IF;

    IF applied <> '{}' THEN
        IF p_changes IS NOT NULL THEN
            SELECT applied - coalesce(array_agg(v ->> 0), '{}') INTO applied
            FROM jsonb_array_elements(p_changes) AS change (v)
            WHERE (v ->> 0)::bigint <> ALL (told);
        END IF;
        UPDATE everflow.run SET
            rev = rev + (rev > 0)::integer,
            mail = mail - (given.less ->> 0)::integer,
            called = called - (given.less ->> 1)::integer,
            woken = woken - (given.less ->> 2)::integer,
            moving = moving - (given.less ->> 3)::integer
        FROM jsonb_each(applied) AS given (no, less)
        WHERE run.no = ANY (ARRAY[given.no::bigint]);
    END IF;

    IF p_more IS NOT NULL THEN
        told := everflow.do_append_more(p_worker, p_at, p_marks, told, p_more);
    END IF;
    IF told <> '{}' THEN
        UPDATE everflow.worker SET refused = told WHERE id = p_worker;
        RETURN told;
    END IF;
    RETURN NULL;
END
$$;

-- The same of a batch that is one entry and nothing else, as a run has that goes on node by node: it
-- waits for each. What can be left out here is a third of the server's time beside the disk's.
CREATE FUNCTION everflow.do_append_one(
    p_worker bigint, p_epoch bigint, p_number bigint, p_at bigint, p_marks bigint,
    p_run bigint, p_seq integer, p_sum bigint, p_body text
) RETURNS bigint[] LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE everflow.worker SET number = p_number, at = greatest(at, p_at), refused = '{}'
    WHERE
        id = p_worker AND epoch = p_epoch AND gone = 0 AND number = p_number - 1
        AND marks = p_marks;
    IF NOT FOUND THEN
        RETURN everflow.do_fence(p_worker, p_epoch, p_number, p_marks);
    END IF;
    INSERT INTO everflow.entry (era, run, seq, sum, body)
    SELECT era, p_run, p_seq, p_sum, p_body FROM everflow.run WHERE no = p_run;
    RETURN NULL;
END
$$;

-- Holds the rows of all runs that a batch concerns, in their order.
CREATE FUNCTION everflow.do_hold(
    p_worker bigint, p_changes jsonb, p_arrivals bigint[], p_more jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    nos bigint[];
BEGIN
    IF p_more -> 'definitions' IS NOT NULL THEN
        PERFORM everflow.do_define(p_more -> 'definitions');
    END IF;
    SELECT array_agg(no) INTO nos FROM (
        SELECT (v ->> 0)::bigint FROM jsonb_array_elements(p_changes) AS given (v)
        UNION SELECT (SELECT run FROM everflow.inbox WHERE inbox.id = given.id)
        FROM unnest(p_arrivals) AS given (id)
        UNION SELECT (v ->> 0)::bigint FROM jsonb_array_elements(p_more -> 'opened') AS given (v)
        UNION SELECT (v ->> 0)::bigint FROM jsonb_array_elements(p_more -> 'closed') AS given (v)
        UNION SELECT (v ->> 0)::bigint FROM jsonb_array_elements(p_more -> 'released') AS given (v)
        UNION SELECT (SELECT run.no FROM everflow.run WHERE run.id = v ->> 0)
        FROM jsonb_array_elements(p_more -> 'letters') AS given (v)
    ) AS concerned (no);
    PERFORM everflow.do_hold_runs(nos);
END
$$;

-- Holds the rows of runs, in their order: one after the other, as they are looked up.
CREATE FUNCTION everflow.do_hold_runs(p_nos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM
    FROM
        (SELECT DISTINCT no FROM unnest(p_nos) AS listed (no) ORDER BY no) AS given
        JOIN everflow.run ON run.no = ANY (ARRAY[given.no])
    FOR NO KEY UPDATE OF run;
END
$$;

-- Takes messages out of the inbox, and tells what they take from the counters of their runs.
CREATE FUNCTION everflow.do_apply(p_arrivals bigint[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    told jsonb;
BEGIN
    WITH gone AS (
        DELETE FROM everflow.inbox WHERE id = ANY (p_arrivals) RETURNING run, kind
    )
    SELECT jsonb_object_agg(run, mail) INTO told FROM (
        SELECT
            run,
            jsonb_build_array(
                count(*), count(*) FILTER (WHERE kind = 'cancel'),
                count(*) FILTER (WHERE kind = 'unpause'), count(*) FILTER (WHERE kind = 'upgrade')
            ) AS mail
        FROM gone GROUP BY run
    ) AS counted;
    RETURN coalesce(told, '{}');
END
$$;

CREATE FUNCTION everflow.do_define(p_definitions jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO everflow.definition (hash, body)
    SELECT v ->> 0, v ->> 1 FROM jsonb_array_elements(p_definitions) AS given (v) ORDER BY 1
    ON CONFLICT DO NOTHING;
END
$$;

-- What few batches bear; gives what was refused.
CREATE FUNCTION everflow.do_append_more(
    p_worker bigint, p_at bigint, p_marks bigint, p_refused bigint[], p_more jsonb
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    told bigint[] := p_refused;
BEGIN
    IF p_more -> 'opened' IS NOT NULL OR p_more -> 'closed' IS NOT NULL THEN
        PERFORM everflow.do_ask(
            coalesce(p_more -> 'opened', '[]'), coalesce(p_more -> 'closed', '[]')
        );
    END IF;
    IF p_more -> 'lost' IS NOT NULL THEN
        SELECT array_agg(v::bigint ORDER BY place) || told INTO told
        FROM jsonb_array_elements_text(p_more -> 'lost') WITH ORDINALITY AS lost (v, place);
    END IF;
    IF p_more -> 'starts' IS NOT NULL THEN
        PERFORM everflow.do_birth(p_more -> 'starts');
    END IF;
    IF p_more -> 'puts' IS NOT NULL THEN
        PERFORM everflow.do_put(p_more -> 'puts', p_at);
    END IF;
    IF p_more -> 'letters' IS NOT NULL THEN
        PERFORM everflow.do_deliver(p_more -> 'letters', p_worker, told);
    END IF;
    IF p_more -> 'released' IS NOT NULL THEN
        PERFORM everflow.do_let_go(p_worker, p_marks, p_more -> 'released');
    END IF;
    RETURN told;
END
$$;

-- Opens questions, [run, tag, occurrence, op, position, at, due, prompt, early, schema], and closes
-- others, [run, tag, occurrence, state].
CREATE FUNCTION everflow.do_ask(p_opened jsonb, p_closed jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    INSERT INTO everflow.question (
        run, tag, occurrence, op, position, at, due, prompt, state, schema
    )
    SELECT
        (v ->> 0)::bigint, v ->> 1, (v ->> 2)::bigint, v ->> 3, v ->> 4, (v ->> 5)::bigint,
        (v ->> 6)::bigint, v ->> 7, CASE WHEN (v ->> 8)::boolean THEN 'answered' ELSE 'open' END,
        v ->> 9
    FROM jsonb_array_elements(p_opened) WITH ORDINALITY AS opened (v, place)
    WHERE (SELECT no FROM everflow.run WHERE no = (v ->> 0)::bigint) IS NOT NULL
    ORDER BY place
    ON CONFLICT (run, tag, occurrence) DO NOTHING;

    -- An answer that was accepted stays accepted, whatever its run makes of it.
    UPDATE everflow.question SET state = v ->> 3
    FROM jsonb_array_elements(p_closed) AS closed (v)
    WHERE
        question.run = ANY (ARRAY[(v ->> 0)::bigint]) AND question.tag = v ->> 1
        AND question.occurrence = (v ->> 2)::bigint AND question.state || '' = 'open';

    UPDATE everflow.run SET rev = rev + 1
    FROM (
        SELECT DISTINCT (v ->> 0)::bigint AS no
        FROM jsonb_array_elements(p_opened || p_closed) AS asked (v)
    ) AS asked
    WHERE run.no = ANY (ARRAY[asked.no]) AND rev + 0 > 0;

    FOR given IN
        SELECT kept.run, kept.tag, kept.key, (v ->> 2)::bigint AS nth, (v ->> 8)::boolean AS early
        FROM
            jsonb_array_elements(p_opened) WITH ORDINALITY AS opened (v, place)
            JOIN everflow.question AS kept
                ON
                    kept.run = ANY (ARRAY[(v ->> 0)::bigint]) AND kept.tag = v ->> 1
                    AND kept.occurrence = -1
        ORDER BY place
    LOOP
        PERFORM everflow.do_meet(given.run, given.tag, given.key, given.nth, given.early);
    END LOOP;
END
$$;

-- A question that was opened meets the answer that is kept for it (occurrence -1): one that waits in
-- the inbox becomes an answer to it, one that the journal kept has answered it.
CREATE FUNCTION everflow.do_meet(
    p_run bigint, p_tag text, p_key text, p_nth bigint, p_early boolean
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_early = EXISTS (
        SELECT FROM everflow.inbox WHERE run = p_run AND kind = 'early' AND tag = p_tag
    ) THEN
        RETURN;
    END IF;
    DELETE FROM everflow.question AS kept
    WHERE
        run = p_run AND tag = p_tag AND occurrence = -1
        AND EXISTS (
            SELECT FROM everflow.question AS opened
            WHERE
                opened.run = p_run AND opened.tag = p_tag AND opened.occurrence = p_nth
                AND opened.state = CASE WHEN p_early THEN 'answered' ELSE 'open' END
                AND opened.key IS NULL
        );
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE everflow.question SET state = 'answered', key = p_key
    WHERE run = p_run AND tag = p_tag AND occurrence = p_nth;
    IF NOT p_early THEN
        -- The type is what a message begins with; what an answer hasn't got its reader passes over.
        WITH gone AS (
            DELETE FROM everflow.inbox WHERE run = p_run AND kind = 'early' AND tag = p_tag
            RETURNING id, message
        )
        INSERT INTO everflow.inbox (run, kind, message)
        SELECT
            p_run, 'answer',
            overlay(
                message PLACING '{"type":"answer","occurrence":' || p_nth
                FROM 1 FOR length('{"type":"early"')
            )
        FROM gone ORDER BY id;
    END IF;
END
$$;

-- Unowns runs, [run, code or null, seen, anew]. Of those whose code doesn't fit only the living count.
CREATE FUNCTION everflow.do_let_go(
    p_worker bigint, p_marks bigint, p_released jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE everflow.run SET owner = 0, unfit = CASE
        WHEN v ->> 1 IS NULL THEN unfit
        WHEN EXISTS (
            SELECT FROM everflow.inbox
            WHERE
                inbox.run = run.no AND inbox.id > (v ->> 2)::bigint
                AND kind IN ('cancel', 'pause', 'unpause', 'upgrade')
        ) THEN '{}'
        ELSE (
            SELECT '{' || string_agg('"' || one || '":' || code, ',' ORDER BY one) || '}' FROM (
                SELECT worker.id AS one, known.value AS code
                FROM jsonb_each_text(run.unfit::jsonb) AS known
                JOIN everflow.worker ON worker.id = known.key::bigint
                WHERE gone = 0 AND worker.id <> p_worker AND NOT (v ->> 3)::boolean
                UNION ALL SELECT p_worker, v ->> 1
            ) AS living
        )
    END
    FROM jsonb_array_elements(p_released) AS given (v)
    WHERE run.no = ANY (ARRAY[(v ->> 0)::bigint]) AND run.owner = p_worker;
    IF FOUND THEN
        PERFORM everflow.do_tell();
    END IF;

    IF p_marks > 0 THEN
        DELETE FROM everflow.taken
        USING jsonb_array_elements(p_released) AS given (v)
        WHERE worker = p_worker AND run = ANY (ARRAY[(v ->> 0)::bigint]);
        IF FOUND THEN
            UPDATE everflow.worker SET marks = marks + 1 WHERE id = p_worker;
        END IF;
    END IF;
END
$$;
