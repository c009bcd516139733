-- Reading: each query gives one row with one JSON text.

-- name: info
SELECT json_object(
    'id', store.id, 'format', (SELECT user_version FROM pragma_user_version),
    'created', created,
    'highest', max(highest, coalesce((SELECT max(at) FROM worker), 0)), 'place', :place,
    'name', :name
)
FROM store

-- name: load
SELECT '[' || coalesce(group_concat(
    '{"row":' || run_shown.doc
    || ',"entries":' || (
        SELECT coalesce(json_group_array(json_array(run, seq, body, sum)), '[]') FROM (
            SELECT * FROM entry WHERE run = run_shown.no AND seq >= run_shown.base ORDER BY seq
        )
    )
    || ',"arrivals":' || (
        SELECT '[' || coalesce(group_concat(
            '{"id":' || id || ',"no":' || run || ',"message":' || message || '}', ','
        ), '') || ']' FROM (SELECT * FROM inbox WHERE run = run_shown.no ORDER BY id)
    )
    || '}', ',' ORDER BY asked.key
), '') || ']'
FROM json_each(:nos) AS asked CROSS JOIN run_shown ON run_shown.no = asked.value

-- name: entries
SELECT json_object(
    'run', coalesce((SELECT id FROM run WHERE no = :no), ''),
    'entries', json((
        SELECT json_group_array(json_array(run, seq, body, sum)) FROM entry
        WHERE run = :no AND seq IN (SELECT value FROM json_each(:seqs))
    ))
)

-- name: journal
SELECT coalesce(json_group_array(json_array(run, seq, body, sum)), '[]') FROM (
    SELECT * FROM entry WHERE run = :no AND seq >= :first ORDER BY seq LIMIT :limit
)

-- name: find
SELECT '[' || coalesce((SELECT doc FROM run_shown WHERE id = :id), 'null') || ']'

-- name: find_key
SELECT '['
|| coalesce((SELECT doc FROM run_shown WHERE flow = :flow AND key = :key), 'null')
|| ']'

-- name: rows
SELECT '[' || coalesce(group_concat(doc, ',' ORDER BY asked.key), '') || ']'
FROM json_each(:nos) AS asked CROSS JOIN run_shown ON run_shown.no = asked.value

-- name: standing
SELECT '[' || coalesce((SELECT json_array(status, mail) FROM run WHERE no = :no), 'null') || ']'

-- name: asked
SELECT '[' || coalesce(group_concat(
    '['
    || coalesce((SELECT doc FROM run_shown WHERE id = asked.value ->> 0), 'null')
    || ','
    || coalesce((
        SELECT doc FROM question_shown
        WHERE run = (SELECT no FROM run WHERE id = asked.value ->> 0)
        AND tag = asked.value ->> 1 AND occurrence = asked.value ->> 2
    ), 'null')
    || ']', ',' ORDER BY asked.key
), '') || ']'
FROM json_each(:places) AS asked

-- name: runs
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT doc FROM run_shown
    WHERE
    /* filters */
    ORDER BY created, no LIMIT :limit
)

-- name: runs_newest_first
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT doc FROM run_shown
    WHERE
    /* filters */
    ORDER BY created DESC, no DESC LIMIT :limit
)

-- name: count
SELECT json_group_object(status, many) FROM (
    SELECT status, count(*) AS many FROM run
    WHERE
    /* filters */
    GROUP BY status
)

-- What a query may ask for. Only what it does ask for stands in the statement, so that SQLite can
-- choose an index by it.

-- name: filter_status
status = :status

-- name: filter_statuses
status IN (SELECT value FROM json_each(:statuses))

-- name: filter_flow
flow = :flow

-- name: filter_queue
queue = :queue

-- name: filter_parent
parent = :parent

-- name: filter_since
created >= :since

-- name: filter_before
created < :before

-- name: filter_run_tag
no IN (SELECT run FROM question WHERE tag = :run_tag AND state = 'open')

-- name: filter_labels
NOT EXISTS (
    SELECT 1 FROM json_each(:labels) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM json_each(labels) AS label
        WHERE label.key = wanted.value ->> 0 AND label.value = wanted.value ->> 1
    )
)

-- name: filter_after
(created, no) > ((SELECT created FROM run WHERE no = :after), :after)

-- name: filter_back_from
(created, no) < ((SELECT created FROM run WHERE no = :back_from), :back_from)

-- name: filter_no
run = :no

-- name: filter_tag
tag = :tag

-- name: filter_occurrence
occurrence = :occurrence

-- name: filter_past
id > (
    SELECT q.id FROM question AS q
    WHERE q.run = :past ->> 0 AND q.tag = :past ->> 1 AND q.occurrence = :past ->> 2
)

-- name: filter_open
state = 'open'

-- name: questions
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT doc FROM question_shown
    WHERE
    /* filters */
    ORDER BY id LIMIT :limit
)

-- name: definition
SELECT json_array((SELECT body FROM definition WHERE hash = :hash))

-- name: records
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT json_object(
        'kind', kind, 'key', key, 'version', version, 'body', body, 'at', at, 'due', due
    ) AS doc
    FROM record
    WHERE
    /* filters */
    ORDER BY key LIMIT :limit
)

-- name: filter_kind
kind = :kind

-- name: filter_keys
key IN (SELECT value FROM json_each(:keys))

-- name: filter_prefix
-- Above it in the index comes what begins with it.
key >= :prefix AND substr(key, 1, length(:prefix)) = :prefix

-- name: filter_below
-- What begins with the prefix is below this.
key < :below

-- name: filter_beyond
key > :beyond

-- name: due_records
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT json_object(
        'kind', kind, 'key', key, 'version', version, 'body', body, 'at', at, 'due', due
    ) AS doc
    FROM record WHERE kind = :kind AND due <= :now ORDER BY due, key LIMIT :limit
)

-- name: next_record_due
SELECT json_array((SELECT min(due) FROM record WHERE kind = :kind AND due IS NOT NULL))
