-- Reading records.

-- name: records
SELECT kind, key, version, body, at, due FROM everflow.record
WHERE
    /* filters */
ORDER BY key LIMIT %(limit)s

-- name: filter_kind
kind = %(kind)s

-- name: filter_keys
key = ANY(%(keys)s::text[])

-- name: filter_prefix
-- Above it in the index comes what begins with it.
key >= %(prefix)s

-- name: filter_beginning
-- Only where nothing tells the end: the server would think that hardly any key is left, and sort.
key ^@ %(beginning)s

-- name: filter_below
-- What begins with the prefix is below this.
key < %(below)s

-- name: filter_beyond
key > %(beyond)s

-- name: due_records
SELECT kind, key, version, body, at, due FROM everflow.record
WHERE kind = %(kind)s AND due <= %(now)s
ORDER BY due, key LIMIT %(limit)s

-- name: next_record_due
SELECT min(due) FROM everflow.record WHERE kind = %(kind)s AND due IS NOT NULL
