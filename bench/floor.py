"""The floor: what SQLite itself does with the very rows that a run left, on the same file system.

The rows go into the table and the index that the real store has for them, in the order in which the
engine wrote them, with the same settings, by nothing but apsw: one row a commit, or 1,000 a commit
by ``executemany``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import apsw

__all__ = ["Row", "one_row_commits", "rows_of", "thousand_row_commits"]

Row = tuple[int, int, str, int]
SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "cache_size": -16384,
    "wal_autocheckpoint": 4000,
    "cell_size_check": 1,
}
MANY = 1_000
_INSERT = "INSERT INTO entry (run, seq, body, sum) VALUES (?, ?, ?, ?)"
_rounds: dict[Path, int] = {}


def rows_of(store: Path, most: int = -1) -> list[Row]:
    """The entries of a store in the order of their writing, or the last so many of them."""
    db = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        newest = "SELECT rowid, run, seq, body, sum FROM entry ORDER BY rowid DESC LIMIT ?"
        found = db.execute(f"SELECT run, seq, body, sum FROM ({newest}) ORDER BY rowid", (most,))
        return [cast("Row", row) for row in found]
    finally:
        db.close()


def one_row_commits(store: Path, rows: list[Row]) -> float:
    """Rows a second when each is a transaction of its own."""
    db = _like(store)
    try:
        begun = time.perf_counter()
        for row in rows:
            db.execute(_INSERT, row)
        return len(rows) / (time.perf_counter() - begun)
    finally:
        db.close()


def thousand_row_commits(store: Path, rows: list[Row]) -> float:
    """Rows a second when 1,000 are a transaction."""
    db = _like(store)
    try:
        begun = time.perf_counter()
        for first in range(0, len(rows), MANY):
            with db:
                db.executemany(_INSERT, rows[first : first + MANY])
        return len(rows) / (time.perf_counter() - begun)
    finally:
        db.close()


def _like(store: Path) -> apsw.Connection:
    """An empty file beside the store, with its table and index of entries and its settings."""
    _rounds[store] = _rounds.get(store, 0) + 1
    real = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
    query = "SELECT sql FROM sqlite_master WHERE tbl_name = 'entry' AND sql IS NOT NULL"
    schema = [str(sql) for (sql,) in real.execute(query)]
    real.close()
    db = apsw.Connection(f"{store}-floor-{_rounds[store]}")
    for name, value in SETTINGS.items():
        db.execute(f"PRAGMA {name} = {value}")
    for sql in schema:
        db.execute(sql)
    return db
