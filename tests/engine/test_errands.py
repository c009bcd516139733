"""Calls of peers as the engine leaves them: a record that somebody carries, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from everflow import Run, timeout, try_catch
from everflow.core.combine.remote import remote_node
from everflow.core.faults import encode_error, make_error
from everflow.engine.records.errands import ERRAND, STOP, Errand, read_errand
from everflow.errors import RemoteUnreachable
from everflow.store import ChildEnded, Put, Record, Store, Verdict
from everflow.stores.memory import MemoryStore
from everflow.stores.sealed import MemoryKeys, SealedStore
from tests.engine.support import DAY, PATIENT, World, kinds, plus_one, until
from tests.engine.support import step as local


@pytest.fixture
def store() -> Store:
    """Where the engine leaves them."""
    return MemoryStore()


@pytest.fixture
def world(store: Store) -> World:
    """An engine on that store."""
    return World(store)


def waits(run: Run[Any]) -> None:
    """Until the call is open."""
    until(lambda: run.status == "waiting")


def errands(store: Store) -> list[Errand]:
    """What is to be carried."""
    return [read_errand(record.body) for record in store.records(ERRAND)]


def told(store: Store, kind: Any, payload: str = "null") -> list[Verdict]:
    """Tell the only caller what became of its only call."""
    (errand,) = errands(store)
    row = store.find(errand.run)
    assert row is not None
    return store.accept(
        [ChildEnded(no=row.no, op=errand.op, kind=kind, payload=payload, at=row.updated)]
    )


def test_a_call_is_written_down_with_the_entry_that_opened_it(store: Store, world: World) -> None:
    """Due at once, with all that its carrier has to know (B100, B103)."""
    flow = world.flow("f", plus_one >> remote_node("east", "spell", patience=5) >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        waits(run)
        (record,) = store.records(ERRAND)
        errand = read_errand(record.body)
        assert record.due == errand.at
        assert (errand.peer, errand.function, bytes(errand.input)) == ("east", "spell", b"2")
        assert (errand.run, errand.op, errand.patience, errand.depth) == (
            run.id,
            "./1",
            5_000_000,
            1,
        )
        assert told(store, "result", "41") == [Verdict.ACCEPTED]
        assert run.result(PATIENT) == 42
        assert kinds(engine, run.id) == ["start", "result", "child", "result"]


def test_a_call_that_failed_can_be_caught(store: Store, world: World) -> None:
    """As any error of the flow's (B100)."""
    rescue = local(lambda caught: caught.error.code, name="rescue")
    flow = world.flow("f", try_catch(remote_node("east", "spell"), rescue))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        waits(run)
        told(store, "error", encode_error(make_error(RemoteUnreachable, "nobody there")))
        assert run.result(PATIENT) == "remote_unreachable"


def test_a_run_that_is_taken_up_again_asks_no_second_time(store: Store, world: World) -> None:
    """What the carrier noted meanwhile stays, whether the run rested or was paused (B102)."""
    flow = world.flow("f", remote_node("east", "spell"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        waits(run)
    (record,) = store.records(ERRAND)
    noted = msgspec.structs.replace(read_errand(record.body), tries=3)
    write(store, record, noted)
    with world.engine() as engine:
        engine.signal(run.id, "hello")  # has it taken up
        assert engine.join(PATIENT)
        engine.pause(run.id)
        until(lambda: engine.run(run.id).status == "paused")
        engine.unpause(run.id)
        until(lambda: engine.run(run.id).status == "waiting")
        assert [errand.tries for errand in errands(store)] == [3]
        told(store, "result", "5")
        assert engine.run(run.id).result(PATIENT) == 5


def test_a_cancel_before_the_peer_was_asked_asks_nobody(store: Store, world: World) -> None:
    """The run was never taken up: there is nothing to stop (B103)."""
    flow = world.flow("f", remote_node("east", "spell"))
    with world.connect() as flows:
        run = flows.start(flow, 1)
        flows.cancel(run.id)
    with world.engine() as engine:
        assert engine.run(run.id).wait(PATIENT) == "cancelled"
    assert store.records(ERRAND) == store.records(STOP) == []


def test_a_call_whose_end_is_told_while_its_run_is_taken_up_is_not_asked_again(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its errand is gone by then, and its end not known here yet (B102)."""
    flow = world.flow("f", remote_node("east", "spell"))
    plainly = store.records

    def ends(kind: str, **more: Any) -> list[Record]:
        found = plainly(kind, **more)
        if kind == ERRAND:
            monkeypatch.undo()
            told(store, "result", "5")
            store.write([Put(kind=ERRAND, key=found[0].key, body=None)], at=found[0].at)
        return plainly(kind, **more)

    with world.engine() as engine:
        run = engine.start(flow, 1)
        waits(run)
        engine.pause(run.id)
        until(lambda: run.status == "paused")
        monkeypatch.setattr(store, "records", ends)
        engine.unpause(run.id)
        assert run.result(PATIENT) == 5
        assert store.records(ERRAND) == []


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
def test_a_cancel_asks_the_peer_to_stop_and_waits_for_its_word(
    store: Store, world: World, again: bool
) -> None:
    """The wish is a record of its own (B103)."""
    flow = world.flow("f", timeout(timedelta(days=1), remote_node("east", "spell")))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        waits(run)
        if not again:
            world.clock.jump(1.1 * DAY)
            until(lambda: bool(store.records(STOP)))
    if again:
        world.clock.jump(1.1 * DAY)
    with world.engine() as engine:
        until(lambda: bool(store.records(STOP)))
        (stop,), (errand,) = store.records(STOP), store.records(ERRAND)
        assert stop.key == errand.key
        told(store, "cancelled")
        run = engine.run(run.id)
        assert run.wait(PATIENT) == "failed"
        assert "flow_timeout" in str(run.row().outcome)


def test_an_erased_run_leaves_no_value_in_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """But what their carrier needs to end them, also what it notes meanwhile (B103)."""
    store = SealedStore(MemoryStore(), MemoryKeys())
    world = World(store)
    flow = world.flow("f", remote_node("east", "spell"))
    with world.engine() as engine:
        gone, kept = (engine.start(flow, word) for word in ("hidden", "shown"))
        for run in (gone, kept):
            waits(run)
        before = {read_errand(record.body).run: record for record in store.records(ERRAND)}
        noted = msgspec.structs.replace(read_errand(before[gone.id].body), told=1, trouble="hidden")
        told = ChildEnded(no=gone.row().no, op=noted.op, kind="result", payload='"x"', at=1)
        store.accept([told])
        assert gone.result(PATIENT) == "x"
        plainly = store.write

        def overtaken(puts: Sequence[Put], **more: Any) -> Any:
            if puts[0].kind == ERRAND:
                monkeypatch.undo()
                write(store, before[gone.id], noted)
            return plainly(puts, **more)

        monkeypatch.setattr(store, "write", overtaken)
        assert engine.erase(gone)
    after = {errand.run: errand for errand in errands(store)}
    assert after[gone.id] == msgspec.structs.replace(noted, input=msgspec.Raw(b"null"), trouble="")
    assert bytes(after[kept.id].input) == b'"shown"'


def write(store: Store, record: Record, errand: Errand) -> None:
    """Note something, as a carrier does."""
    put = Put(kind=ERRAND, key=record.key, body=msgspec.json.encode(errand).decode(), due=None)
    store.write([put], at=record.at)
