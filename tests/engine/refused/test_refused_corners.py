"""What else hangs on a run that is set aside, and what is no refusal (B067, B080)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from everflow import call, suspend
from everflow.errors import StoreReadOnly
from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore
from everflow.stores.postgres import PostgresStore
from tests.engine.refusing import WORD, Picky
from tests.engine.support import PATIENT, World, plus_one, settle, step, until
from tests.stores.postgres.servers import Server


def of_run(no: int) -> Any:
    """Refuses all that a batch says of a run, its standing with it."""

    def against(batch: Batch) -> str:
        mine = {entry[0] for entry in batch.entries} | {change.no for change in batch.changes}
        return "no such row" if no in mine else ""

    return against


def test_a_run_that_can_not_even_be_set_aside_stops_nobody(
    picky: tuple[World, Picky], caplog: pytest.LogCaptureFixture
) -> None:
    """It is left as it stands, and another worker ends it once that is mended."""
    world, store = picky
    flow = world.flow("f", suspend("go") >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        store.against = of_run(run.row().no)
        engine.resume(run, 2)
        until(lambda: "can't even be set aside" in caplog.text)
        assert engine.start(world.flow("g", plus_one), 1).result(PATIENT) == 2
        store.against = lambda _: ""
    with world.engine() as engine:
        assert engine.run(run.id).result(PATIENT) == 3


def test_a_caller_waits_for_a_child_that_is_set_aside(picky: tuple[World, Picky]) -> None:
    """And is told its end once the child was adopted; nothing else of it is refused."""
    world, store = picky
    world.flow("child", step(lambda x: WORD, name="maker"))
    parent = world.flow("parent", call("child") >> step(lambda x: f"{x}!", name="ends"))
    store.against = lambda batch: (
        "no such word"
        if any(WORD in body and '"maker"' in body for *_, body, _ in batch.entries)
        else ""
    )
    with world.engine() as engine:
        run = engine.start(parent, 1)
        until(lambda: any(row.status == "blocked" for row in engine.runs()))
        until(lambda: run.status == "waiting")
        store.against = lambda _: ""
        (child,) = (row for row in engine.runs() if row.flow == "child")
        until(lambda: engine.adopt(child.id))
        assert run.result(PATIENT) == f"{WORD}!"


def test_a_run_that_is_set_aside_can_be_cancelled(picky: tuple[World, Picky]) -> None:
    """The cancel is tried at once by who can, and is never lost."""
    world, store = picky
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        store.against = lambda batch: "no" if batch.entries else ""
        engine.resume(run, 2)
        assert settle(run) == "blocked"
        engine.cancel(run)
        until(lambda: len(store.refused) >= 6)
        store.against = lambda _: ""
        until(lambda: engine.adopt(run))
        assert settle(run) == "cancelled"


class Locked(MemoryStore):
    """A store that this user may not write, for a while."""

    locked = False
    refused = 0

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        if self.locked:
            self.refused += 1
            raise StoreReadOnly("The store can't be written: permission denied.")
        return super().append(batch, side_rows)


def test_a_missing_right_is_an_outage() -> None:
    """Nobody is blamed: the runs go on once it is given."""
    store = Locked()
    world = World(store)
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        runs = [engine.start(flow, nth) for nth in range(3)]
        for run in runs:
            settle(run)
        store.locked = True
        for run in runs:
            engine.resume(run, 7)
        until(lambda: store.refused >= 3)
        store.locked = False
        assert [run.result(PATIENT) for run in runs] == [7, 7, 7]


def test_a_vanished_table_is_an_outage(postgres: Server, fresh_url: str) -> None:
    """Nobody is blamed: the runs go on once it is back."""
    store: Any = PostgresStore.open(fresh_url)
    schema = fresh_url.rpartition("schema=")[2]
    world = World(store)
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine, psycopg.connect(postgres.dsn, autocommit=True) as line:
        run = engine.start(flow, 1)
        settle(run)
        line.execute(f"ALTER TABLE {schema}.entry RENAME TO elsewhere")
        engine.resume(run, 7)
        scheduler: Any = engine._scheduler  # noqa: SLF001 - nothing outside shows it
        until(lambda: scheduler.trouble is not None)
        assert "everflow store prepare" in str(scheduler.trouble)
        line.execute(f"ALTER TABLE {schema}.elsewhere RENAME TO entry")
        assert run.result(PATIENT) == 7
    store.close()
