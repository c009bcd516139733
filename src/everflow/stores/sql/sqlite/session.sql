-- What every connection makes for itself, in memory: views to write to, whose triggers spread one
-- JSON document over the tables. One statement a batch, because with another Python thread busy each
-- further one costs 5 to 10 ms. Being temporary, they are code of this release and not format.
-- jsonb_each because json_each renders each row of a document and parses it again for each column
-- (measured: an entry 5.0 against 3.4 microseconds of a processor's time, a start 13 against 9.5).

-- The highest number that the store gave to a run, be it let go of by now.
CREATE TEMP VIEW last_number AS
SELECT max(
    coalesce((SELECT no FROM main.run WHERE no < 4294967296 ORDER BY no DESC LIMIT 1), 0),
    (SELECT numbered FROM main.store)
) AS no;

CREATE TEMP VIEW run_shown AS
SELECT
    run.*,
    json_object(
        'no', no, 'id', id, 'flow', flow, 'definition', definition, 'status', status,
        'until', until, 'reason', reason,
        -- What a retired or forgotten worker owned is nobody's: retiring needn't touch its runs.
        'owner', iif(
            EXISTS (SELECT 1 FROM worker WHERE worker.id = run.owner AND worker.gone <> 1), owner, 0
        ),
        'key', key, 'parent', parent, 'labels', json(labels), 'generation', generation,
        'origin', origin, 'created', created, 'updated', updated, 'ended', ended, 'due', due,
        'base', base, 'cancel', json(iif(cancel, 'true', 'false')), 'deaths', deaths,
        'outcome', outcome, 'queue', queue, 'lane', lane, 'priority', priority,
        'admitted', admitted, 'leased', json(iif(leased, 'true', 'false'))
    ) AS doc
FROM run;

CREATE TEMP VIEW question_shown AS
SELECT
    question.*,
    json_object(
        'no', question.run, 'run', run.id, 'flow', run.flow, 'definition', run.definition,
        'tag', tag, 'occurrence', occurrence, 'op', op, 'position', position, 'at', at,
        'due', question.due, 'prompt', prompt, 'state', state, 'key', question.key,
        'schema', schema
    ) AS doc
FROM question JOIN run ON run.no = question.run;

CREATE TEMP VIEW meeting (run, tag, occurrence, early) AS SELECT 0, '', 0, 0 WHERE 0;

-- A question that was opened meets the answer that is kept for it (occurrence -1): one that waits in
-- the inbox becomes an answer to it, one that the journal kept has answered it.
CREATE TEMP TRIGGER met INSTEAD OF INSERT ON meeting BEGIN
    UPDATE question SET state = 'answered', key = kept.key
    FROM main.question AS kept
    WHERE
        question.run = NEW.run AND question.tag = NEW.tag AND question.occurrence = NEW.occurrence
        AND question.state = iif(NEW.early, 'answered', 'open') AND question.key IS NULL
        AND kept.run = NEW.run AND kept.tag = NEW.tag AND kept.occurrence = -1
        AND NEW.early <> EXISTS (
            SELECT 1 FROM main.inbox
            WHERE run = NEW.run AND kind = 'early' AND message ->> 'tag' = NEW.tag
        );
    DELETE FROM question
    WHERE run = NEW.run AND tag = NEW.tag AND occurrence = -1 AND changes() = 1;
    INSERT INTO inbox (run, kind, message)
    SELECT
        run, 'answer',
        json_remove(
            json_set(message, '$.type', 'answer', '$.occurrence', NEW.occurrence), '$.seen'
        )
    FROM main.inbox
    WHERE
        run = NEW.run AND kind = 'early' AND message ->> 'tag' = NEW.tag
        AND NOT NEW.early AND changes() = 1;
    DELETE FROM inbox
    WHERE run = NEW.run AND kind = 'early' AND message ->> 'tag' = NEW.tag AND changes() = 1;
END;

CREATE TEMP VIEW puts (doc, at) AS SELECT '', 0 WHERE 0;

-- (kind, key, body or null, due, at or null), each record once.
CREATE TEMP TRIGGER puts_given INSTEAD OF INSERT ON puts BEGIN
    DELETE FROM record WHERE (kind, key) IN (
        SELECT value ->> 0, value ->> 1 FROM jsonb_each(NEW.doc)
    );
    INSERT INTO record (kind, key, body, at, due)
    SELECT
        value ->> 0, value ->> 1, value ->> 2, coalesce(value ->> 4, NEW.at), value ->> 3
    FROM jsonb_each(NEW.doc)
    WHERE value ->> 2 IS NOT NULL;
END;

CREATE TEMP VIEW hearing (run, name, key) AS SELECT 0, '', '' WHERE 0;

CREATE TEMP TRIGGER hearing_given INSTEAD OF INSERT ON hearing BEGIN
    INSERT OR IGNORE INTO heard (run, name, key, nth)
    SELECT NEW.run, NEW.name, NEW.key, coalesce(max(nth), 0) + 1
    FROM main.heard WHERE run = NEW.run;
    DELETE FROM heard
    WHERE run = NEW.run
    AND nth <= (SELECT max(nth) FROM main.heard WHERE run = NEW.run) - 1000;
END;

CREATE TEMP VIEW letters (doc, worker) AS SELECT '', 0 WHERE 0;

-- (run's id, kind, message, name, key, of): judged as judge_cancel, judge_child and judge_signal do,
-- as the rows stood before any of them.
CREATE TEMP TRIGGER letters_given INSTEAD OF INSERT ON letters BEGIN
    INSERT INTO inbox (run, kind, message)
    SELECT run.no, value ->> 1, json_set(value ->> 2, '$.no', run.no)
    FROM jsonb_each(NEW.doc) AS letter CROSS JOIN main.run ON run.id = letter.value ->> 0
    WHERE
        run.status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
        AND (letter.value ->> 1 = 'child' OR NOT run.cancel)
        AND NOT EXISTS (
            SELECT 1 FROM main.heard
            WHERE
                heard.run = run.no AND name = letter.value ->> 3 AND heard.key = letter.value ->> 4
        )
        AND NOT EXISTS (
            SELECT 1 FROM main.refusal
            WHERE refusal.worker = NEW.worker AND refusal.run = letter.value ->> 5
        )
    ORDER BY letter.key;

    INSERT INTO hearing (run, name, key)
    SELECT inbox.run, message ->> 'name', message ->> 'key'
    FROM jsonb_each(NEW.doc) AS letter
    CROSS JOIN main.run ON run.id = letter.value ->> 0
    CROSS JOIN main.inbox ON inbox.run = run.no
    WHERE
        letter.value ->> 1 = 'signal' AND inbox.kind = 'signal'
        AND message ->> 'name' = letter.value ->> 3 AND message ->> 'key' = letter.value ->> 4
    ORDER BY letter.key;

    -- A cancel ends a pause: whoever takes the run ends it. A copy that was imported waits.
    UPDATE run SET
        cancel = 1, status = iif(status = 'paused' AND until = '', 'queued', status),
        reason = iif(status = 'paused' AND until = '', '', reason)
    WHERE no IN (
        SELECT called.no
        FROM jsonb_each(NEW.doc) AS letter
        CROSS JOIN main.run AS called ON called.id = letter.value ->> 0
        WHERE letter.value ->> 1 = 'cancel' AND called.called > 0 AND NOT called.cancel
    );
END;

CREATE TEMP VIEW offspring (doc) AS SELECT '' WHERE 0;

-- Runs that a batch starts, as birth takes them, all unnumbered. One whose id is there is left alone.
CREATE TEMP TRIGGER offspring_given INSTEAD OF INSERT ON offspring BEGIN
    INSERT OR IGNORE INTO run (
        no, id, flow, definition, status, owner, key, parent, labels, created, updated,
        queue, lane, priority, admitted, leased
    )
    SELECT
        (SELECT no FROM last_number) - (value ->> 0),
        value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 9,
        value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16
    FROM jsonb_each(NEW.doc);
    INSERT OR IGNORE INTO entry (run, seq, body, sum)
    SELECT run.no, 0, new.value ->> 10, new.value ->> 11
    FROM jsonb_each(NEW.doc) AS new CROSS JOIN main.run ON run.id = new.value ->> 1
    WHERE run.base = 0 AND run.status <> 'handed_off';
END;

CREATE TEMP VIEW batch (
    worker, epoch, number, at, entries, changes, opened, closed, arrivals, definitions, marks
) AS SELECT 0, 0, 0, 0, '', '', '', '', '', '', 0 WHERE 0;

-- everflow_tell collects numbers on the Python side; it is called for what is rare alone.
CREATE TEMP TRIGGER batch_written INSTEAD OF INSERT ON batch BEGIN
    SELECT RAISE(ABORT, 'everflow:fenced') WHERE NOT EXISTS (
        SELECT 1 FROM main.worker
        WHERE
            id = NEW.worker AND epoch = NEW.epoch AND gone = 0
            AND NEW.number IN (number, number + 1) AND NEW.number > 0
    );
    SELECT everflow_tell(refusal.run)
    FROM main.worker CROSS JOIN main.refusal ON refusal.worker = worker.id
    WHERE worker.id = NEW.worker AND worker.number = NEW.number
    ORDER BY refusal.place;
    SELECT iif(everflow_tell(-1), NULL, RAISE(IGNORE))
    FROM main.worker WHERE id = NEW.worker AND number = NEW.number;

    UPDATE worker SET number = NEW.number, at = max(at, NEW.at)
    WHERE id = NEW.worker AND marks = NEW.marks;
    -- Runs were taken from the worker, or let go of: what the batch bears for them is to be looked
    -- at once more.
    SELECT RAISE(ABORT, 'everflow:marked') WHERE changes() = 0;
    DELETE FROM refusal WHERE worker = NEW.worker;
    INSERT INTO refusal (worker, place, run)
    SELECT NEW.worker, change.key, run.no
    FROM jsonb_each(NEW.changes) AS change CROSS JOIN main.run ON run.no = change.value ->> 0
    WHERE
        change.value ->> 1 IN ('done', 'failed', 'handed_off') AND run.cancel
        AND NOT EXISTS (
            SELECT 1 FROM main.inbox
            WHERE inbox.run = run.no AND inbox.kind = 'cancel'
            AND inbox.id IN (SELECT value FROM jsonb_each(NEW.arrivals))
        );
    SELECT everflow_tell(run) FROM main.refusal WHERE worker = NEW.worker ORDER BY place;

    UPDATE run SET
        -- A run whose cancel came first isn't paused any more.
        status = iif(change.value ->> 1 = 'paused' AND run.cancel, 'queued', change.value ->> 1),
        until = change.value ->> 2,
        reason = iif(change.value ->> 1 = 'paused' AND run.cancel, '', change.value ->> 3),
        due = change.value ->> 4, base = change.value ->> 5, ended = change.value ->> 6,
        outcome = change.value ->> 7, definition = change.value ->> 8,
        deaths = change.value ->> 9, updated = NEW.at, rev = rev + (rev > 0)
    FROM jsonb_each(NEW.changes) AS change
    WHERE run.no = change.value ->> 0 AND NOT EXISTS (
        SELECT 1 FROM main.refusal
        WHERE refusal.worker = NEW.worker AND refusal.place = change.key
    );

    INSERT INTO entry (run, seq, body, sum)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(NEW.entries);

    INSERT OR IGNORE INTO question (
        run, tag, occurrence, op, position, at, due, prompt, state, schema
    )
    SELECT
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, iif(value ->> 8, 'answered', 'open'), value ->> 9
    FROM jsonb_each(NEW.opened) WHERE value ->> 0 IN (SELECT no FROM main.run);

    -- An answer that was accepted stays accepted, whatever its run makes of it.
    UPDATE question SET state = gone.value ->> 3
    FROM jsonb_each(NEW.closed) AS gone
    WHERE
        question.run = gone.value ->> 0 AND question.tag = gone.value ->> 1
        AND question.occurrence = gone.value ->> 2 AND question.state = 'open';

    UPDATE run SET rev = rev + 1
    WHERE
        (NEW.opened <> '[]' OR NEW.closed <> '[]')
        AND EXISTS (SELECT 1 FROM main.run WHERE rev > 0)
        AND no IN (
            SELECT value ->> 0 FROM jsonb_each(NEW.opened)
            UNION ALL SELECT value ->> 0 FROM jsonb_each(NEW.closed)
        )
        AND rev > 0;

    DELETE FROM inbox WHERE id IN (SELECT value FROM jsonb_each(NEW.arrivals));

    INSERT INTO meeting (run, tag, occurrence, early)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 8
    FROM jsonb_each(NEW.opened)
    WHERE EXISTS (
        SELECT 1 FROM main.question
        WHERE run = value ->> 0 AND tag = value ->> 1 AND occurrence = -1
    );

    INSERT OR IGNORE INTO definition (hash, body)
    SELECT value ->> 0, value ->> 1 FROM jsonb_each(NEW.definitions);
END;

-- A view of its own, so that batches without records, starts and letters don't pay for these.
CREATE TEMP VIEW batch_and_more (
    worker, epoch, number, at, entries, changes, opened, closed, arrivals, definitions,
    marks, lost, puts, starts, letters, released
) AS SELECT 0, 0, 0, 0, '', '', '', '', '', '', 0, '', '', '', '', '' WHERE 0;

CREATE TEMP TRIGGER batch_and_more_written INSTEAD OF INSERT ON batch_and_more BEGIN
    -- What is sent again is told here as batch_written tells it: after that, this would go on.
    SELECT everflow_tell(refusal.run)
    FROM main.worker CROSS JOIN main.refusal ON refusal.worker = worker.id
    WHERE worker.id = NEW.worker AND worker.number = NEW.number
    AND worker.epoch = NEW.epoch AND NOT worker.gone AND NEW.number > 0
    ORDER BY refusal.place;
    SELECT iif(everflow_tell(-1), NULL, RAISE(IGNORE))
    FROM main.worker
    WHERE id = NEW.worker AND number = NEW.number AND epoch = NEW.epoch AND NOT gone
    AND NEW.number > 0;

    SELECT everflow_tell(value) FROM jsonb_each(NEW.lost);
    INSERT INTO batch VALUES (
        NEW.worker, NEW.epoch, NEW.number, NEW.at, NEW.entries, NEW.changes, NEW.opened,
        NEW.closed, NEW.arrivals, NEW.definitions, NEW.marks
    );
    -- Runs of which something was left out, since they were taken from the worker.
    INSERT INTO refusal (worker, place, run)
    SELECT NEW.worker, lost.key - 4294967296, lost.value FROM jsonb_each(NEW.lost) AS lost;
    INSERT INTO puts (doc, at) SELECT NEW.puts, NEW.at WHERE NEW.puts <> '[]';
    INSERT INTO offspring (doc) SELECT NEW.starts WHERE NEW.starts <> '[]';
    INSERT INTO letters (doc, worker) SELECT NEW.letters, NEW.worker WHERE NEW.letters <> '[]';

    -- (run, code or null, seen, anew). Of those whose code doesn't fit only the living count.
    UPDATE run SET owner = 0, unfit = CASE
        WHEN given.value ->> 1 IS NULL THEN unfit
        WHEN EXISTS (
            SELECT 1 FROM main.inbox
            WHERE
                inbox.run = run.no AND inbox.id > given.value ->> 2
                AND inbox.kind IN ('cancel', 'pause', 'unpause', 'upgrade')
        ) THEN '{}'
        ELSE (
            SELECT json_group_object(CAST(one AS TEXT), code ORDER BY one) FROM (
                SELECT CAST(known.key AS INTEGER) AS one, known.value AS code
                FROM jsonb_each(run.unfit) AS known CROSS JOIN main.worker ON worker.id = one
                WHERE worker.gone = 0 AND worker.id <> NEW.worker AND NOT given.value ->> 3
                UNION ALL SELECT NEW.worker, given.value ->> 1
            )
        )
    END
    FROM jsonb_each(NEW.released) AS given
    WHERE run.no = given.value ->> 0 AND run.owner = NEW.worker;

    DELETE FROM taken
    WHERE
        worker = NEW.worker AND NEW.marks > 0
        AND run IN (SELECT value ->> 0 FROM jsonb_each(NEW.released));
    UPDATE worker SET marks = marks + 1 WHERE id = NEW.worker AND NEW.marks > 0 AND changes() > 0;
END;

CREATE TEMP VIEW birth (runs, many, unnumbered, queued, definitions)
AS SELECT '', 0, 0, 0, '' WHERE 0;

-- Tells the number that the unnumbered ones follow, and -1 unless all were new.
CREATE TEMP TRIGGER birth_given INSTEAD OF INSERT ON birth BEGIN
    INSERT OR IGNORE INTO definition (hash, body)
    SELECT value ->> 0, value ->> 1 FROM jsonb_each(NEW.definitions);

    SELECT everflow_tell(no) FROM last_number WHERE NEW.unnumbered;

    INSERT OR IGNORE INTO run (
        no, id, flow, definition, status, owner, key, parent, labels, created, updated,
        queue, lane, priority, admitted, leased
    )
    SELECT
        iif(
            value ->> 0 > 0,
            value ->> 0,
            (SELECT no FROM last_number) - (value ->> 0)
        ),
        value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 9,
        iif(NEW.queued, value ->> 12, ''), iif(NEW.queued, value ->> 13, ''),
        iif(NEW.queued, value ->> 14, 0), iif(NEW.queued, value ->> 15, NULL),
        iif(NEW.queued, value ->> 16, 0)
    FROM jsonb_each(NEW.runs);
    SELECT everflow_tell(-1) WHERE changes() <> NEW.many;
    SELECT RAISE(ABORT, 'everflow:number')
    FROM (SELECT NEW.runs AS doc WHERE changes() <> NEW.many) AS given
    CROSS JOIN jsonb_each(given.doc) AS new
    WHERE
        NOT EXISTS (SELECT 1 FROM main.run WHERE id = new.value ->> 1)
        AND NOT EXISTS (
            SELECT 1 FROM main.run WHERE flow = new.value ->> 2 AND key = new.value ->> 6
        );

    -- All were new and numbered: the usual case, and the quick one.
    INSERT INTO entry (run, seq, body, sum)
    SELECT new.value ->> 0, 0, new.value ->> 10, new.value ->> 11
    FROM (SELECT NEW.runs AS doc WHERE changes() = NEW.many AND NOT NEW.unnumbered) AS given
    CROSS JOIN jsonb_each(given.doc) AS new;

    -- Else a first entry is missing for those alone whose run came to be just now: where the base
    -- is still 0 nothing was ever pruned, and of all runs only a copy may have no entry.
    INSERT OR IGNORE INTO entry (run, seq, body, sum)
    SELECT run.no, 0, new.value ->> 10, new.value ->> 11
    FROM (SELECT NEW.runs AS doc WHERE changes() = 0) AS given
    CROSS JOIN jsonb_each(given.doc) AS new CROSS JOIN main.run ON run.id = new.value ->> 1
    WHERE run.base = 0 AND run.status <> 'handed_off';
END;

CREATE TEMP VIEW writing (
    puts, expected, at, starts, many, unnumbered, queued, definitions, letters, admit
) AS SELECT '', '', 0, '', 0, 0, 0, '', '', '' WHERE 0;

CREATE TEMP TRIGGER writing_given INSTEAD OF INSERT ON writing BEGIN
    SELECT RAISE(ABORT, 'everflow:changed')
    FROM jsonb_each(NEW.expected) AS expected
    WHERE expected.value ->> 2 <> coalesce((
        SELECT version FROM main.record
        WHERE kind = expected.value ->> 0 AND record.key = expected.value ->> 1
    ), 0);
    INSERT INTO birth (runs, many, unnumbered, queued, definitions)
    SELECT NEW.starts, NEW.many, NEW.unnumbered, NEW.queued, NEW.definitions
    WHERE NEW.many OR NEW.definitions <> '[]';
    INSERT INTO puts (doc, at) VALUES (NEW.puts, NEW.at);
    UPDATE run SET admitted = NEW.at, rev = rev + (rev > 0)
    WHERE
        no IN (SELECT value FROM jsonb_each(NEW.admit))
        AND queue <> '' AND admitted IS NULL AND status = 'queued';
    INSERT INTO letters (doc, worker) SELECT NEW.letters, 0 WHERE NEW.letters <> '[]';
END;

CREATE TEMP VIEW acceptance (answers, cancels, messages, tagged, kept, signals, aside)
AS SELECT '', '', '', '', '', '', '' WHERE 0;

-- What was judged by a look at the rows is written on condition that they still stand so.
CREATE TEMP TRIGGER acceptance_given INSTEAD OF INSERT ON acceptance BEGIN
    SELECT RAISE(ABORT, 'everflow:changed')
    FROM jsonb_each(NEW.messages) AS message
    WHERE NOT EXISTS (
        SELECT 1 FROM main.run WHERE no = message.value ->> 0
        AND (
            NOT cancel OR message.value ->> 1 = 'child'
            OR (status = 'cancelling' AND message.value ->> 1 = 'answer')
        )
        AND status NOT IN ('done', 'failed', 'cancelled', 'handed_off')
    );

    -- Pauses of runs that wait in a queue, and ends of these: (run, status before, status, reason).
    UPDATE run SET
        status = given.value ->> 2, until = '', reason = given.value ->> 3, rev = rev + (rev > 0)
    FROM jsonb_each(NEW.aside) AS given
    WHERE
        no = given.value ->> 0 AND status = given.value ->> 1
        AND queue <> '' AND admitted IS NULL AND NOT cancel;
    SELECT RAISE(ABORT, 'everflow:changed')
    WHERE changes() <> json_array_length(NEW.aside);

    -- By tag: (run, tag, key). None is kept, and the key is new to the tag.
    SELECT RAISE(ABORT, 'everflow:changed')
    FROM jsonb_each(NEW.tagged) AS given CROSS JOIN main.question
    WHERE
        run = given.value ->> 0 AND tag = given.value ->> 1
        AND (occurrence = -1 OR question.key = given.value ->> 2);

    UPDATE question SET state = 'answered', key = answer.value ->> 3
    FROM jsonb_each(NEW.answers) AS answer
    WHERE
        question.run = answer.value ->> 0 AND question.tag = answer.value ->> 1
        AND question.occurrence = answer.value ->> 2 AND question.state = 'open';
    SELECT RAISE(ABORT, 'everflow:changed')
    WHERE changes() <> json_array_length(NEW.answers);

    -- Exactly one was open, or none: by now none is.
    SELECT RAISE(ABORT, 'everflow:changed')
    FROM jsonb_each(NEW.tagged) AS given
    CROSS JOIN main.question INDEXED BY question_tag
        ON tag = given.value ->> 1 AND run = given.value ->> 0
    WHERE state = 'open';

    INSERT INTO question (run, tag, occurrence, op, position, at, prompt, state, key)
    SELECT value ->> 0, value ->> 1, -1, '', '', value ->> 3, 'null', 'kept', value ->> 2
    FROM jsonb_each(NEW.kept);

    UPDATE run SET
        cancel = 1, status = iif(status = 'paused' AND until = '', 'queued', status),
        reason = iif(status = 'paused' AND until = '', '', reason)
    WHERE no IN (SELECT value FROM jsonb_each(NEW.cancels));

    -- Signals: (run, name, key). The key is new, and after it there are as many as may be.
    SELECT RAISE(ABORT, 'everflow:changed')
    FROM jsonb_each(NEW.signals) AS signal CROSS JOIN main.heard
    WHERE
        run = signal.value ->> 0 AND name = signal.value ->> 1 AND heard.key = signal.value ->> 2;
    INSERT INTO hearing (run, name, key)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(NEW.signals);

    INSERT INTO inbox (run, kind, message)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(NEW.messages);

    SELECT RAISE(ABORT, 'everflow:changed')
    FROM (SELECT DISTINCT value ->> 0 AS run FROM jsonb_each(NEW.signals)) AS signalled
    WHERE (
        SELECT count(*) FROM main.inbox WHERE inbox.run = signalled.run AND kind = 'signal'
    ) > 1000;
END;
