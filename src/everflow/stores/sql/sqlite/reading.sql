-- Reading: each query gives one row with one JSON text.

-- name: info
SELECT json_object(
    'id', store.id, 'format', (SELECT user_version FROM pragma_user_version),
    'created', created,
    'highest', max(highest, coalesce((SELECT max(at) FROM worker), 0)), 'place', :place
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

-- name: runs
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT doc FROM run_shown
    WHERE
        (:after = 0 OR (created, no) > ((SELECT created FROM run WHERE no = :after), :after))
        AND /* filters */
    ORDER BY created, no LIMIT :limit
)

-- name: runs_newest_first
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT doc FROM run_shown
    WHERE
        (:after = 0 OR (created, no) < ((SELECT created FROM run WHERE no = :after), :after))
        AND /* filters */
    ORDER BY created DESC, no DESC LIMIT :limit
)

-- name: count
SELECT json_group_object(status, many) FROM (
    SELECT status, count(*) AS many FROM run WHERE /* filters */ GROUP BY status
)

-- name: filters
(:any_status OR status IN (SELECT value FROM json_each(:status)))
AND (:flow IS NULL OR flow = :flow)
AND (:since IS NULL OR created >= :since)
AND (:before IS NULL OR created < :before)
AND (:tag IS NULL OR EXISTS (
    SELECT 1 FROM question WHERE run = no AND tag = :tag AND state = 'open'
))
AND (:any_label OR NOT EXISTS (
    SELECT 1 FROM json_each(:labels) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM json_each(labels) AS label
        WHERE label.key = wanted.value ->> 0 AND label.value = wanted.value ->> 1
    )
))

-- name: questions
SELECT '[' || coalesce(group_concat(doc, ','), '') || ']' FROM (
    SELECT doc FROM question_shown
    WHERE
        (:no IS NULL OR run = :no)
        AND (:tag IS NULL OR tag = :tag)
        AND (:occurrence IS NULL OR occurrence = :occurrence)
        AND (state = 'open' OR NOT :open_only)
    ORDER BY id LIMIT :limit
)

-- name: definition
SELECT json_array((SELECT body FROM definition WHERE hash = :hash))
