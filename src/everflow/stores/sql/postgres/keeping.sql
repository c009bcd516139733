-- Export and import, pruning: runs whole, any number of them in each statement.

-- name: whole_entries
-- Of runs with their eras, from a seq on.
SELECT entry.run, entry.seq, entry.body, entry.sum
FROM
    unnest(%(nos)s::bigint[], %(eras)s::integer[], %(afters)s::bigint[]) AS asked (no, era, after)
    JOIN everflow.entry
        ON entry.era = asked.era AND entry.run = asked.no AND entry.seq >= asked.after
ORDER BY entry.run, entry.seq

-- name: whole_questions
SELECT * FROM everflow.question_shown WHERE no = ANY(%(nos)s::bigint[]) ORDER BY id

-- name: whole_inbox
SELECT run, message FROM everflow.inbox WHERE run = ANY(%(nos)s::bigint[]) ORDER BY id

-- name: whole_heard
SELECT run, name, key FROM everflow.heard WHERE run = ANY(%(nos)s::bigint[]) ORDER BY run, nth

-- name: there
-- What an import meets: the run of its id, whether that is busy, whether it may not be replaced by
-- any, and the run of its key.
SELECT
    run.no,
    coalesce(
        run.status IN ('queued', 'running', 'cancelling') AND EXISTS (
            SELECT FROM everflow.worker WHERE worker.id = run.owner AND worker.gone = 0
        ),
        false
    ),
    coalesce(run.status = 'handed_off', false) OR EXISTS (
        SELECT FROM everflow.record WHERE kind = 'tenure' AND record.key = asked.id
    ),
    (SELECT no FROM everflow.run WHERE run.flow = asked.flow AND run.key = asked.key)
FROM
    unnest(%(ids)s::text[], %(flows)s::text[], %(keys)s::text[])
    WITH ORDINALITY AS asked (id, flow, key, nth)
    LEFT JOIN everflow.run ON run.id = asked.id
ORDER BY asked.nth

-- name: new_numbers
SELECT drawn.no
FROM (
    SELECT nextval('everflow.run_no') AS no FROM generate_series(1, %(many)s)
) AS drawn
WHERE NOT EXISTS (SELECT FROM everflow.run WHERE run.no = drawn.no)
ORDER BY drawn.no

-- name: delete_runs
DELETE FROM everflow.run WHERE no = ANY(%(nos)s::bigint[])

-- name: delete_entries
DELETE FROM everflow.entry USING everflow.run
WHERE entry.era = run.era AND entry.run = run.no AND run.no = ANY(%(nos)s::bigint[])

-- name: delete_beside
-- Of a run all but its row and entries.
WITH asked AS (SELECT unnest(%(nos)s::bigint[]) AS no),
mail AS (DELETE FROM everflow.inbox USING asked WHERE run = asked.no),
heard AS (DELETE FROM everflow.heard USING asked WHERE run = asked.no)
DELETE FROM everflow.question USING asked WHERE run = asked.no

-- name: install_runs
INSERT INTO everflow.run (
    no, id, flow, definition, status, until, reason, owner, key, parent, labels, generation, origin,
    created, updated, ended, due, base, cancel, deaths, outcome, queue, lane, priority, admitted,
    leased, era
)
SELECT
    no, id, flow, definition, status, until, reason, 0, key, parent, labels, generation, origin,
    created, updated, ended, due, base, cancel, deaths, outcome, queue, lane, priority, admitted,
    leased, %(era)s
FROM jsonb_to_recordset(%(runs)s::jsonb) AS given (
    no bigint, id text, flow text, definition text, status text, until text, reason text, key text,
    parent text, labels jsonb, generation integer, origin text, created bigint, updated bigint,
    ended bigint, due bigint, base integer, cancel boolean, deaths integer, outcome text,
    queue text, lane text, priority integer, admitted bigint, leased boolean
)
ON CONFLICT DO NOTHING

-- name: install_entries
INSERT INTO everflow.entry (era, run, seq, body, sum)
SELECT run.era, run.no, given.seq, given.body, given.sum
FROM
    unnest(%(nos)s::bigint[], %(seqs)s::integer[], %(bodies)b::text[], %(sums)s::bigint[])
    WITH ORDINALITY AS given (no, seq, body, sum, nth)
    JOIN everflow.run ON run.no = given.no
ORDER BY given.nth

-- name: install_questions
INSERT INTO everflow.question (
    run, tag, occurrence, op, position, at, due, prompt, schema, state, key
)
SELECT given.*
FROM unnest(
    %(runs)s::bigint[], %(tags)s::text[], %(occurrences)s::bigint[], %(ops)s::text[],
    %(positions)s::text[], %(ats)s::bigint[], %(dues)s::bigint[], %(prompts)b::text[],
    %(schemas)s::text[], %(states)s::text[], %(keys)s::text[]
) AS given

-- name: install_heard
INSERT INTO everflow.heard (run, nth, name, key)
SELECT given.*
FROM unnest(
    %(nos)s::bigint[], %(nths)s::integer[], %(names)s::text[], %(keys)s::text[]
) AS given

-- name: install_inbox
INSERT INTO everflow.inbox (run, kind, tag, message)
SELECT no, kind, tag, message
FROM
    unnest(%(nos)s::bigint[], %(kinds)s::text[], %(tags)s::text[], %(messages)b::text[])
    WITH ORDINALITY AS given (no, kind, tag, message, nth)
ORDER BY nth

-- name: install_definitions
INSERT INTO everflow.definition (hash, body)
SELECT hash, body
FROM unnest(%(hashes)s::text[], %(bodies)b::text[]) AS given (hash, body)
ORDER BY hash
ON CONFLICT DO NOTHING

-- name: settle
-- What each of these runs has in its inbox, and its revision from then on (null: as it was).
UPDATE everflow.run SET
    mail = found.mail, called = found.called, woken = found.woken, moving = found.moving,
    rev = coalesce(found.rev, run.rev)
FROM (
    SELECT
        given.no, given.rev,
        count(inbox.id) AS mail,
        count(*) FILTER (WHERE kind = 'cancel') AS called,
        count(*) FILTER (WHERE kind = 'unpause') AS woken,
        count(*) FILTER (WHERE kind = 'upgrade') AS moving
    FROM
        unnest(%(nos)s::bigint[], %(revs)s::integer[]) AS given (no, rev)
        LEFT JOIN everflow.inbox ON inbox.run = given.no
    GROUP BY given.no, given.rev
) AS found
WHERE run.no = found.no

-- name: prune
DELETE FROM everflow.entry USING everflow.run
WHERE
    run.no = %(no)s AND entry.era = run.era AND entry.run = run.no
    AND entry.seq < least(%(before)s, run.base) AND NOT entry.seq = ANY(%(keep)s::bigint[])
    AND run.status <> 'handed_off' AND NOT EXISTS (
        SELECT FROM everflow.record WHERE kind = 'tenure' AND record.key = run.id
    )
RETURNING entry.seq

-- name: lock_handing
-- Imports and handoffs one after another, so that none meets what another is about to write.
SELECT pg_advisory_xact_lock(hashtextextended('everflow:<schema>:handing', 0))

-- name: present_era
SELECT everflow.present_era()
