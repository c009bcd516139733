-- New runs, by a batch, by `start` and by `write`.

-- Runs as [no, id, flow, definition, status, owner, key, parent, labels, at, body, sum, queue, lane,
-- priority, admitted, leased], those to be numbered here with a `no` of 0. Gives the number of each
-- in their order, below 0 where it was there before: by its id, else by its key.
CREATE FUNCTION everflow.do_birth(p_runs jsonb) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    nos bigint[];
BEGIN
    IF jsonb_array_length(p_runs) = 1 THEN
        nos := ARRAY[everflow.do_birth_of_one(p_runs)];
    ELSE
        BEGIN
            nos := everflow.do_bear(p_runs);
        EXCEPTION WHEN unique_violation THEN
            SELECT array_agg(everflow.do_birth_of_one(jsonb_build_array(v)) ORDER BY place) INTO nos
            FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place);
        END;
    END IF;
    -- Whoever waits for work is told, but by their owner, who knows.
    IF EXISTS (
        SELECT FROM jsonb_array_elements(p_runs) AS given (v) WHERE v ->> 5 = '0'
    ) THEN
        PERFORM everflow.do_tell();
    END IF;
    RETURN nos;
END
$$;

-- Runs that are all new: without a look whether they are, which would cost each a fifth more.
CREATE FUNCTION everflow.do_bear(p_runs jsonb) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    present integer := everflow.present_era();
    nos bigint[];
BEGIN
    SELECT
        array_agg(
            CASE v ->> 0 WHEN '0' THEN nextval('everflow.run_no') ELSE (v ->> 0)::bigint END
            ORDER BY place
        )
    INTO nos
    FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place);

    INSERT INTO everflow.run (
        no, id, flow, definition, status, owner, key, parent, labels, created, updated,
        queue, lane, priority, admitted, leased, era
    )
    SELECT
        nos[place], v ->> 1, v ->> 2, v ->> 3, v ->> 4, (v ->> 5)::bigint, v ->> 6, v ->> 7,
        v -> 8, (v ->> 9)::bigint, (v ->> 9)::bigint, v ->> 12, v ->> 13, (v ->> 14)::integer,
        (v ->> 15)::bigint, (v ->> 16)::boolean, present
    FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place);

    INSERT INTO everflow.entry (era, run, seq, sum, body)
    SELECT present, nos[place], 0, (v ->> 11)::bigint, v ->> 10
    FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place);
    RETURN nos;
END
$$;

-- One run that may be there. Waits for whoever is about to write the same, and lets them have been
-- first; a drawn number that is another's is drawn once more.
CREATE FUNCTION everflow.do_birth_of_one(p_runs jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    seen bigint;
    given bigint := p_runs -> 0 ->> 0;
BEGIN
    FOR tries IN 1..100 LOOP
        seen := coalesce(
            (SELECT no FROM everflow.run WHERE id = p_runs -> 0 ->> 1),
            (
                SELECT no FROM everflow.run
                WHERE flow = p_runs -> 0 ->> 2 AND key = p_runs -> 0 ->> 6
            )
        );
        IF seen IS NOT NULL THEN
            RETURN -seen;
        ELSIF EXISTS (SELECT FROM everflow.run WHERE no = given) THEN
            RAISE EXCEPTION 'everflow:number' USING ERRCODE = 'EF004';
        END IF;
        BEGIN
            RETURN (everflow.do_bear(p_runs))[1];
        EXCEPTION WHEN unique_violation THEN
            -- An application's transaction that doesn't see what others committed never would.
            IF current_setting('transaction_isolation') <> 'read committed' THEN
                RAISE EXCEPTION 'a run of the same id or key was started meanwhile'
                USING ERRCODE = 'serialization_failure';
            END IF;
            PERFORM setval('everflow.run_no', greatest(last_value, (
                SELECT no FROM everflow.run WHERE no < 4294967296 ORDER BY no DESC LIMIT 1
            ))) FROM everflow.run_no WHERE given = 0;
        END;
    END LOOP;
    RAISE EXCEPTION 'everflow:number' USING ERRCODE = 'EF004';
END
$$;

CREATE FUNCTION everflow.do_start(p_runs jsonb, p_definitions jsonb) RETURNS bigint[]
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    PERFORM everflow.do_define(p_definitions);
    RETURN everflow.do_birth(p_runs);
END
$$;
