-- New runs, by a batch, by `start` and by `write`.

-- Runs as [no, id, flow, definition, status, owner, key, parent, labels, at, body, sum, queue, lane,
-- priority, admitted, leased], those to be numbered here with a `no` of 0. Gives the number of each
-- in their order, below 0 where it was there before: by its id, else by its key.
CREATE FUNCTION everflow.do_birth(p_runs jsonb) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    present integer;
    nos bigint[];
    born bigint[];
BEGIN
    present := everflow.present_era();
    SELECT
        array_agg(
            CASE v ->> 0 WHEN '0' THEN nextval('everflow.run_no') ELSE (v ->> 0)::bigint END
            ORDER BY place
        )
    INTO nos
    FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place);

    WITH new AS (
        INSERT INTO everflow.run (
            no, id, flow, definition, status, owner, key, parent, labels, created, updated,
            queue, lane, priority, admitted, leased, era
        )
        SELECT
            nos[place], v ->> 1, v ->> 2, v ->> 3, v ->> 4, (v ->> 5)::bigint, v ->> 6, v ->> 7,
            v -> 8, (v ->> 9)::bigint, (v ->> 9)::bigint, v ->> 12, v ->> 13, (v ->> 14)::integer,
            (v ->> 15)::bigint, (v ->> 16)::boolean, present
        FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place)
        ORDER BY place
        -- Waits for whoever is about to write the same, and lets them have been first.
        ON CONFLICT DO NOTHING
        RETURNING no
    )
    SELECT array_agg(no) INTO born FROM new;

    IF cardinality(born) = cardinality(nos) THEN
        INSERT INTO everflow.entry (era, run, seq, sum, body)
        SELECT present, nos[place], 0, (v ->> 11)::bigint, v ->> 10
        FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS given (v, place);
    ELSE
        nos := everflow.do_birth_of_some(p_runs, nos, coalesce(born, '{}'), present);
    END IF;
    -- Whoever waits for work is told, but by their owner, who knows.
    IF EXISTS (
        SELECT FROM jsonb_array_elements(p_runs) AS given (v) WHERE (v ->> 5)::bigint = 0
    ) THEN
        PERFORM everflow.do_tell();
    END IF;
    RETURN nos;
END
$$;

-- The same where not all of them were new: each number that is another's is drawn once more.
CREATE FUNCTION everflow.do_birth_of_some(
    p_runs jsonb, p_nos bigint[], p_born bigint[], p_era integer
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    given record;
    nos bigint[] := p_nos;
    seen bigint;
BEGIN
    FOR given IN
        SELECT v, place FROM jsonb_array_elements(p_runs) WITH ORDINALITY AS listed (v, place)
        ORDER BY place
    LOOP
        INSERT INTO everflow.entry (era, run, seq, sum, body)
        SELECT p_era, no, 0, (given.v ->> 11)::bigint, given.v ->> 10 FROM everflow.run
        WHERE
            no = nos[given.place] AND id = given.v ->> 1
            AND nos[given.place] = ANY (p_born)
        ON CONFLICT DO NOTHING;
        CONTINUE WHEN FOUND;
        seen := coalesce(
            (SELECT no FROM everflow.run WHERE id = given.v ->> 1),
            (SELECT no FROM everflow.run WHERE flow = given.v ->> 2 AND key = given.v ->> 6)
        );
        IF seen IS NOT NULL THEN
            nos[given.place] := -seen;
        ELSIF given.v ->> 0 = '0' THEN
            PERFORM setval('everflow.run_no', greatest(last_value, (
                SELECT no FROM everflow.run WHERE no < 4294967296 ORDER BY no DESC LIMIT 1
            ))) FROM everflow.run_no;
            nos[given.place] := (everflow.do_birth(jsonb_build_array(given.v)))[1];
        ELSE
            RAISE EXCEPTION 'everflow:number' USING ERRCODE = 'EF004';
        END IF;
    END LOOP;
    RETURN nos;
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
