"""RELIABILITY 15: two instances that are killed amid calls of each other; each is executed once."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from threading import Event, Thread
from typing import Any

import pytest

from everflow import RunQuery, Status
from everflow.clock import SystemClock
from everflow.federation import Peers, create_identity
from everflow.stores.sqlite import SQLiteStore
from tests.faults.outside import Ledger, Process, until

HERE = "127.0.0.1"
STEPS = 3  # calls of a run
AT_ONCE = 6  # runs


class Instance:
    """``everflow serve`` on a store, which can be killed, and begins again."""

    def __init__(self, name: str, folder: Path, nursery: Process) -> None:
        self.name, self.store = name, folder / f"{name}.db"
        self._nursery = nursery
        self._held = socket()  # bound, and never listening: nobody else is given the port meanwhile
        self._held.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        self._held.bind((HERE, 0))
        self.port = int(self._held.getsockname()[1])
        self.pid = 0
        self.pids: list[int] = []
        self.word = self._made()

    def _made(self) -> str:
        store = SQLiteStore.open(self.store)
        try:
            now = SystemClock().wall()
            return create_identity(store, f"http://{HERE}:{self.port}", at=now).word
        finally:
            store.close()

    def knows(self, other: Instance) -> None:
        """Make another known here, and let it call all."""
        store = SQLiteStore.open(self.store)
        try:
            peers = Peers(store, SystemClock().wall)
            peers.add(other.name, f"http://{HERE}:{other.port}", other.word, inside=True)
            peers.change(other.name, allowed=("*",))
        finally:
            store.close()

    def begin(self) -> None:
        """Serve."""
        words = f"serve tests.faults.peered --store {self.store} --port {self.port}"
        self._nursery.tell(words)
        self.pid = int(self._nursery.line())
        self.pids.append(self.pid)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        os.kill(self.pid, signal.SIGKILL)
        until(self._gone, pause=0.001)

    def _gone(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def asked(self, method: str, path: str, body: Any = None) -> Any:
        """What its API answers; OSError or HTTPException where it is dead."""
        connection = http.client.HTTPConnection(HERE, self.port, timeout=10)
        try:
            text = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/api/v1{path}", text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            assert answer.status < 300, said
            return said
        finally:
            connection.close()

    def close(self) -> None:
        self._held.close()


class Load:
    """Starts runs at west as long as it may; those that were acknowledged, by key."""

    def __init__(self, west: Instance) -> None:
        self._west = west
        self._stop = Event()
        self.acknowledged: dict[str, str] = {}
        self._thread = Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        """Have the last start be acknowledged."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            if self.going() >= AT_ONCE:
                self._stop.wait(0.01)
                continue
            key = f"k{len(self.acknowledged)}"
            body = {"flow": "errand", "input": len(self.acknowledged) * 10, "key": key}
            self.acknowledged[key] = self._until("POST", "/runs", body)["id"]

    def going(self) -> int:
        counts = self._until("GET", "/counts")["counts"]
        return sum(number for status, number in counts.items() if status != "done")

    def _until(self, method: str, path: str, body: Any = None) -> Any:
        return until(lambda: self._tried(method, path, body))

    def _tried(self, method: str, path: str, body: Any = None) -> Any:
        with suppress(OSError, http.client.HTTPException):
            return self._west.asked(method, path, body)
        return None


@pytest.fixture
def instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Instance, Instance, Ledger]]:
    """West, who calls, and east, who is called; both serve."""
    ledger = Ledger(tmp_path / "ledger")
    monkeypatch.setenv("EVERFLOW_TEST_LEDGER", str(ledger.path))
    with ExitStack() as stack:
        stack.callback(ledger.close)
        nursery = Process("nursery")
        stack.callback(nursery.stop)
        west, east = (Instance(name, tmp_path, nursery) for name in ("west", "east"))
        for each, other in ((west, east), (east, west)):
            each.knows(other)
            stack.callback(each.close)
            each.begin()
        yield west, east, ledger


def grown(ledger: Ledger, size: int) -> bool:
    """Whether so much was done."""
    return ledger.size >= size


def killed(west: Instance, east: Instance, ledger: Ledger, kills: int, seed: int) -> dict[str, str]:
    """Kill now one and now the other while runs go on, and let all end; the runs at west."""
    random, never = Random(seed), Event()
    load = Load(west)
    try:
        for _ in range(kills):
            until(partial(grown, ledger, ledger.size + random.randrange(1, 600)))
            never.wait(random.uniform(0, 0.02))
            one = random.choice([west, east])
            one.kill()
            one.begin()
    finally:
        load.stop()
    until(lambda: load.going() == 0, pause=0.05)
    return load.acknowledged


def runs_of(instance: Instance, flow: str) -> list[tuple[str, Status]]:
    store = SQLiteStore.open(instance.store, create=False)
    try:
        rows = store.runs(RunQuery(flow=flow, limit=100_000))
        return [(row.id, row.status) for row in rows]
    finally:
        store.close()


def test_ten_kills_of_either_side_execute_each_call_once(
    instances: tuple[Instance, Instance, Ledger],
) -> None:
    """Nothing is lost, and only what was in flight at a kill has its effect again (B102)."""
    west, east, ledger = instances
    acknowledged = killed(west, east, ledger, 10, 7)
    for number, run in enumerate(acknowledged.values()):
        assert west.asked("GET", f"/runs/{run}")["result"] == number * 10 + STEPS
    for each in (west, east):
        each.kill()
    assert {run for run, _ in runs_of(west, "errand")} == set(acknowledged.values())
    calls = runs_of(east, "weighed")
    assert len(calls) == STEPS * len(acknowledged)
    assert {status for _, status in calls} == {Status.DONE}
    effects = ledger.of("effect")
    assert {run for _, run, _ in effects} == {run for run, _ in calls}
    times = Counter((run, key) for _, run, key in effects)
    assert len(times) == len(calls)  # the key is the same at each repeat
    repeated = sum(times.values()) - len(times)
    assert len({(pid, key) for pid, _, key in effects}) == len(effects)  # who lives repeats nothing
    assert repeated <= AT_ONCE * (len(east.pids) - 1)
