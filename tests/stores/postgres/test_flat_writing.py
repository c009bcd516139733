"""What writing reads doesn't grow with the store, whatever its plans were made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, cast

import psycopg
import pytest

from everflow.store import Letter, Put, QuestionClosed, Released, RunRow, Signal, Status, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.calling import Given
from everflow.stores.postgres.place import Place
from everflow.testing.conformance.base import (
    DEFINITION,
    START,
    Scribe,
    answer,
    early,
    entry,
    new_run,
    opened,
    standing,
)
from tests.stores.postgres.servers import Server

FEW, MANY, CONCERNED = 50, 1000, 40  # nothing is analysed by itself below 50
READ = """
    SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables
"""
FLUSH = "SELECT pg_stat_force_next_flush()"  # else the next one would count this one, too


class Counting(PostgresStore):
    """A store whose functions are called over one connection, which counts the rows they read."""

    read = 0

    def _execute(
        self, statement: str, values: Mapping[str, object] | Sequence[object]
    ) -> list[tuple[Any, ...]]:
        if "do_" in statement:
            return self._count(statement, values)
        return super()._execute(statement, values)

    def _do(self, function: str, *values: Given) -> list[int]:
        ((told,),) = self._count(self._calling(function, len(values)), values)
        return told or []

    def _count(
        self, statement: str, values: Mapping[str, object] | Sequence[object]
    ) -> list[tuple[Any, ...]]:
        with self.line.transaction():
            found = self.line.execute(statement.encode(), values).fetchall()
            ((read,),) = self.line.execute(READ).fetchall()
            self.read += int(read)
            self.line.execute(FLUSH)
        return found

    line: psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(params=["postgres", "oldest_postgres"])
def server(request: pytest.FixtureRequest) -> Server:
    """Of both majors, whose planners differ."""
    return cast("Server", request.getfixturevalue(request.param))


def use(store: Store, scribe: Scribe, rows: Sequence[RunRow], turn: str) -> None:
    """Every part of every verb that writes, for these runs, which have an open question each."""
    store.accept([answer(row, key=turn) for row in rows])
    store.accept([early(row, "later", key=turn) for row in rows])
    letters = [
        Letter(run=row.id, message=Signal(no=0, name="s", payload="1", key=turn, at=START))
        for row in rows
    ]
    puts = [Put(kind="x", key=row.id, body="1") for row in rows]
    store.write(puts, at=START, letters=letters, admit=[row.no for row in rows])
    gone = [
        arrival.id for loaded in store.load([row.no for row in rows]) for arrival in loaded.arrivals
    ]
    scribe.write(
        entries=[entry(row.no, 1) for row in rows],
        changes=[standing(row, Status.DONE) for row in rows],
        closed=[QuestionClosed(no=row.no, tag="t", occurrence=0, state="answered") for row in rows],
        opened=[opened(row, "other") for row in rows],
        arrivals=gone,
        puts=[Put(kind="x", key=row.id, body=None) for row in rows],
        released=[Released(row.no, code=1) for row in rows],
        letters=letters,
    )
    for row in rows:  # what comes alone has functions of its own
        scribe.write(entries=[entry(row.no, 2)])
        store.accept([Signal(no=row.no, name="s", payload="1", key=f"{turn} alone", at=START)])
        store.accept([early(row, "later", key=f"{turn} alone")])
        assert store.asked([(row.id, "t", 0)])[0][1] is not None
    store.start([new_run(row.id) for row in rows])


def test_what_is_read_is_what_is_concerned(server: Server, request: pytest.FixtureRequest) -> None:
    """The plans were made, and the tables analysed, when there was next to nothing."""
    url = server.url("t_flat")
    place = Place.read(url)
    store = cast("Counting", Counting.open(url))
    with psycopg.connect(place.conninfo, autocommit=True) as store.line:
        store.line.execute(f"SET search_path = {place.schema}".encode())
        verbs = cast("Store", store)
        scribe, times = Scribe(verbs), count()

        def begun(names: Sequence[str]) -> list[RunRow]:
            new = [
                new_run(name, owner=scribe.id, status=Status.RUNNING, at=START + next(times))
                for name in names
            ]
            rows = verbs.start(new, [DEFINITION])
            scribe.write(opened=[opened(row) for row in rows])
            return rows

        few = begun([f"first{number}" for number in range(FEW)])
        store.line.execute("ANALYZE")
        use(verbs, scribe, few[:2], "1")
        rows = begun([f"r{number}" for number in range(MANY)])
        store.read = 0
        use(verbs, scribe, rows[:CONCERNED], "2")
        assert store.read < 60 * CONCERNED
        store.line.execute(f"DROP SCHEMA {place.schema} CASCADE".encode())
    store.close()
