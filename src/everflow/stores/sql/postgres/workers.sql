-- name: nothing_workers
SELECT
