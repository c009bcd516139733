-- name: nothing_reading
SELECT
