"""Processes of the engine's own: found by name, killed alone, gone with their engine."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from everflow import Engine, ErrorData, bind, need, node, parallel, retry, timeout, try_catch
from everflow.errors import ConfigurationError, MissingDependency, RunBlocked, RunFailed
from tests.engine import in_processes as there
from tests.engine.support import PATIENT, World, run_python, until


@pytest.mark.usefixtures("measured_processes")
def test_a_node_runs_in_another_process(world: World) -> None:
    """Its value goes in and comes out encoded, dataclasses and tuples included."""
    flow = world.flow("f", there.turn)
    with world.engine() as engine:
        pid, point = engine.start(flow, there.Point(1, 2)).result(PATIENT)
    assert pid != os.getpid()
    assert point == there.Point(2, 1)


def test_a_child_is_used_again(memory: World) -> None:
    """One after the other, nodes run in the same process."""
    flow = memory.flow("f", there.pid >> there.also_pid)
    with memory.engine() as engine:
        first, second = engine.start(flow, None).result(PATIENT)
    assert first == second


def test_a_named_node_is_found_by_module_and_name(memory: World) -> None:
    """A lambda under a name of its own, as a global or inside a flow or registry there."""
    flow = memory.flow("f", parallel(there.doubled, there.hidden_in_a_flow, there.by_its_name))
    with memory.engine() as engine:
        assert engine.start(flow, 4).result(PATIENT) == (8, 12, 16)


@pytest.mark.usefixtures("measured_processes")
def test_bound_values_travel(memory: World) -> None:
    """What bind gave is part of what the process is told."""
    flow = memory.flow("f", parallel(bind(there.add, more=10), bind(there.add, more=20)))
    with memory.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == (11, 21)


def test_what_no_other_process_can_find_parks_the_run(memory: World) -> None:
    """It waits for code that can be found; nothing of it is lost."""
    local = node(lambda x: x, name="only_here", process=True)
    odd = node(partial(there.plain_add, more=3), name="odd", process=True)
    with memory.engine() as engine:
        for found in (local, odd):
            run = engine.start(memory.flow(f"f {found.name}", found), 1)
            with pytest.raises(RunBlocked, match=f"has no node '{found.name}'"):
                run.result(PATIENT)


def test_a_value_that_does_not_fit_parks_the_run(memory: World) -> None:
    """Decoding is the process's, and so is the finding."""
    flow = memory.flow("f", there.anything >> there.turn)
    with memory.engine() as engine:
        run = engine.start(flow, "no point")
        with pytest.raises(RunBlocked, match=r"turn at \./1: .*expected"):
            run.result(PATIENT)


@pytest.mark.usefixtures("measured_processes")
def test_errors_of_a_process_are_data(memory: World) -> None:
    """Type, message, traceback and position come over."""
    flow = memory.flow("f", there.anything >> there.fails.named("bad"))
    with memory.engine() as engine, pytest.raises(RunFailed) as caught:
        engine.start(flow, 1).result(PATIENT)
    error: Any = caught.value.error
    assert (error.type, error.message, error.position) == ("ValueError", "no 1", "./bad")
    assert "in_processes.py" in error.trace


@pytest.mark.usefixtures("measured_processes")
def test_a_value_that_is_not_plain_data_is_refused_in_the_process(memory: World) -> None:
    """As anywhere else."""
    flow = memory.flow("f", there.gives_an_object)
    with memory.engine() as engine, pytest.raises(RunFailed, match="ValueRefused"):
        engine.start(flow, 1).result(PATIENT)


def test_a_child_that_dies_harms_no_other(memory: World) -> None:
    """The attempt is told the signal; the nodes beside it and after it go on (B067)."""
    caught = try_catch(there.dies, handler=there.of_error)
    flow = memory.flow("f", parallel(caught, there.pid, there.pid))
    with memory.engine() as engine:
        error, *pids = engine.start(flow, 1).result(PATIENT)
        assert isinstance(error, ErrorData)
        assert (error.code, error.data) == ("process_died", {"signal": "SIGKILL"})
        assert error.retry
        assert engine.start(flow, 1).result(PATIENT)
    assert all(isinstance(pid, int) for pid in pids)


def test_an_attempt_whose_child_died_is_retried(memory: World, tmp_path: Path) -> None:
    """process_died is an error like another: a retry around the node gets another child."""
    flow = memory.flow("f", retry(3, there.dies_once))
    with memory.engine() as engine:
        assert engine.start(flow, str(tmp_path / "died")).result(PATIENT) == "alive"


def test_a_process_that_ends_itself_has_died(memory: World) -> None:
    """The status that it ended with stands in the error."""
    flow = memory.flow("f", there.ends)
    with memory.engine() as engine, pytest.raises(RunFailed, match="ended itself with status 3"):
        engine.start(flow, 1).result(PATIENT)


def test_a_timeout_kills_the_process(memory: World, tmp_path: Path) -> None:
    """At the deadline the child is gone, and what it started with it (B032)."""
    flow = memory.flow("f", timeout(timedelta(days=1), there.hangs))
    with memory.engine() as engine:
        run = engine.start(flow, str(tmp_path / "pid"))
        until((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        memory.clock.jump(2 * 86_400)
        with pytest.raises(RunFailed, match="FlowTimeout"):
            run.result(PATIENT)
        until(lambda: not Path(f"/proc/{pid}").exists())
        assert engine.start(memory.flow("g", there.pid), None).result(PATIENT)


def test_a_cancel_kills_the_process(memory: World, tmp_path: Path) -> None:
    """The run is cancelled at once, whatever the node does (B064)."""
    flow = memory.flow("f", parallel(there.hangs, there.hangs, there.hangs))
    with memory.engine(processes=1) as engine:
        run = engine.start(flow, str(tmp_path / "pid"))
        until((tmp_path / "pid").exists)
        engine.cancel(run)
        assert run.wait(PATIENT) == "cancelled"


def test_closing_the_engine_ends_its_children(memory: World, tmp_path: Path) -> None:
    """Idle ones by themselves, leaving what they had opened; busy ones by a kill."""
    idle = memory.flow("idle", there.with_ledger)
    busy = memory.flow("busy", there.hangs)
    provide = {there.Ledger: there.open_ledger}
    ledger = tmp_path / "ledger"
    with memory.engine(provide=provide, grace_s=0.05, drain_s=0.05, processes=1) as engine:
        child = engine.start(idle, str(ledger)).result(PATIENT)
    assert ledger.read_text() == "opened used closed "
    with memory.engine(provide=provide, grace_s=0.05, drain_s=0.05) as engine:
        engine.start(busy, str(tmp_path / "pid"))
        until((tmp_path / "pid").exists)
        busy_child = int((tmp_path / "pid").read_text())
    assert is_gone(child)
    assert is_gone(busy_child)


@pytest.mark.usefixtures("measured_processes")
def test_dependencies_are_made_in_the_process_once(memory: World, tmp_path: Path) -> None:
    """By the maker's name; a context manager is entered, and left at the end."""
    flow = memory.flow("f", there.with_ledger)
    ledger = tmp_path / "ledger"
    with memory.engine(provide={there.Ledger: there.open_ledger}, processes=1) as engine:
        for _ in range(2):
            engine.start(flow, str(ledger)).result(PATIENT)
    assert ledger.read_text() == "opened used used closed "


def local_maker() -> Any:
    return lambda: there.Ledger()  # noqa: PLW0108 - a lambda is the point


MAKERS = [local_maker(), there.Ledger(), partial(there.Ledger)]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_maker_that_a_process_cannot_find_is_refused_at_the_start(
    memory: World, maker: object
) -> None:
    """At the engine's start, and at the start of a run of a flow that came later."""
    memory.flow("f", there.with_ledger)
    with pytest.raises(ConfigurationError, match=r"with_ledger.*can't find its maker"):
        memory.engine(provide={there.Ledger: maker}).open()
    memory.deploy()
    with memory.engine(provide={there.Ledger: maker}) as engine:
        late = memory.flow("late", there.with_ledger)
        with pytest.raises(ConfigurationError, match="can't find its maker"):
            engine.start(late, "")
        assert not engine.runs()


def test_a_type_that_a_process_cannot_find_is_refused(memory: World) -> None:
    """The need is matched by the type's name there."""

    class Local:
        pass

    def uses(x: int, *, local: Local = need(Local)) -> int:
        return x

    memory.flow("f", node(uses, name="uses", process=True))
    with pytest.raises(ConfigurationError, match="can't find the type"):
        memory.engine(provide={Local: Local}).open()


def test_a_missing_dependency_of_a_process_is_told_first(memory: World) -> None:
    """As for any other node."""
    memory.flow("f", there.with_ledger)
    with pytest.raises(MissingDependency, match="needs ledger: Ledger"):
        memory.engine().open()


@pytest.mark.usefixtures("measured_processes")
def test_a_maker_that_fails_in_the_process_is_the_attempts_error(memory: World) -> None:
    """A later attempt may find what it needs."""
    flow = memory.flow("f", there.needs_the_impossible)
    provide = {there.Impossible: there.make_impossible}  # which works in the engine itself
    why = "the maker of Impossible failed.*not in a child"
    with memory.engine(provide=provide) as engine, pytest.raises(RunFailed, match=why):
        engine.start(flow, 1).result(PATIENT)


def test_progress_heartbeats_and_logs_come_over(
    memory: World, caplog: pytest.LogCaptureFixture
) -> None:
    """As if the node were run here."""
    flow = memory.flow("f", there.tells)
    told: list[tuple[str, str, float, str]] = []
    caplog.set_level(logging.INFO)
    with memory.engine(progress=lambda *what: told.append(what)) as engine:
        run = engine.start(flow, 1)
        run.result(PATIENT)
    assert told == [(run.id, ".", 0.5, "half"), (run.id, ".", -1.0, "")]
    records = {r.message.splitlines()[0]: r for r in caplog.records if r.name == "everflow.node"}
    assert set(records) == {"hello 1", "oh no"}
    assert records["hello 1"].run == run.id  # type: ignore[attr-defined]  # set by extra=
    assert "ZeroDivisionError" in records["oh no"].getMessage() or records["oh no"].exc_text is None
    assert "quiet" not in caplog.text


def test_ticks_are_counted_in_the_process(memory: World) -> None:
    """A budget ends a node there as it does here (B027)."""
    flow = memory.flow("f", timeout(2, there.ticks))
    with memory.engine() as engine:
        assert engine.start(flow, 2).result(PATIENT) == [1, 0]
        with pytest.raises(RunFailed, match="FlowTimeout"):
            engine.start(flow, 3).result(PATIENT)


def test_wait_for_is_misplaced_in_a_process(memory: World) -> None:
    """A named error (B046)."""
    flow = memory.flow("f", there.waits)
    with memory.engine() as engine, pytest.raises(RunFailed, match="WaitForMisplaced"):
        engine.start(flow, 1).result(PATIENT)


def test_an_idle_child_that_died_is_replaced_unseen(memory: World) -> None:
    """Nothing was begun in it, so nothing failed."""
    flow = memory.flow("f", there.pid)
    with memory.engine(processes=1) as engine:
        first = engine.start(flow, None).result(PATIENT)
        os.kill(first, 9)
        until(lambda: is_gone(first))
        assert engine.start(flow, None).result(PATIENT) != first


def is_gone(pid: int) -> bool:
    """Whether a process is dead, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return True
    return state in "ZX"


def test_children_die_with_their_engine_and_hold_nothing_of_it(tmp_path: Path) -> None:
    """After kill -9 of the engine's process no child lives on, and the store is free."""
    code = f"""
import os, sys
from pathlib import Path
from everflow import Engine, flow
from tests.engine import in_processes as there
work = flow("f", there.hangs)
engine = Engine({str(tmp_path / "flows.db")!r})
engine.open()
engine.start(work, {str(tmp_path / "pid")!r})
while not Path({str(tmp_path / "pid")!r}).exists():
    pass
child = Path({str(tmp_path / "pid")!r}).read_text()
links = [os.readlink(f"/proc/{{child}}/fd/{{fd}}") for fd in os.listdir(f"/proc/{{child}}/fd")]
print(child, sum("flows.db" in link for link in links), flush=True)
os.kill(os.getpid(), 9)
"""
    done = run_python(code, check=False)
    child, held = done.stdout.split()
    assert held == "0"
    until(lambda: is_gone(int(child)))
    with Engine(tmp_path / "flows.db") as engine:
        assert len(engine.runs()) == 1
