-- name: nothing_keeping
SELECT
