-- Records, and what is written on condition that they are as expected.

-- Records, [kind, key, body or null, due], each of them once.
CREATE FUNCTION everflow.do_put(p_puts jsonb, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM everflow.record USING jsonb_array_elements(p_puts) AS given (v)
    WHERE v ->> 2 IS NULL AND kind = ANY (ARRAY[v ->> 0]) AND record.key = v ->> 1;

    INSERT INTO everflow.record (kind, key, body, at, due)
    SELECT v ->> 0, v ->> 1, v ->> 2, p_at, (v ->> 3)::bigint
    FROM jsonb_array_elements(p_puts) AS given (v) WHERE v ->> 2 IS NOT NULL
    ORDER BY 1, 2
    ON CONFLICT (kind, key) DO UPDATE SET
        version = DEFAULT, body = excluded.body, at = excluded.at, due = excluded.due;
END
$$;

-- Holds the records that are expected, [kind, key, version or 0], and raises where one isn't so. One
-- that mustn't be there can't be held: those are given back.
CREATE FUNCTION everflow.do_expect(p_expected jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    many bigint;
BEGIN
    SELECT count(*) INTO many FROM (
        SELECT (v ->> 2)::bigint AS wanted, record.version
        FROM
            jsonb_array_elements(p_expected) AS given (v)
            JOIN everflow.record ON kind = ANY (ARRAY[v ->> 0]) AND record.key = v ->> 1
        ORDER BY v ->> 0, v ->> 1
        FOR UPDATE OF record
    ) AS held
    WHERE version = wanted;
    IF many <> (
        SELECT count(*) FROM jsonb_array_elements(p_expected) AS given (v) WHERE v ->> 2 <> '0'
    ) OR EXISTS (
        SELECT
        FROM
            jsonb_array_elements(p_expected) AS given (v)
            JOIN everflow.record ON kind = ANY (ARRAY[v ->> 0]) AND record.key = v ->> 1
        WHERE v ->> 2 = '0'
    ) THEN
        RAISE EXCEPTION 'everflow:changed' USING ERRCODE = 'EF002';
    END IF;
END
$$;

-- Gives the numbers of the runs as do_birth does. ``fresh`` are those of the records that mustn't be
-- there: of two who write the same one, one finds it.
CREATE FUNCTION everflow.do_write(
    p_puts jsonb, p_fresh jsonb, p_expected jsonb, p_at bigint, p_runs jsonb, p_definitions jsonb,
    p_letters jsonb, p_admit bigint[]
) RETURNS bigint[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    nos bigint[];
    many bigint;
BEGIN
    IF p_definitions IS NOT NULL THEN
        PERFORM everflow.do_define(p_definitions);
    END IF;
    IF p_letters IS NOT NULL OR p_admit IS NOT NULL THEN
        SELECT array_agg(no) INTO nos FROM (
            SELECT unnest(p_admit)
            UNION SELECT (SELECT run.no FROM everflow.run WHERE run.id = v ->> 0)
            FROM jsonb_array_elements(p_letters) AS given (v)
        ) AS concerned (no);
        PERFORM everflow.do_hold_runs(nos);
        nos := NULL;
    END IF;
    IF p_expected IS NOT NULL THEN
        PERFORM everflow.do_expect(p_expected);
    END IF;
    IF p_runs IS NOT NULL THEN
        nos := everflow.do_birth(p_runs);
    END IF;
    IF p_fresh IS NOT NULL THEN
        INSERT INTO everflow.record (kind, key, body, at, due)
        SELECT v ->> 0, v ->> 1, v ->> 2, p_at, (v ->> 3)::bigint
        FROM jsonb_array_elements(p_fresh) AS given (v)
        ORDER BY 1, 2
        ON CONFLICT (kind, key) DO NOTHING;
        GET DIAGNOSTICS many = ROW_COUNT;
        PERFORM everflow.do_insist(many, p_fresh);
    END IF;
    IF p_puts IS NOT NULL THEN
        PERFORM everflow.do_put(p_puts, p_at);
    END IF;
    IF p_admit IS NOT NULL THEN
        UPDATE everflow.run SET admitted = p_at, rev = rev + (rev > 0)::integer
        WHERE no = ANY (p_admit) AND queue <> '' AND admitted IS NULL AND status = 'queued';
    END IF;
    IF p_letters IS NOT NULL THEN
        PERFORM everflow.do_deliver(p_letters, 0, '{}');
    END IF;
    PERFORM everflow.do_tell();
    RETURN nos;
END
$$;
