"""``./run.sh python -m bench.scale.letting URL``: what dropping an era costs beside deleting it.

Of a database that ``fill.sql`` filled: the entries of era 2 are deleted by runs, a thousand in a
transaction; the runs of era 1 are let go of and its partition is dropped.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import psycopg

from bench.scale.store import opened
from everflow.store import Reclaimed, Retention
from everflow.stores.postgres.place import Place

BEGUN = 1_700_000_000_000_000
APART = 3_000_000  # microseconds between two starts
RUNS = 1000

Line = psycopg.Connection[tuple[Any, ...]]


def written(line: Line) -> int:
    """Bytes of the server's log so far."""
    found = line.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
    return int(found[0]) if found else 0


def deleted(line: Line, first: int, last: int) -> int:
    """Delete the entries of these runs."""
    many = 0
    for no in range(first, last, RUNS):
        done = line.execute(
            "DELETE FROM everflow.entry WHERE era = 2 AND run >= %s AND run < %s",
            [no, min(no + RUNS, last)],
        )
        many += done.rowcount
    line.execute("VACUUM everflow.entry_2")
    return many


def main() -> None:
    """Both, with their times and what each wrote to the server's log."""
    url = sys.argv[1]
    store, runs = opened(url)
    with psycopg.connect(Place.read(url).conninfo, autocommit=True) as line:
        line.execute("DELETE FROM everflow.era")
        line.execute(
            "INSERT INTO everflow.era"
            " SELECT era, %s + (era - 1) * %s FROM generate_series(2, 4) AS era",
            [BEGUN, runs // 4 * APART],
        )
        line.execute("UPDATE everflow.store SET created = %s", [BEGUN])
        begun, before = time.perf_counter(), written(line)
        many = deleted(line, runs // 4 + 1, runs // 2 + 1)
        taken, log = time.perf_counter() - begun, written(line) - before
        print(f"deleted {many:,} entries: {taken:.1f} s, {log / 1e6:,.0f} MB of log")
        # All of era 1 is old but for those that still go on; then its end is.
        retention = Retention(before=BEGUN + (runs // 4 + 100) * APART)
        begun, before, gone = time.perf_counter(), written(line), 0
        step = store.let_go(retention, limit=RUNS)
        gone += len(step.gone)
        while step.after is not None:
            step = store.let_go(retention, after=step.after, limit=RUNS)
            gone += len(step.gone)
        taken, log = time.perf_counter() - begun, written(line) - before
        print(f"let go of {gone:,} runs: {taken:.1f} s, {log / 1e6:,.0f} MB of log")
        moving, ending, before, moved, after = 0.0, 0.0, written(line), 0, 0
        done = Reclaimed(more=True)
        while done.more and not done.dropped:
            begun = time.perf_counter()
            done = store.reclaim(retention, at=retention.before + APART, after=after)
            taken = time.perf_counter() - begun
            moved, after = moved + done.moved, done.after
            if after:
                moving += taken
            else:
                ending += taken
        log = written(line) - before
        print(f"moved {moved:,} runs: {moving:.1f} s, {log / 1e6:,.0f} MB of log")
        print(f"looked for more, detached and dropped {done.size / 1e6:,.0f} MB: {ending:.1f} s")


main()
