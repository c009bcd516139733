"""Stores that are used by many tests, one after the other, and are as new for each.

To make a schema costs more than most tests do in it. What was written is deleted instead; a schema
whose tables aren't those that it was made with is dropped.
"""

from __future__ import annotations

from itertools import count

import psycopg

from everflow.stores.postgres import PostgresStore
from tests.stores.postgres.servers import Server

TABLES = """
    SELECT relname::text FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') ORDER BY oid
"""
SEQUENCES = (
    "SELECT relname::text FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'S'"
)
AS_NEW = """
    UPDATE {0}.store SET
        id = replace(gen_random_uuid()::text, '-', ''), highest = 0, fleet = '', era = DEFAULT
"""
KEPT = {"store", "era"}


class Spares:
    """The schemas of one server that nobody uses just now."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._line = psycopg.connect(server.dsn, autocommit=True)
        self._numbers = count(1)
        self._free: list[str] = []
        self._tables: list[str] = []
        self._scrub = ""
        self._line.execute("CREATE SCHEMA notes")
        self._line.execute("CREATE TABLE notes.note (no serial, text text)")

    def notes(self) -> list[str]:
        """What side rows wrote into the table ``notes.note``, in order."""
        texts = self._line.execute("SELECT text FROM notes.note ORDER BY no").fetchall()
        return [str(text) for (text,) in texts]

    def take(self) -> str:
        """The URL of an empty store."""
        if self._free:
            return self._server.url(self._free.pop())
        name = f"spare_{next(self._numbers)}"
        PostgresStore.open(self._server.url(name)).close()
        if not self._tables:
            self._learn(name)
        return self._server.url(name)

    def give_back(self, url: str) -> None:
        """Nobody has it open any more."""
        name = url.rpartition("schema=")[2]
        if self._listed(TABLES, name) == self._tables:
            self._line.execute(self._scrub.format(name).encode())
            self._free.append(name)
        else:
            self._line.execute(f"DROP SCHEMA {name} CASCADE".encode())

    def close(self) -> None:
        """Nothing more is needed."""
        self._line.close()

    def _learn(self, name: str) -> None:
        self._tables = self._listed(TABLES, name)
        parts = [f"DELETE FROM {{0}}.{table}" for table in self._tables if table not in KEPT]
        parts += [
            f"SELECT setval('{{0}}.{sequence}', 1, false)"
            for sequence in self._listed(SEQUENCES, name)
        ]
        self._scrub = ";".join([*parts, AS_NEW, "DELETE FROM notes.note"])

    def _listed(self, query: str, schema: str) -> list[str]:
        return [str(name) for (name,) in self._line.execute(query.encode(), [schema]).fetchall()]
