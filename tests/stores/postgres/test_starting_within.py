"""An application's own transaction starts a run: it is there with the commit, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import dict_row

from everflow import Connection, Registry, Writes, connect, flow
from everflow.errors import InputRefused, NoSuchQueue, StoreError, WrongArgument
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.stores.postgres.place import Place
from tests.engine.support import PATIENT, World, plus_one


class Shop:
    """An application with a connection of its own, beside a client of the store's."""

    def __init__(self, url: str) -> None:
        self.world = World(cast("Store", url))
        self.place = Place.read(url)
        self.flow: Any = self.world.flow("f", plus_one)
        self.flows = connect(url, registry=self.world.registry, create=True)
        self.line = psycopg.connect(self.place.conninfo)

    def close(self) -> None:
        self.line.close()
        self.flows.close()
        with psycopg.connect(self.place.conninfo, autocommit=True) as line:
            line.execute(f"DROP SCHEMA {self.place.schema} CASCADE".encode())


@pytest.fixture
def shop(fresh_url: str) -> Iterator[Shop]:
    shop = Shop(fresh_url)
    yield shop
    shop.close()


def test_it_begins_with_the_commit(shop: Shop) -> None:
    """Nobody sees it before; a worker hears of it then."""
    with shop.world.engine() as engine:
        run = shop.flows.start_in(shop.line, shop.flow, 1, key="one", labels={"by": "shop"})
        assert shop.flows.runs() == []
        shop.line.commit()
        assert engine.run(run.id).result(PATIENT) == 2
    (row,) = shop.flows.runs()
    assert (row.id, row.key, row.labels) == (run.id, "one", {"by": "shop"})


def test_it_waits_in_a_queue(shop: Shop) -> None:
    """With its lane and priority, and by them in its turn; what can't be is told first."""
    shop.flows.queues.declare("mails", limit=1)
    with pytest.raises(NoSuchQueue):
        shop.flows.start_in(shop.line, shop.flow, 1, queue="males")
    with pytest.raises(WrongArgument, match="use start"):
        shop.flows.start_in(shop.line, shop.flow, 1, **cast("Any", {"debounce": timedelta(1)}))
    for lane, priority in (("ann", 0), ("ben", 7)):
        shop.flows.start_in(shop.line, shop.flow, 1, queue="mails", lane=lane, priority=priority)
    shop.line.commit()
    with shop.world.engine() as engine:
        engine.join(PATIENT)
    found = sorted(shop.flows.runs(), key=lambda row: row.admitted or 0)
    told = [(row.queue, row.lane, row.priority, str(row.status)) for row in found]
    assert told == [("mails", "ben", 7, "done"), ("mails", "ann", 0, "done")]


def test_rolled_back_it_never_was(shop: Shop) -> None:
    """Nor is its key taken."""
    shop.flows.start_in(shop.line, shop.flow, 1, key="one")
    shop.line.rollback()
    assert shop.flows.runs() == []
    shop.flows.start_in(shop.line, "f", 2, key="one")
    shop.line.commit()
    assert len(shop.flows.runs()) == 1


def test_the_same_key_is_the_same_run(shop: Shop) -> None:
    """Within the transaction, and after it; whatever rows the connection makes."""
    one = shop.flows.start_in(shop.line, shop.flow, 1, key="one")
    shop.line.row_factory = cast("Any", dict_row)
    assert shop.flows.start_in(shop.line, shop.flow, 1, key="one").id == one.id
    shop.line.commit()
    assert shop.flows.start_in(shop.line, shop.flow, 1, key="one").id == one.id
    assert len(shop.flows.runs()) == 1


def test_a_transaction_that_sees_one_moment_is_to_be_begun_anew(shop: Shop) -> None:
    """Where another one took the key since; as such an application does at any conflict."""
    shop.flows.start(shop.flow, 0)  # what it is made of is there already
    shop.line.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    shop.line.execute("SELECT 1")
    run = shop.flows.start(shop.flow, 1, key="one")
    with pytest.raises(psycopg.errors.SerializationFailure, match="started meanwhile"):
        shop.flows.start_in(shop.line, shop.flow, 1, key="one")
    shop.line.rollback()
    assert shop.flows.start_in(shop.line, shop.flow, 1, key="one").id == run.id


def test_an_async_connection_awaits_it(shop: Shop) -> None:
    """The engine's async face starts it in one; any driver executes the statement."""

    async def buys() -> str:
        async with (
            await psycopg.AsyncConnection.connect(shop.place.conninfo) as line,
            shop.world.engine() as engine,
        ):
            run = await engine.start_in(line, shop.flow, 1)
            await line.commit()
            assert await run.result(PATIENT) == 2
            sql, values = await engine.start_statement(shop.flow, 5)
            row = await (await line.execute(sql.encode(), values)).fetchone()
            await line.commit()
            assert row is not None
            assert await (await engine.run(row[0])).result(PATIENT) == 6
            return str(row[0])

    assert asyncio.run(buys())


def test_other_drivers_have_numbered_values(shop: Shop) -> None:
    """As asyncpg takes them, and PostgreSQL itself."""
    sql, values = shop.flows.start_statement(shop.flow, 1, key="\x00\x01", numbered=True)
    assert "$1" in sql
    with psycopg.RawCursor(shop.line) as raw:
        row: Any = raw.execute(sql.encode(), values).fetchone()
    shop.line.commit()
    found = shop.flows.runs()
    assert [(run.id, run.key) for run in found] == [(row[0], "\x00\x01")]


def test_an_input_that_doesnt_fit_is_told_first(shop: Shop) -> None:
    """Nothing was sent: the application's transaction goes on."""
    with pytest.raises(InputRefused):
        shop.flows.start_in(shop.line, shop.flow, "text")
    shop.flows.start_in(shop.line, shop.flow, 1)
    shop.line.commit()
    assert len(shop.flows.runs()) == 1


def test_what_the_store_itself_commits_starts_runs_too(shop: Shop) -> None:
    """``commit`` is the way that is there on every store."""
    writes = Writes()
    writes.execute(f"CREATE TABLE {shop.place.schema}_orders (id int)")
    writes.execute(f"INSERT INTO {shop.place.schema}_orders VALUES ($1)", 7)
    writes.start(shop.flow, 7)
    (run,) = shop.flows.commit(writes)
    rows = shop.line.execute(f"SELECT id FROM {shop.place.schema}_orders".encode()).fetchall()
    shop.line.execute(f"DROP TABLE {shop.place.schema}_orders".encode())
    shop.line.commit()
    assert (rows, [row.id for row in shop.flows.runs()]) == ([(7,)], [run.id])


def test_other_stores_have_no_such_transactions() -> None:
    """They say so, and start nothing."""
    registry = Registry()
    made: Any = flow("f", plus_one, registry=registry)
    with connect(MemoryStore(), registry=registry) as flows:
        assert isinstance(flows, Connection)
        with pytest.raises(StoreError, match="transaction"):
            flows.start_statement(made, 1)
        assert flows.runs() == []
