"""Corners of single modules that no whole run reaches by itself."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from everflow import (
    Config,
    Engine,
    Registry,
    Run,
    RunQuery,
    Status,
    ask,
    const,
    flow,
    loop,
    parallel,
)
from everflow.core.definition import Definition
from everflow.core.node import Leaf, Node
from everflow.core.program import Program
from everflow.core.registry import default_registry
from everflow.core.values import Types
from everflow.engine.calling.callee import make_callee
from everflow.engine.driving.commits import InlineCommitter
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.given.answers import as_asked, position_of_tag
from everflow.engine.given.ids import new_run_id
from everflow.engine.given.reachable import Place, is_reachable, place_of
from everflow.engine.nodes.pools import processes
from everflow.engine.nodes.pools.child import find_node
from everflow.engine.nodes.pools.processes import ProcessPool
from everflow.engine.nodes.pools.wire import Tell, read, write
from everflow.engine.operating.intake import Group
from everflow.errors import (
    EngineClosed,
    Fenced,
    RunBlocked,
    RunFailed,
    StoreUnavailable,
    UnresolvedName,
)
from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore
from tests.engine import in_processes as there
from tests.engine.support import PATIENT, World, plus_one, see_all, settle, step, until


@dataclass
class Positive:
    n: int

    def __post_init__(self) -> None:
        if self.n <= 0:
            raise ValueError("not positive")


def test_an_answer_that_its_type_refuses_stays_as_it_was_given(memory: World) -> None:
    """The schema took it; its consumer says what is wrong."""
    body = memory.flow("f", ask("n", Positive))
    with memory.engine() as engine:
        run = engine.start(body, 1)
        settle(run)
        engine.resume(run, {"n": -1})
        assert run.result(PATIENT) == (1, {"n": -1})


def test_an_answer_to_no_question_of_the_flow_is_left_alone() -> None:
    """A wait_for's tag stands nowhere in the definition."""
    sites = Program(flow("corner", const(1), registry=Registry())).sites
    assert position_of_tag(sites, "hidden") == ""
    assert as_asked(sites, "nowhere", "[1]", Types()) == "[1]"


def test_an_async_node_whose_input_does_not_fit_parks_its_run(memory: World) -> None:
    """As any other node's."""

    async def takes(x: int) -> int:
        await asyncio.sleep(0)
        return x

    body = memory.flow("f", see_all >> step(takes))
    with memory.engine() as engine:
        run = engine.start(body, "text")
        with pytest.raises(RunBlocked, match="expected"):
            run.result(PATIENT)


def test_a_node_without_a_function_has_no_callee() -> None:
    """Its module isn't imported here."""
    with pytest.raises(UnresolvedName, match="no module that is imported here has"):
        make_callee(Node(Leaf(None, "gone:away")), Types(), {}, 100)


def test_an_inline_committer_tells_what_became_of_a_batch() -> None:
    """Committed or failed, on the caller's thread."""
    store = MemoryStore()
    worker = store.enlist(host="h", pid=1, at=1)
    told: list[Any] = []
    committer = InlineCommitter(store, told.append, told.append)
    committer.commit(Batch(worker=worker.id, epoch=1, number=1, at=1), here=True)
    committer.commit(Batch(worker=worker.id, epoch=9, number=2, at=1), here=False)
    assert told[0] == []
    assert told[1].code == "fenced"


def test_a_group_tells_each_caller_what_went_wrong() -> None:
    """After one more try of what was ambiguous."""
    tries: list[int] = []

    def send(items: Sequence[int]) -> list[int]:
        tries.append(len(items))
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        Group(send)(1)
    assert tries == [1, 1]


def test_ids_sort_by_time() -> None:
    """Their first ten characters are the moment."""
    early, late = (new_run_id(at, lambda n: b"\0" * n) for at in (1_000_000, 2_000_000_000_000))
    assert early < late
    assert len(early) == len(late) == 26


def test_memory_is_a_place() -> None:
    """A store in memory is gone with its engine."""
    with Engine(":memory:", registry=Registry()) as engine:
        assert engine.client.store.info().place
        assert engine.runs() == []


# --- processes


def test_a_message_cut_short_is_the_end() -> None:
    """In the middle of the length, and in the middle of the body."""
    whole = io.BytesIO()
    write(whole, there_end())
    decoder: msgspec.json.Decoder[Tell] = msgspec.json.Decoder(Tell)
    body = whole.getvalue()
    assert read(io.BytesIO(body), decoder) == there_end()
    for cut in (0, 2, 4, 10, len(body) - 1):
        assert read(io.BytesIO(body[:cut]), decoder) is None


def there_end() -> Any:
    from everflow.engine.nodes.pools.wire import End

    return End("result", "1", 0, "")


def test_what_can_be_found_by_name_is_reachable() -> None:
    """A function or class at the top of a module, as itself or as a node."""
    assert is_reachable(Positive)
    assert is_reachable(there.plain_add)
    assert is_reachable(there.turn.fn)
    assert not is_reachable(lambda: 1)
    assert not is_reachable(there.turn)
    assert not is_reachable(stray())
    assert place_of(Positive) == Place(Positive.__module__, "Positive")


def stray() -> Any:
    """A function whose module nobody knows."""

    def made() -> None: ...

    made.__module__, made.__qualname__ = "no.such.module", "made"
    return made


def test_a_node_is_found_in_whatever_holds_it() -> None:
    """The function's own name first; then nodes, flows and registries of its module."""
    module = there.__name__
    assert find_node("x", Place(module, "turn")) is there.turn
    assert find_node("plain", Place(module, "plain_add")).fn is there.plain_add
    assert find_node("doubled", Place(module, "<lambda>")) is there.doubled
    assert find_node("hidden", Place(module, "<lambda>")).fn is there.hidden_in_a_flow.fn
    inside = step(lambda x: x, name="inside")
    there.held_flow = inside >> plus_one  # type: ignore[attr-defined]  # as a module might
    assert find_node("inside", Place(module, "<lambda>")).fn is inside.fn
    del there.held_flow  # type: ignore[attr-defined]  # put back as it was before
    with pytest.raises(UnresolvedName, match="has no node 'nothing'"):
        find_node("nothing", Place(module, "Point"))
    assert "nothing" not in default_registry().nodes


def test_a_process_that_can_not_be_made_is_the_attempts_error(
    memory: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is retryable: there may be room later."""

    def fails(*args: Any, **settings: Any) -> Any:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", fails)
    body = memory.flow("f", there.pid)
    why = "couldn't be started: no more processes"
    with memory.engine() as engine, pytest.raises(RunFailed, match=why):
        engine.start(body, None).result(PATIENT)


def test_a_child_that_never_listens_has_died(
    memory: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken interpreter ends before it takes anything; so does one that talks nonsense."""
    body = memory.flow("f", there.pid)
    nonsense = "import os, sys; os.write(int(sys.argv[3]), b'\\0\\0\\0\\4oops'); sys.stdin.read()"
    with memory.engine(processes=1) as engine:
        for boot in ("raise SystemExit(7)", nonsense):
            monkeypatch.setattr(processes, "_BOOT", boot)
            with pytest.raises(RunFailed, match="ProcessDied"):
                engine.start(body, None).result(PATIENT)


def test_a_signal_without_a_name_is_told_by_its_number(memory: World) -> None:
    """Real-time signals have none."""
    body = memory.flow("f", there.dies_oddly)
    with memory.engine() as engine, pytest.raises(RunFailed, match="was killed by signal 4"):
        engine.start(body, 40).result(PATIENT)


def test_a_type_whose_module_can_not_be_imported_there_is_left_out(
    memory: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its values don't fit there; all others do."""
    lost = type("Lost", (), {"__annotations__": {}, "__module__": "no.such.module"})
    memory.registry.types.add(dataclass(lost), "Lost")
    body = memory.flow("f", there.pid)
    caplog.set_level(logging.WARNING)
    with memory.engine() as engine:
        assert engine.start(body, None).result(PATIENT)


def test_stopping_what_waits_for_a_child_begins_nothing(memory: World, tmp_path: Path) -> None:
    """A cancelled attempt is passed over, and its child serves the next one."""
    hangs, quick = memory.flow("hangs", there.hangs), memory.flow("quick", there.pid)
    with memory.engine(processes=1) as engine:
        first = engine.start(hangs, str(tmp_path / "pid"))
        waiting = [engine.start(quick, None) for _ in range(3)]
        engine.cancel(waiting[1])
        assert settle(waiting[1]) == "cancelled"
        engine.cancel(first)
        assert waiting[0].result(PATIENT)
        assert waiting[2].result(PATIENT)


def test_a_pool_without_children_closes() -> None:
    """Nothing was begun, nothing is waited for."""
    ProcessPool(1, lambda attempt, end: None, {}, Types()).close()


def test_definitions_hold_their_tags() -> None:
    """By the shape, so that early answers know where they may go."""
    body = flow("tags", parallel(ask("a", int), ask("b", int)), registry=Registry())
    assert Definition(Program(body)).tags == {"a", "b"}


# --- commits


def test_what_is_told_of_a_batch_of_an_epoch_that_is_over_is_ignored(memory: World) -> None:
    """The scheduler has another batch under way by then, whose end is yet to come."""

    class Holding:
        """Keeps what it is to commit."""

        def __init__(self) -> None:
            self.batches: list[Batch] = []

        def commit(self, batch: Batch, *, here: bool) -> None:
            self.batches.append(batch)

    store: Any = memory.where
    memory.flow("f", plus_one)
    with memory.connect() as outside:
        run: Run[Any] = outside.start("f", 1)
    scheduler = Scheduler(store, memory.registry, Config(), memory.clock)
    scheduler.committer = holding = Holding()
    scheduler.open({})
    while not holding.batches:
        scheduler.turn()
    (batch,) = holding.batches
    foreign = Batch(worker=99, epoch=1, number=1, at=1)
    scheduler.committed([], foreign)
    scheduler.commit_failed(Fenced("long ago"), foreign)
    assert not scheduler.idle
    scheduler.committed(store.append(batch), batch)
    scheduler.turn()
    for more in holding.batches[1:]:
        scheduler.committed(store.append(more), more)
    scheduler.commit_failed(Fenced("long ago"), batch)
    assert run.status == "done"
    assert scheduler.ownership.epoch == 1
    assert len(store.workers()) == 1


@pytest.mark.parametrize("busy", [False, True], ids=["here", "on its thread"])
def test_a_fault_of_the_store_stops_the_engine_and_says_so(
    caplog: pytest.LogCaptureFixture, busy: bool
) -> None:
    """What no store may raise isn't taken for trouble that passes."""

    class Faulty(MemoryStore):
        broken = False

        def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
            if self.broken:
                raise ZeroDivisionError("planted")
            return super().append(batch, side_rows)

    store = Faulty()
    world = World(store)
    body = world.flow("f", loop(plus_one, until=step(lambda x: x > 50, inline=True, name="end")))
    with world.engine(batch=1 if busy else 1_000) as engine:
        store.broken = True
        engine.start(body, 1)
        with pytest.raises(EngineClosed, match="planted"):
            until(lambda: engine.runs(RunQuery(status=(Status.DONE,))) != [])
    assert "planted" in caplog.text
