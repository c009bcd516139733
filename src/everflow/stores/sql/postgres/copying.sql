-- What a copy of the store is made of, table by table, in the columns of sql/sqlite/copying.sql.

-- name: copied_store
-- With the last number of a run that was given, be that let go of by now.
SELECT id, created, highest, CASE WHEN is_called THEN last_value ELSE 0 END
FROM everflow.store, everflow.run_no

-- name: copied_many
-- Entries that lie in their eras, but are nobody's any more, too: it says how far a copy is.
SELECT
    (SELECT count(*) FROM everflow.worker)
    + (SELECT coalesce(sum(cardinality(refused)), 0) FROM everflow.worker)
    + (SELECT count(*) FROM everflow.taken)
    + (SELECT count(*) FROM everflow.inbox)
    + (SELECT count(*) FROM everflow.run)
    + (SELECT count(*) FROM everflow.entry)
    + (SELECT count(*) FROM everflow.question)
    + (SELECT count(*) FROM everflow.heard)
    + (SELECT count(*) FROM everflow.record)
    + (SELECT count(*) FROM everflow.definition)

-- name: copied_worker
SELECT id, epoch, number, at, host, pid, since, gone, marks, about
FROM everflow.worker ORDER BY id

-- name: copied_refusal
SELECT worker.id, refused.nth, refused.run
FROM everflow.worker, unnest(worker.refused) WITH ORDINALITY AS refused (run, nth)

-- name: copied_taken
SELECT worker, run, id FROM everflow.taken ORDER BY worker, run

-- name: copied_inbox
SELECT id, run, kind, message FROM everflow.inbox ORDER BY id

-- name: copied_run
SELECT
    no, id, flow, definition, status, until, reason, owner, key, parent, labels, generation, origin,
    created, updated, ended, due, base, cancel, deaths, outcome, mail, called, woken, moving, queue,
    lane, priority, admitted, leased, rev, unfit
FROM everflow.run ORDER BY no

-- name: copied_entry
-- Not those that lie in an era which their run was moved out of, or whose run was let go of.
SELECT entry.run, entry.seq, entry.body, entry.sum
FROM everflow.entry JOIN everflow.run ON run.no = entry.run AND run.era = entry.era
ORDER BY entry.run, entry.seq

-- name: copied_question
SELECT id, run, tag, occurrence, op, position, at, due, prompt, state, key, schema
FROM everflow.question ORDER BY id

-- name: copied_heard
SELECT run, name, key, nth FROM everflow.heard ORDER BY run, nth

-- name: copied_record
SELECT version, kind, key, body, at, due FROM everflow.record ORDER BY version

-- name: copied_definition
SELECT hash, body FROM everflow.definition ORDER BY hash

-- name: copied_last
-- The last numbers that were given, also where what had them is gone.
SELECT 'worker', last_value FROM everflow.worker_id_seq
UNION ALL SELECT 'inbox', last_value FROM everflow.inbox_id_seq
UNION ALL SELECT 'record', last_value FROM everflow.record_version_seq
