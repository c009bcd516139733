-- name: nothing_handing
SELECT
