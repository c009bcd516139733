"""Deadlocks and serialisation failures are retried inside the store; nobody hears of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.servers import Server

LASTING = 20.0  # seconds of a lease that no conflict outlasts
FAILING = """
CREATE FUNCTION {schema}.fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.03 THEN
        RAISE EXCEPTION 'a conflict' USING ERRCODE =
            (ARRAY['40001', '40P01'])[1 + floor(random() * 2)::integer];
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER fails AFTER INSERT OR UPDATE ON {schema}.run
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.fails();
"""


def test_conflicts_are_tried_again(
    postgres: Server, fresh_schema: Callable[[], str], tmp_path: Path
) -> None:
    """Three statements of a hundred are undone for nobody's fault: no caller is refused."""
    schema = fresh_schema()
    fleet = Fleet(tmp_path, postgres.url(schema), lease=LASTING)
    try:
        with psycopg.connect(postgres.dsn, autocommit=True) as line:
            line.execute(FAILING.format(schema=schema).encode())
        fleet.works(400)
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["deposed"] == counted["repeats"] == counted["refusals"] == 0


def _deadlocks(line: psycopg.Connection) -> int:
    row = line.execute(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])
