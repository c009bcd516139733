"""A fleet under load, to which things happen: worker processes, and a customer beside them.

The customer starts errands and answers what they ask, through whatever happens: what wasn't
acknowledged is asked again, a start by the same key, an answer with another value. At the end all
that was acknowledged is there once, and what was repeated is counted against the incidents.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import TypeVar
from uuid import uuid4

import psycopg

from everflow import RunQuery, Status, connect
from everflow.core.entries import Kind, decode_body
from everflow.engine.asking.runs import outcome_of
from everflow.engine.faces.places import open_store
from everflow.errors import StoreUnavailable
from everflow.store import RunRow, Store
from everflow.stores.postgres.place import Place
from tests.faults.errands import BATCH, EFFECTS, MAX_UNRECORDED, REGISTRY, expected
from tests.faults.outside import Ledger, Process, until
from tests.faults.postgres.working import order

LEASE = 1.5  # seconds
PATIENCE = 50.0
PACE = 0.003  # seconds between starts
MOST = 20  # errands that are on their way to their question, however slow the workers are
LINE = 50  # bytes of an effect's line, about
BEGUN_ANEW = "was taken for dead"  # what a worker says of itself once it noticed
GOING = tuple(set(Status) - {Status.DONE, Status.FAILED, Status.CANCELLED})
T = TypeVar("T")


class Customer:
    """Starts errands and answers them, on threads of this process, until it is told to stop."""

    def __init__(self, place: str, ledger: Ledger, seed: int) -> None:
        self._ledger = ledger
        self._random = Random(seed)
        self.stopping = Event()
        self.presses = Event()  # starts more, though workers stand still
        self._closing = Event()
        self.refusals = 0
        self.faults: list[BaseException] = []
        self.started = 0
        self._seen: set[str] = set()  # that asked something
        self._client = connect(place, registry=REGISTRY, create=True)
        self._threads = [
            Thread(target=self._work, args=(work,), daemon=True)
            for work in (self._start, self._answer)
        ]

    def begin(self) -> None:
        """Start and answer from now on."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Start nothing more; what is open is answered still."""
        self.stopping.set()
        self._threads[0].join(PATIENCE)

    def close(self) -> None:
        """Answer no more, and let go of the store."""
        self.stopping.set()
        self._closing.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._client.close()

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test tells it
            self.faults.append(error)

    def _tried(self, ask: Callable[[], T]) -> T:
        """Ask again as long as the store can't be reached."""
        while True:
            try:
                return ask()
            except StoreUnavailable:
                self.refusals += 1
                if self._closing.wait(0.02):
                    raise

    def _start(self) -> None:
        for number in count():
            key = f"k{number}"
            run = self._tried(partial(self._client.start, order, number, key=key))
            self._ledger.note("started", key, run.id)
            self.started = number + 1
            while not self.stopping.wait(PACE):
                if self.presses.is_set() or self.started - len(self._seen) < MOST:
                    break
            else:
                return

    def _answer(self) -> None:
        while not self._closing.wait(PACE):
            for question in self._tried(self._client.questions):
                self._answer_one(question.run)

    def _answer_one(self, run: str) -> None:
        self._seen.add(run)
        value = self._random.randrange(1 << 40)
        self._ledger.note("tried", run, value)
        try:
            reply = self._client.resume(run, value)
        except StoreUnavailable:
            self.refusals += 1  # it may have been taken: if not, the next one is another value
        else:
            self._ledger.note("told", run, value, reply)


class Fleet:
    """Workers on one store, a ledger, and a customer; what must hold at the end."""

    def __init__(
        self,
        folder: Path,
        place: str,
        *,
        workers: int = 2,
        lease: float = LEASE,
        seed: int = 1,
        direct: str = "",
    ) -> None:
        self.place = place
        self.lease = lease
        self._direct = direct or place  # where things are looked at in the end
        self.ledger = Ledger(folder / "ledger")
        self._table = f"public.orders_{uuid4().hex[:12]}"
        with self._line() as line:
            line.execute(f"CREATE TABLE {self._table} (run text, what text)".encode())
        self.customer = Customer(place, self.ledger, seed)
        self.lost = 0  # workers that were killed
        self.said = ""  # by the workers that ended
        self.workers: list[Process] = []
        for _ in range(workers):
            self.hire()
        self.customer.begin()

    def hire(self) -> Process:
        """One worker more."""
        words = (self.place, self.ledger.path, self.lease, self._table)
        worker = Process("postgres.working", *words)
        assert worker.line() == "ready", worker.stop()
        self.workers.append(worker)
        return worker

    def _line(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(Place.read(self._direct).conninfo, autocommit=True)

    def lose(self, worker: Process) -> None:
        """Kill a worker for good."""
        worker.kill()
        self.workers.remove(worker)
        self.lost += 1

    def works(self, effects: int = 40) -> float:
        """Wait until so many nodes more were begun; how long that took, in seconds."""
        begun, size = time.monotonic(), self.ledger.size + effects * LINE
        until(lambda: self.ledger.size >= size or self.customer.faults, PATIENCE)
        assert not self.customer.faults, self.customer.faults
        assert all(worker.lives for worker in self.workers)
        return time.monotonic() - begun

    def wait(self, seconds: float) -> None:
        """Let time pass: what is to be shown is that nothing happens meanwhile."""
        self.customer.stopping.wait(seconds)

    def check(self) -> Counter[str]:
        """Have all that was begun end, and look at it; what there was to count."""
        self.customer.stop()
        with closing(open_store(self._direct, create=False)[0]) as store:
            until(lambda: self._finished(store), PATIENCE, 0.02)
            self.close()
            assert not self.customer.faults, self.customer.faults
            rows = store.runs(RunQuery(limit=1_000_000))
            self._nothing_is_lost(store, rows)
            for row in rows:
                _nothing_is_recorded_twice(store, row)
            self._answers_are_there(store, rows)
            self._orders_are_written_once(rows)
        deposed = self.said.count(BEGUN_ANEW)
        repeats = self._repeats(deposed)
        return Counter(
            runs=len(rows), repeats=repeats, deposed=deposed, refusals=self.customer.refusals
        )

    def close(self) -> None:
        """End all, whatever came of it."""
        self.customer.close()
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            self.said += worker.stop()
        self.workers.clear()

    def _finished(self, store: Store) -> bool:
        assert not self.customer.faults, self.customer.faults
        assert all(worker.lives for worker in self.workers)
        return not store.runs(RunQuery(status=GOING, limit=1))

    def _nothing_is_lost(self, store: Store, rows: list[RunRow]) -> None:
        assert {row.status for row in rows} == {Status.DONE}
        by_key = {row.key: row.id for row in rows}
        started = self.ledger.of("started")
        assert len(by_key) == len(rows) == len(started) == self.customer.started
        assert all(by_key[key] == run for key, run in started)
        for row in rows:
            assert row.key is not None
            assert _value(store, row)[0] == expected(int(row.key[1:]))

    def _answers_are_there(self, store: Store, rows: list[RunRow]) -> None:
        tried = {(run, value) for run, value in self.ledger.of("tried")}
        told = [(run, value) for run, value, reply in self.ledger.of("told") if reply == "answered"]
        acknowledged = dict(told)
        assert len(acknowledged) == len(told)
        for row in rows:
            answer = str(_value(store, row)[1])
            assert (row.id, answer) in tried
            assert acknowledged.get(row.id, answer) == answer

    def _orders_are_written_once(self, rows: list[RunRow]) -> None:
        with self._line() as line:
            found = line.execute(f"SELECT run, what FROM {self._table}".encode()).fetchall()
        assert Counter(found) == {(row.id, what): 1 for row in rows for what in ("booked", "paid")}

    def _repeats(self, deposed: int) -> int:
        """How many effects were repeated: none, but those in flight where a worker was lost."""
        effects = Counter(key for _, key in self.ledger.of("effect"))
        runs = Counter(key.split(":")[0] for key in effects)
        assert set(runs.values()) == {EFFECTS}
        repeats = effects.total() - len(effects)
        assert repeats <= (self.lost + deposed) * (MAX_UNRECORDED + BATCH)
        return repeats


def _value(store: Store, row: RunRow) -> list[int]:
    value: list[int] = outcome_of(store, row, REGISTRY.types)
    return value


def _nothing_is_recorded_twice(store: Store, row: RunRow) -> None:
    entries = store.journal(row.no, limit=10_000)
    assert [seq for _, seq, _, _ in entries] == list(range(len(entries)))
    bodies = [decode_body(body) for _, _, body, _ in entries]
    closing_ones = Counter(b.op for b in bodies if b.kind in {Kind.RESULT, Kind.ANSWER})
    assert set(closing_ones.values()) == {1}
