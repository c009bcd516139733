"""Killed at any moment, again and again: each run has paid once, and what must leave left once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import psycopg

from everflow.stores.postgres.place import Place

COUNT = 12
LIVES = (3, 8, 5)  # lines of output after which a process is killed


def live(where: str, table: str, lines: int | None) -> bool:
    """One process, killed after so many lines; whether it came to its end."""
    args = [sys.executable, "-m", "tests.faults.paying", where, table, str(COUNT)]
    path = os.pathsep.join(entry or "." for entry in sys.path)
    env = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        told = [line.strip() for line in islice(process.stdout, lines)]
        if lines is not None:
            process.kill()
    return "done" in told


def live_and_die(where: str, table: str) -> None:
    if not any(live(where, table, lines) for lines in LIVES):
        assert live(where, table, None)


WANTED = Counter({(who, what): 1 for who in range(COUNT) for what in (1, 2, 3)})


def test_killed_over_sqlite(tmp_path: Path) -> None:
    """Every row of the ledger is there once (B080)."""
    where = tmp_path / "flows.db"
    live_and_die(str(where), "ledger")
    with sqlite3.connect(where) as db:
        rows = Counter(db.execute("SELECT who, what FROM ledger"))
    db.close()
    assert rows == WANTED


def test_killed_over_postgresql(fresh_url: str) -> None:
    """The same in a database (B080)."""
    place = Place.read(fresh_url)
    table = f"{place.schema}_ledger_killed"
    live_and_die(fresh_url, table)
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        rows = Counter(line.execute(f"SELECT who, what FROM {table}".encode()).fetchall())
        line.execute(f"DROP TABLE {table}; DROP SCHEMA {place.schema} CASCADE".encode())
    assert rows == WANTED
