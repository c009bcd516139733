"""A PostgreSQL server of the benchmark's own, with its own settings, and the floor over it.

The floor is what psycopg does with the very rows that runs left, in the order in which the engine
wrote them, on the same server, in a table like the store's with its index: one row a commit, or
1,000 a commit by ``COPY``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.stores.postgres.servers import Server, Servers

__all__ = ["SCHEMA", "PgRow", "copied", "one_by_one", "pg_rows", "served"]

SCHEMA = "bench"
MANY = 1_000
PgRow = tuple[int, int, int, int, str]
_COLUMNS = "era, run, seq, sum, body"


@contextmanager
def served() -> Iterator[Server]:
    """A server that waits for its disk as PostgreSQL does out of the box."""
    servers = Servers()
    try:
        yield servers.new(durable=True)
    finally:
        servers.close()


def pg_rows(server: Server, most: int) -> list[PgRow]:
    """The last so many entries of the store, in the order of their writing."""
    newest = f"SELECT {_COLUMNS}, ctid FROM {SCHEMA}.entry_1 ORDER BY ctid DESC LIMIT {most}"
    with psycopg.connect(server.dsn) as line:
        found = line.execute(f"SELECT {_COLUMNS} FROM ({newest}) AS n ORDER BY ctid".encode())
        return [(int(era), run, seq, total, body) for era, run, seq, total, body in found]


@contextmanager
def _floor(server: Server, *, autocommit: bool) -> Iterator[psycopg.Connection[Any]]:
    """An empty table like that of the entries."""
    with psycopg.connect(server.dsn, autocommit=autocommit) as line:
        line.execute("DROP TABLE IF EXISTS floor")
        line.execute(f"CREATE TABLE floor (LIKE {SCHEMA}.entry INCLUDING ALL)".encode())
        line.commit()
        yield line


def one_by_one(server: Server, rows: list[PgRow]) -> float:
    """Rows a second when each is a transaction of its own."""
    insert = f"INSERT INTO floor ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s)".encode()
    with _floor(server, autocommit=True) as line:
        begun = time.perf_counter()
        for row in rows:
            line.execute(insert, row)
        return len(rows) / (time.perf_counter() - begun)


def copied(server: Server, rows: list[PgRow]) -> float:
    """Rows a second when 1,000 are a transaction, by ``COPY``."""
    with _floor(server, autocommit=False) as line:
        begun = time.perf_counter()
        for first in range(0, len(rows), MANY):
            with line.cursor() as cursor:
                with cursor.copy(f"COPY floor ({_COLUMNS}) FROM STDIN".encode()) as copy:
                    for row in rows[first : first + MANY]:
                        copy.write_row(row)
                line.commit()
        return len(rows) / (time.perf_counter() - begun)
