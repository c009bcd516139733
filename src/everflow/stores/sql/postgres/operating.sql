-- name: nothing_operating
SELECT
