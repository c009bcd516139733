"""RELIABILITY 11 and 12b: two engines with different code on one file, and forked processes."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from everflow import Config, Engine, Registry, Run, RunQuery, Status, connect, flow, node
from everflow.errors import EngineClosed, StoreError
from tests.faults.outside import Process, until

CONFIG = Config(lease_s=1.0, poll_s=0.01)
QUIET = Config(lease_s=60, poll_s=30)
RUNS = 40


def fork() -> int:
    """Python 3.12 warns of threads that the child won't have, which is the point here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a handler of Python's may never come to run
        signal.alarm(20)  # a lock that another thread held at the fork is held for ever here
    return pid


def value_of(run: Run[Any]) -> Any:
    """The value of a run that may be blocked for a moment, until the one who has its code came."""
    until(lambda: run.status is Status.DONE, pause=0.01)
    return run.result(1)


def code() -> Registry:
    """Today's code, with both nodes."""
    registry = Registry()

    @node(name="shared.first")
    def first(x: int) -> int:
        return x + 1

    @node(name="shared.second")
    def second(x: int) -> int:
        return x * 10

    flow("only-first", first, registry=registry)
    flow("both", first >> second, registry=registry)
    return registry


def test_an_engine_that_lacks_a_node_strands_nothing(tmp_path: Path) -> None:
    """It leaves those runs to the one that has it, and executes what it can (B065, B080)."""
    place = tmp_path / "store.db"
    registry = code()
    with connect(place, registry=registry, create=True) as client:
        lacking = Process("lacking", place)
        assert lacking.line() == "ready"
        both: list[Run[Any]] = [client.start("both", number) for number in range(RUNS)]
        simple: list[Run[Any]] = [client.start("only-first", number) for number in range(RUNS)]
        assert [run.result(20) for run in simple] == list(range(1, RUNS + 1))
        assert not client.runs(RunQuery(status=(Status.DONE,), flow="both"))
        with Engine(place, registry=registry, config=CONFIG):
            assert [value_of(run) for run in both] == [(n + 1) * 10 for n in range(RUNS)]
            again: list[Run[Any]] = [client.start("both", number) for number in range(RUNS)]
            assert [value_of(run) for run in again] == [(n + 1) * 10 for n in range(RUNS)]
        assert "Traceback" not in lacking.stop()


def test_runs_blocked_for_want_of_code_say_so_and_go_on(tmp_path: Path) -> None:
    """With nobody there who has the node, the reason names it; later they go on unasked (B065)."""
    place = tmp_path / "store.db"
    with connect(place, registry=code(), create=True) as client:
        lacking = Process("lacking", place)
        assert lacking.line() == "ready"
        run: Run[Any] = client.start("both", 1)
        until(lambda: run.status is Status.BLOCKED)
        assert run.row().until == "code"
        assert "shared.second" in run.row().reason
        lacking.kill()
        with Engine(place, registry=code(), config=CONFIG):
            assert value_of(run) == 20


def test_a_forked_process_is_told_and_harms_nothing(tmp_path: Path) -> None:
    """Every call in the child says so; the parent's engine, lease and store go on (12b)."""
    registry = code()
    with Engine(tmp_path / "store.db", registry=registry, config=QUIET) as engine:
        assert engine.start("both", 1).result(10) == 20
        reads, writes = os.pipe()
        pid = fork()
        if pid == 0:
            os.write(writes, _calls_in_a_child(engine))
            os._exit(0)
        os.close(writes)
        with os.fdopen(reads, "rb") as said:
            assert said.read() == b"refused " * 4
        os.waitpid(pid, 0)
        assert engine.start("both", 2).result(10) == 30
        assert len(engine.client.store.workers()) == 1


def _calls_in_a_child(engine: Engine) -> bytes:
    said = b""
    calls: tuple[Callable[[], object], ...] = (
        lambda: engine.start("both", 3),
        lambda: engine.cancel("none"),
        lambda: engine.client.store.runs(RunQuery()),
        lambda: engine.client.store.retire(1),
    )
    for call in calls:
        try:
            call()
        except (EngineClosed, StoreError):
            said += b"refused "
        except BaseException as error:  # noqa: BLE001 - a child of pytest must not raise
            said += repr(error).encode()
        else:
            said += b"went through "
    engine.close()
    return said


def test_a_forked_process_may_have_an_engine_of_its_own(tmp_path: Path) -> None:
    """With a new identity; the parent's runs aren't touched by its end (12b)."""
    place = tmp_path / "store.db"
    with Engine(place, registry=code(), config=QUIET) as engine:
        pid = fork()
        if pid == 0:
            os._exit(_own_engine(place))
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert engine.start("both", 2).result(10) == 30
        counts = engine.client.store.count(RunQuery())
        assert counts == {Status.DONE: 2}
        mine = [row for row in engine.client.store.workers() if not row.gone]
        assert [row.pid for row in mine] == [os.getpid()]


def test_a_fork_amid_calls_harms_no_child(tmp_path: Path) -> None:
    """No lock inside SQLite is left taken in the child by a thread that it hasn't (12b)."""
    place, over = tmp_path / "store.db", Event()
    with Engine(tmp_path / "busy.db", registry=code(), config=QUIET) as engine:

        def work() -> None:
            while not over.is_set():
                engine.start("both", 1).result(10)

        busy = Thread(target=work)
        busy.start()
        try:
            for _ in range(6):
                pid = fork()
                if pid == 0:
                    os._exit(_own_engine(place))
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        finally:
            over.set()
            busy.join()


def _own_engine(place: Path) -> int:
    try:
        with Engine(place, registry=code(), config=QUIET) as engine:
            return 0 if engine.start("both", 1).result(10) == 20 else 1
    except BaseException:  # noqa: BLE001 - a child of pytest must not raise
        return 2


@pytest.mark.parametrize("order", [0, 1])
def test_two_engines_of_different_code_in_one_process(order: int, tmp_path: Path) -> None:
    """Each takes what its own registry knows, whoever was there first."""
    place = tmp_path / "store.db"
    one, other = Registry(), Registry()

    @node(name="one.only")
    def only_one(x: int) -> int:
        return x + 1

    @node(name="other.only")
    def only_other(x: int) -> int:
        return x + 2

    flow("one", only_one, registry=one)
    flow("other", only_other, registry=other)
    registries = [one, other] if order else [other, one]
    with (
        connect(place, registry=one, create=True) as first,
        connect(place, registry=other) as second,
        Engine(place, registry=registries[0], config=CONFIG),
        Engine(place, registry=registries[1], config=CONFIG),
    ):
        runs: list[tuple[Run[Any], Run[Any]]] = [
            (first.start("one", n), second.start("other", n)) for n in range(20)
        ]
        for number, (mine, its) in enumerate(runs):
            assert (value_of(mine), value_of(its)) == (number + 1, number + 2)
