-- Messages to runs: by `accept`, and the letters of batches and of `write`.

-- Puts accepted messages, in their order, into the inboxes of runs whose rows are held: it counts
-- them there, and a cancel ends a pause: whoever takes the run ends it. A copy that was imported
-- waits.
CREATE FUNCTION everflow.do_post(
    p_runs bigint[], p_kinds text[], p_tags text[], p_messages text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO everflow.inbox (run, kind, tag, message)
    SELECT run, kind, tag, message
    FROM
        unnest(p_runs, p_kinds, p_tags, p_messages) WITH ORDINALITY
        AS given (run, kind, tag, message, place)
    ORDER BY place;

    UPDATE everflow.run SET
        mail = mail + given.mails, rev = rev + (rev > 0)::integer, called = called + given.calls,
        woken = woken + given.wakes, moving = moving + given.moves,
        unfit = CASE WHEN given.orders > 0 THEN '{}' ELSE unfit END,
        cancel = cancel OR given.calls > 0,
        status = CASE
            WHEN given.calls > 0 AND status = 'paused' AND until = '' THEN 'queued' ELSE status
        END,
        reason = CASE
            WHEN given.calls > 0 AND status = 'paused' AND until = '' THEN '' ELSE reason
        END
    FROM (
        SELECT
            posted.run, count(*) AS mails, count(*) FILTER (WHERE kind = 'cancel') AS calls,
            count(*) FILTER (WHERE kind = 'unpause') AS wakes,
            count(*) FILTER (WHERE kind = 'upgrade') AS moves,
            count(*) FILTER (WHERE kind IN ('cancel', 'pause', 'unpause', 'upgrade')) AS orders
        FROM unnest(p_runs, p_kinds) AS posted (run, kind) GROUP BY posted.run
    ) AS given
    WHERE no = ANY (ARRAY[given.run]);
END
$$;

-- Remembers keys of signals, [run, name, key], in their order; the last 1,000 of a run.
CREATE FUNCTION everflow.do_hear(p_signals jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO everflow.heard (run, name, key, nth)
    SELECT
        run, name, key,
        row_number() OVER (PARTITION BY run ORDER BY place)
        + coalesce((SELECT max(nth) FROM everflow.heard WHERE heard.run = given.run), 0)
    FROM (
        SELECT (v ->> 0)::bigint AS run, v ->> 1 AS name, v ->> 2 AS key, min(place) AS place
        FROM jsonb_array_elements(p_signals) WITH ORDINALITY AS signal (v, place)
        GROUP BY 1, 2, 3
    ) AS given
    ON CONFLICT DO NOTHING;

    DELETE FROM everflow.heard
    USING (
        SELECT run, (SELECT max(nth) - 1000 FROM everflow.heard WHERE heard.run = given.run) AS last
        FROM (
            SELECT DISTINCT (v ->> 0)::bigint FROM jsonb_array_elements(p_signals) AS signal (v)
        ) AS given (run)
    ) AS old
    WHERE heard.run = ANY (ARRAY[old.run]) AND heard.nth <= old.last;
END
$$;

-- Letters, [run's id, kind, message up to the number of its run, and behind that, name, key, of]:
-- judged as judge_cancel, judge_child and judge_signal do, as the rows stood before any of them. The
-- runs' rows are held.
CREATE FUNCTION everflow.do_deliver(
    p_letters jsonb, p_worker bigint, p_refused bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    nos bigint[];
    kinds text[];
    messages text[];
    signals jsonb;
    others bigint;
BEGIN
    SELECT
        array_agg(no ORDER BY place), array_agg(v ->> 1 ORDER BY place),
        array_agg((v ->> 2) || no || (v ->> 3) ORDER BY place),
        jsonb_agg(jsonb_build_array(no, v ->> 4, v ->> 5) ORDER BY place)
            FILTER (WHERE v ->> 1 = 'signal'),
        count(*) FILTER (WHERE owner <> p_worker)
    INTO nos, kinds, messages, signals, others
    FROM
        jsonb_array_elements(p_letters) WITH ORDINALITY AS letter (v, place)
        JOIN everflow.run ON id = ANY (ARRAY[v ->> 0])
    WHERE
        status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
        AND (v ->> 1 = 'child' OR NOT cancel)
        AND (v ->> 6)::bigint <> ALL (p_refused)
        AND NOT EXISTS (
            SELECT FROM everflow.heard
            WHERE heard.run = ANY (ARRAY[run.no]) AND name = v ->> 4 AND heard.key = v ->> 5
        );
    IF nos IS NULL THEN
        RETURN;
    END IF;
    PERFORM everflow.do_post(nos, kinds, array_fill(NULL::text, ARRAY[cardinality(nos)]), messages);
    IF signals IS NOT NULL THEN
        PERFORM everflow.do_hear(signals);
    END IF;
    IF others > 0 THEN
        PERFORM everflow.do_tell_of(nos);
    END IF;
END
$$;

-- What was judged by a look at the rows is written on condition that they still stand so: EF002.
-- {messages: [run, kind, message, tag of an early answer], answers: [run, tag, occurrence, key],
-- tagged: [run, tag, key], kept: [run, tag, key, at], signals: [run, name, key], aside: [run, status
-- before, status, reason]}.
CREATE FUNCTION everflow.do_accept(p_judged jsonb) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    nos bigint[];
    many bigint;
BEGIN
    SELECT array_agg(DISTINCT (v ->> 0)::bigint) INTO nos
    FROM jsonb_array_elements((p_judged -> 'messages') || (p_judged -> 'aside')) AS given (v);
    PERFORM everflow.do_hold_runs(nos);

    SELECT count(*) INTO many
    FROM
        jsonb_array_elements(p_judged -> 'messages') AS given (v)
        JOIN everflow.run ON no = ANY (ARRAY[(v ->> 0)::bigint])
    WHERE
        (
            NOT cancel OR v ->> 1 = 'child'
            OR (status = 'cancelling' AND v ->> 1 = 'answer')
        )
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off');
    PERFORM everflow.do_insist(many, p_judged -> 'messages');

    -- Pauses of runs that wait in a queue, and ends of these.
    UPDATE everflow.run SET
        status = v ->> 2, until = '', reason = v ->> 3, rev = rev + (rev > 0)::integer
    FROM jsonb_array_elements(p_judged -> 'aside') AS given (v)
    WHERE
        no = ANY (ARRAY[(v ->> 0)::bigint]) AND status = ANY (ARRAY[v ->> 1])
        AND queue <> '' AND admitted IS NULL AND NOT cancel;
    GET DIAGNOSTICS many = ROW_COUNT;
    PERFORM everflow.do_insist(many, p_judged -> 'aside');

    PERFORM everflow.do_answer(
        p_judged -> 'answers', p_judged -> 'tagged', p_judged -> 'kept'
    );

    SELECT count(*) INTO many
    FROM jsonb_array_elements(p_judged -> 'signals') AS given (v)
    WHERE NOT EXISTS (
        SELECT FROM everflow.heard
        WHERE run = ANY (ARRAY[(v ->> 0)::bigint]) AND name = v ->> 1 AND heard.key = v ->> 2
    );
    PERFORM everflow.do_insist(many, p_judged -> 'signals');
    IF many > 0 THEN
        PERFORM everflow.do_hear(p_judged -> 'signals');
    END IF;

    PERFORM everflow.do_post(
        array_agg((v ->> 0)::bigint ORDER BY place), array_agg(v ->> 1 ORDER BY place),
        array_agg(v ->> 3 ORDER BY place), array_agg(v ->> 2 ORDER BY place)
    )
    FROM jsonb_array_elements(p_judged -> 'messages') WITH ORDINALITY AS given (v, place)
    HAVING count(*) > 0;
    IF many > 0 AND EXISTS (
        SELECT
        FROM
            (
                SELECT DISTINCT (v ->> 0)::bigint
                FROM jsonb_array_elements(p_judged -> 'signals') AS given (v)
            ) AS signalled (no)
        WHERE (
            SELECT count(*) FROM everflow.inbox
            WHERE inbox.run = signalled.no AND kind = 'signal'
        ) > 1000
    ) THEN
        PERFORM everflow.do_insist(0, '[1]');
    END IF;
    PERFORM everflow.do_tell_of(nos);
END
$$;

-- Raises unless so many were as they were judged.
CREATE FUNCTION everflow.do_insist(p_many bigint, p_of jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_many <> jsonb_array_length(p_of) THEN
        RAISE EXCEPTION 'everflow:changed' USING ERRCODE = 'EF002';
    END IF;
END
$$;

-- Answers to questions, those that came by tag alone among them, and those that are kept.
CREATE FUNCTION everflow.do_answer(
    p_answers jsonb, p_tagged jsonb, p_kept jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    many bigint;
BEGIN
    -- By tag: none is kept, and the key is new to the tag.
    SELECT count(*) INTO many
    FROM jsonb_array_elements(p_tagged) AS given (v)
    WHERE
        NOT EXISTS (
            SELECT FROM everflow.question
            WHERE run = ANY (ARRAY[(v ->> 0)::bigint]) AND tag = v ->> 1 AND occurrence = -1
        )
        AND NOT EXISTS (
            SELECT FROM everflow.question
            WHERE
                run = ANY (ARRAY[(v ->> 0)::bigint]) AND tag = v ->> 1
                AND question.key = v ->> 2
        );
    PERFORM everflow.do_insist(many, p_tagged);

    UPDATE everflow.question SET state = 'answered', key = v ->> 3
    FROM jsonb_array_elements(p_answers) AS given (v)
    WHERE
        question.run = ANY (ARRAY[(v ->> 0)::bigint]) AND question.tag = v ->> 1
        AND question.occurrence = (v ->> 2)::bigint AND question.state || '' = 'open';
    GET DIAGNOSTICS many = ROW_COUNT;
    PERFORM everflow.do_insist(many, p_answers);

    -- Exactly one was open, or none: by now none is.
    SELECT count(*) INTO many
    FROM jsonb_array_elements(p_tagged) AS given (v)
    WHERE (
        SELECT count(*) FROM everflow.question
        WHERE tag = v ->> 1 AND run = (v ->> 0)::bigint AND state = 'open'
    ) = 0;
    PERFORM everflow.do_insist(many, p_tagged);

    INSERT INTO everflow.question (run, tag, occurrence, op, position, at, prompt, state, key)
    SELECT (v ->> 0)::bigint, v ->> 1, -1, '', '', (v ->> 3)::bigint, 'null', 'kept', v ->> 2
    FROM jsonb_array_elements(p_kept) WITH ORDINALITY AS given (v, place) ORDER BY place;
END
$$;

-- The queries `asked` and `judged` for a single place: a question and its run, and what a message is
-- judged by. The server plans those anew each time, since it doesn't know how many places there are
-- to be, and making a plan takes ten times as long as the look; here it is kept. Rows are given as
-- JSON, in the order of their columns: a function that bore a view's type would hold up its changes.
CREATE FUNCTION everflow.do_asked(p_id text, p_tag text, p_occurrence bigint)
RETURNS TABLE (told_run json, told_question json) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT row_to_json(shown), row_to_json(question)
    FROM
        everflow.run_shown AS shown
        LEFT JOIN everflow.question_shown AS question
            ON question.no = shown.no AND question.tag = p_tag
            AND question.occurrence = p_occurrence
    WHERE shown.id = p_id;
END
$$;

CREATE FUNCTION everflow.do_judged(
    p_no bigint, p_tag text, p_occurrence bigint, p_key text, p_heard text, p_most integer
) RETURNS TABLE (told_heard boolean, told_waiting bigint, told_run json, told_question json)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT
        p_heard IS NOT NULL AND EXISTS (
            SELECT FROM everflow.heard
            WHERE heard.run = p_no AND heard.name = p_tag AND heard.key = p_heard
        ),
        CASE WHEN p_heard IS NULL THEN 0 ELSE (
            SELECT count(*) FROM everflow.inbox WHERE inbox.run = p_no AND inbox.kind = 'signal'
        ) END,
        row_to_json(shown), row_to_json(question)
    FROM
        everflow.run_shown AS shown
        LEFT JOIN (
            SELECT id FROM everflow.question
            WHERE run = p_no AND tag = p_tag AND occurrence = p_occurrence
            UNION SELECT id FROM everflow.question
            WHERE run = p_no AND tag = p_tag AND occurrence = -1 AND p_key IS NOT NULL
            UNION SELECT id FROM everflow.question
            WHERE run = p_no AND tag = p_tag AND question.key = p_key
            UNION (
                SELECT id FROM everflow.question
                WHERE tag = p_tag AND run = p_no AND state = 'open' AND p_key IS NOT NULL
                LIMIT p_most
            )
        ) AS found ON true
        LEFT JOIN everflow.question_shown AS question ON question.id = found.id
    WHERE shown.no = p_no;
END
$$;
