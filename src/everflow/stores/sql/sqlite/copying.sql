-- A file that is filled as a copy of a store of another kind; it has its tables and nothing else.

-- name: copied_store
UPDATE store SET id = ?, created = ?, highest = ?, numbered = ?

-- name: copied_worker
INSERT INTO worker (id, epoch, number, at, host, pid, since, gone, marks, about)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: copied_refusal
INSERT INTO refusal (worker, place, run) VALUES (?, ?, ?)

-- name: copied_taken
INSERT INTO taken (worker, run, id) VALUES (?, ?, ?)

-- name: copied_inbox
-- Before the runs, which bring their counts along.
INSERT INTO inbox (id, run, kind, message) VALUES (?, ?, ?, ?)

-- name: copied_run
INSERT INTO run (
    no, id, flow, definition, status, until, reason, owner, key, parent, labels, generation, origin,
    created, updated, ended, due, base, cancel, deaths, outcome, mail, called, woken, moving, queue,
    lane, priority, admitted, leased, rev, unfit
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)

-- name: copied_entry
INSERT INTO entry (run, seq, body, sum) VALUES (?, ?, ?, ?)

-- name: copied_question
INSERT INTO question (
    id, run, tag, occurrence, op, position, at, due, prompt, state, key, schema
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: copied_heard
INSERT INTO heard (run, name, key, nth) VALUES (?, ?, ?, ?)

-- name: copied_record
INSERT INTO record (version, kind, key, body, at, due) VALUES (?, ?, ?, ?, ?, ?)

-- name: copied_definition
INSERT INTO definition (hash, body) VALUES (?, ?)

-- name: copied_last
-- (table, the last number that it gave)
INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq)
VALUES ((SELECT rowid FROM sqlite_sequence WHERE name = ?1), ?1, ?2)
