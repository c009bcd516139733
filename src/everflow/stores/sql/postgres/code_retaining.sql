-- Letting go of ended runs, and moving those that stay out of an era.

-- One step over the oldest runs. The entries stay: they go with their era, and nothing finds them.
CREATE FUNCTION everflow.do_retain(
    given_before bigint, given_keep jsonb, given_kinds text[],
    from_created bigint, from_no bigint, most integer, dry boolean
) RETURNS TABLE (gone text[], kept bigint, last_created bigint, last_no bigint, looked bigint)
LANGUAGE plpgsql AS $$
DECLARE
    nos bigint[];
    held bigint[];
BEGIN
    SELECT
        coalesce(array_agg(page.no) FILTER (WHERE page.old), '{}'),
        max(page.created), (array_agg(page.no ORDER BY page.created DESC, page.no DESC))[1], count(*)
    INTO nos, last_created, last_no, looked
    FROM (
        SELECT
            no, created,
            status IN ('done', 'failed', 'cancelled', 'handed_off')
            AND ended IS NOT NULL AND ended < given_before AS old
        FROM everflow.run
        WHERE created < given_before AND (created, no) > (from_created, from_no)
        ORDER BY created, no LIMIT most
    ) AS page;
    IF NOT dry THEN
        -- Whoever opens one again waits, and finds none; one that was opened meanwhile is left.
        SELECT coalesce(array_agg(mine.no), '{}') INTO nos
        FROM (
            SELECT no FROM everflow.run
            WHERE
                no = ANY(nos) AND status IN ('done', 'failed', 'cancelled', 'handed_off')
                AND ended IS NOT NULL AND ended < given_before
            ORDER BY no FOR UPDATE SKIP LOCKED
        ) AS mine;
    END IF;
    SELECT coalesce(array_agg(run.no), '{}') INTO held
    FROM everflow.run
    WHERE
        run.no = ANY(nos)
        AND (
            EXISTS (
                SELECT FROM everflow.record WHERE record.kind = 'tenure' AND record.key = run.id
            )
            OR EXISTS (
                SELECT FROM jsonb_array_elements(given_keep) AS wanted
                WHERE
                    run.labels ? (wanted ->> 0)
                    AND (wanted ->> 1 IS NULL OR run.labels ->> (wanted ->> 0) = wanted ->> 1)
            )
        );
    kept := cardinality(held);
    SELECT coalesce(array_agg(run.id ORDER BY run.created, run.no), '{}') INTO gone
    FROM everflow.run WHERE run.no = ANY(nos) AND run.no <> ALL(held);
    IF NOT dry THEN
        DELETE FROM everflow.record
        USING unnest(gone) AS run (id)
        WHERE
            kind = 'branch'
            AND record.key > (run.id || '/') COLLATE "C" AND record.key < (run.id || '0') COLLATE "C";
        DELETE FROM everflow.record WHERE kind = ANY(given_kinds) AND key = ANY(gone);
        WITH bare AS (
            DELETE FROM everflow.run WHERE no = ANY(nos) AND no <> ALL(held) RETURNING no
        ),
        questions AS (
            DELETE FROM everflow.question USING bare WHERE run = bare.no
        ),
        messages AS (
            DELETE FROM everflow.inbox USING bare WHERE run = bare.no
        )
        DELETE FROM everflow.heard USING bare WHERE run = bare.no;
    END IF;
    RETURN NEXT;
END
$$;

-- One step over the runs by number: those of an era go on in the present one. Their owners' rows are
-- locked meanwhile, so that no batch is written that would miss where a run's entries are now; what
-- stays behind in the old era nothing finds.
CREATE FUNCTION everflow.do_move_on(
    given_era integer, from_no bigint, most integer, most_moved integer
) RETURNS TABLE (moved bigint, last_no bigint, looked bigint)
LANGUAGE plpgsql AS $$
DECLARE
    present integer := (SELECT store.era FROM everflow.store);
    wanted bigint[];
    owners bigint[];
    mine bigint[];
BEGIN
    SELECT coalesce(array_agg(left_in.no), '{}') INTO wanted
    FROM (
        SELECT page.no
        FROM (
            SELECT no, era FROM everflow.run WHERE no > from_no ORDER BY no LIMIT most
        ) AS page
        WHERE page.era = given_era ORDER BY page.no LIMIT most_moved
    ) AS left_in;
    IF cardinality(wanted) = most_moved THEN
        last_no := wanted[most_moved];
        looked := most_moved;
    ELSE
        SELECT max(page.no), count(*) INTO last_no, looked
        FROM (SELECT no FROM everflow.run WHERE no > from_no ORDER BY no LIMIT most) AS page;
    END IF;
    SELECT coalesce(array_agg(locked.id), '{}') INTO owners
    FROM (
        SELECT id FROM everflow.worker
        WHERE id IN (SELECT owner FROM everflow.run WHERE no = ANY(wanted))
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked;
    SELECT coalesce(array_agg(locked.no), '{}') INTO mine
    FROM (
        SELECT no FROM everflow.run
        WHERE
            no = ANY(wanted) AND era = given_era
            AND (
                owner = ANY(owners)
                OR NOT EXISTS (SELECT FROM everflow.worker WHERE id = owner)
            )
        ORDER BY no FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked;
    INSERT INTO everflow.entry (era, run, seq, sum, body)
    SELECT present, run, seq, sum, body FROM everflow.entry
    WHERE era = given_era AND run = ANY(mine);
    UPDATE everflow.run SET era = present WHERE no = ANY(mine);
    moved := cardinality(mine);
    IF moved > 0 THEN
        PERFORM everflow.do_tell();  -- a claim passed over what was held here
    END IF;
    RETURN NEXT;
END
$$;
