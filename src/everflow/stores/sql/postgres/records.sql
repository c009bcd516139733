-- name: nothing_records
SELECT
