-- name: nothing_writing
SELECT
