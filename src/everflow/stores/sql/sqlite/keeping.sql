-- Export and import, adoption, pruning, backup.

-- name: export
SELECT '[' || coalesce((
    SELECT
        '{"row":' || doc
        || ',"entries":' || (
            SELECT coalesce(json_group_array(json_array(run, seq, body, sum)), '[]')
            FROM (SELECT * FROM entry WHERE run = run_shown.no ORDER BY seq)
        )
        || ',"questions":' || (
            SELECT '[' || coalesce(group_concat(question_doc, ','), '') || ']' FROM (
                SELECT question_shown.doc AS question_doc FROM question_shown
                WHERE question_shown.run = run_shown.no ORDER BY question_shown.id
            )
        )
        || ',"arrivals":' || (
            SELECT '[' || coalesce(group_concat(message, ','), '') || ']'
            FROM (SELECT message FROM inbox WHERE run = run_shown.no ORDER BY id)
        )
        || ',"heard":' || (
            SELECT coalesce(json_group_array(json_array(name, key)), '[]')
            FROM (SELECT name, key FROM heard WHERE run = run_shown.no ORDER BY nth)
        )
        || '}'
    FROM run_shown WHERE no = :no
), 'null') || ']'

-- name: there
-- What an import meets: the run of its id, whether it is busy, and the run of its key.
SELECT json_object(
    'no', (SELECT no FROM run WHERE id = :id),
    'busy', json(iif(EXISTS (
        SELECT 1 FROM run JOIN worker ON worker.id = run.owner
        WHERE run.id = :id AND worker.gone = 0 AND status IN ('queued', 'running', 'cancelling')
    ), 'true', 'false')),
    'kept', json(iif(EXISTS (
        SELECT 1 FROM record WHERE kind = 'tenure' AND key = :id
        UNION ALL SELECT 1 FROM run WHERE id = :id AND status = 'handed_off'
    ), 'true', 'false')),
    'keyed', (SELECT no FROM run WHERE flow = :flow AND key = :key)
)

-- name: highest_no
SELECT no FROM last_number

-- name: bodies
-- (seq, body) of a run there that the import has as well, and its last seq.
SELECT json_array(
    (SELECT coalesce(max(seq), -1) FROM entry WHERE run = :no),
    json((
        SELECT json_group_array(json_array(seq, body)) FROM entry
        WHERE run = :no AND seq IN (SELECT value FROM json_each(:seqs))
    ))
)

-- name: delete_run
DELETE FROM run WHERE no = :no

-- name: delete_entries
DELETE FROM entry WHERE run = :no

-- name: delete_questions
DELETE FROM question WHERE run = :no

-- name: delete_inbox
DELETE FROM inbox WHERE run = :no

-- name: delete_heard
DELETE FROM heard WHERE run = :no

-- name: install_run
INSERT INTO run (
    no, id, flow, definition, status, until, reason, owner, key, parent, labels, generation,
    origin, created, updated, ended, due, base, cancel, deaths, outcome,
    queue, lane, priority, admitted, leased
) VALUES (
    :no, :id, :flow, :definition, :status, :until, :reason, 0, :key, :parent, :labels, :generation,
    :origin, :created, :updated, :ended, :due, :base, :cancel, :deaths, :outcome,
    :queue, :lane, :priority, :admitted, :leased
)

-- name: install_entries
INSERT INTO entry (run, seq, body, sum)
SELECT :no, value ->> 1, value ->> 2, value ->> 3 FROM json_each(:entries)

-- name: install_questions
INSERT INTO question (run, tag, occurrence, op, position, at, due, prompt, state, key, schema)
SELECT
    :no, value ->> 'tag', value ->> 'occurrence', value ->> 'op', value ->> 'position',
    value ->> 'at', value ->> 'due', value ->> 'prompt', value ->> 'state', value ->> 'key',
    coalesce(value ->> 'schema', '')
FROM json_each(:questions)

-- name: install_inbox
INSERT INTO inbox (run, kind, message)
SELECT :no, value ->> 0, value ->> 1 FROM json_each(:messages)

-- name: install_heard
INSERT INTO heard (run, name, key, nth)
SELECT :no, value ->> 0, value ->> 1, key + 1 FROM json_each(:heard)

-- name: install_definitions
INSERT OR IGNORE INTO definition (hash, body)
SELECT value ->> 0, value ->> 1 FROM json_each(:definitions)

-- name: adopt
UPDATE run SET status = 'queued', until = '', reason = '', deaths = 0, rev = rev + (rev > 0)
WHERE no IN (SELECT value FROM json_each(:nos))

-- name: aside
SELECT coalesce(json_group_array(no), '[]') FROM run
WHERE
    no IN (SELECT value FROM json_each(:nos))
    AND (
        status = 'paused'
        OR status = 'blocked' AND until = 'operator' AND NOT EXISTS (
            SELECT 1 FROM worker WHERE worker.id = run.owner AND worker.gone = 0
        )
    )

-- name: prune
DELETE FROM entry
WHERE
    run = :no
    AND seq < min(:before, (SELECT base FROM run WHERE no = :no AND status <> 'handed_off'))
    AND seq NOT IN (SELECT value FROM json_each(:keep))
    AND NOT EXISTS (
        SELECT 1 FROM record
        WHERE kind = 'tenure' AND key = (SELECT id FROM main.run WHERE no = :no)
    )
