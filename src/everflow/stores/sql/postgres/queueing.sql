-- name: nothing_queueing
SELECT
