"""What a verb costs doesn't depend on how many runs are at rest in the store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from everflow.core.queueing import Limits
from everflow.store import Batch, Put, QuestionOpened, RunChange, Status
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import DEFINITION, answer, cancel, early, entry, new_run
from tests.stores.sqlite.inside import connections

FEW, MANY = 20, 500
NOW = 10**18


class World:
    """A store with so many suspended runs: of a living worker, of a dead one, and done ones."""

    def __init__(self, path: Path, many: int) -> None:
        self.store = SQLiteStore.open(path)
        self.dead = self.store.enlist(host="here", pid=1, at=0)
        self.worker = self.store.enlist(host="here", pid=1, at=0)
        self.numbers = dict.fromkeys((self.dead.id, self.worker.id), 0)
        for worker in (self.dead.id, self.worker.id):
            for status in (Status.SUSPENDED, Status.WAITING, Status.DONE):
                self.rest(worker, status, many)
        self.store.depose(self.dead.id, 1)
        self.rows = self.store.start([new_run("one", owner=self.worker.id)], [DEFINITION])
        self.append(self.worker.id, opened=[self.asked(self.rows[0].no)])

    def rest(self, worker: int, status: Status, many: int) -> None:
        """Runs that were started and came to rest there."""
        runs = [new_run(f"{worker}-{status}-{i}", owner=worker) for i in range(many)]
        nos = [row.no for row in self.store.start(runs, [DEFINITION])]
        due = NOW * 2 if status is Status.WAITING else None
        ended = 5 if status is Status.DONE else None
        self.append(
            worker,
            changes=[RunChange(no, status, "", "", due, 0, ended, None, "d1", 0) for no in nos],
            opened=[self.asked(no) for no in nos],
        )

    def asked(self, no: int) -> QuestionOpened:
        return QuestionOpened(no, "t", 0, "op", "t", 0, None, "[0]")

    def append(self, worker: int, **parts: Any) -> None:
        self.numbers[worker] += 1
        number = self.numbers[worker]
        self.store.append(Batch(worker=worker, epoch=1, number=number, at=0, **parts))


def _append(world: World) -> None:
    (row,) = world.rows
    no = row.no
    world.append(
        world.worker.id,
        entries=[entry(no, seq) for seq in range(1, 10)],
        changes=[RunChange(no, Status.SUSPENDED, "", "", 7, 0, None, None, "d1", 0)],
    )


VERBS: dict[str, Callable[[World], object]] = {
    "start": lambda w: w.store.start([new_run("two", key="k")], [DEFINITION]),
    "start again": lambda w: w.store.start([new_run("one")], [DEFINITION]),
    "append": _append,
    "answer": lambda w: w.store.accept([answer(w.rows[0])]),
    "early": lambda w: w.store.accept([early(w.rows[0])]),
    "cancel": lambda w: w.store.accept([cancel(w.rows[0])]),
    "claim": lambda w: w.store.claim(w.worker.id, now=NOW, limit=100),
    "claim bound": lambda w: w.store.claim(w.worker.id, now=NOW, limit=100, queues=["q"]),
    "holding": lambda w: w.store.holding([w.worker.id], most=10),
    "arrivals": lambda w: w.store.arrivals(w.worker.id, after=0, limit=100),
    "due": lambda w: w.store.due(w.worker.id, now=NOW, limit=100),
    "next_due": lambda w: w.store.next_due(w.worker.id),
    "places": lambda w: w.store.places(
        "q", Limits(rate=(9, NOW), rate_per_lane=(9, NOW)), now=NOW, lanes=9, depth=9
    ),
    "waiting": lambda w: w.store.waiting(),
    "lanes": lambda w: w.store.lanes(),
    "records": lambda w: w.store.records("queue"),
    "write": lambda w: w.store.write([Put(kind="queue", key="q", body="[]")], at=0),
    "load": lambda w: w.store.load([w.rows[0].no]),
    "entries": lambda w: w.store.entries(w.rows[0].no, [0]),
    "journal": lambda w: w.store.journal(w.rows[0].no),
    "asked": lambda w: w.store.asked([("one", "t", 0)]),
    "find": lambda w: w.store.find("one"),
    "find_key": lambda w: w.store.find_key("f", "k"),
    "rows": lambda w: w.store.rows([w.rows[0].no]),
    "release": lambda w: w.store.release(w.worker.id, [w.rows[0].no]),
    "retire": lambda w: w.store.retire(w.worker.id),
    "depose": lambda w: w.store.depose(w.worker.id, 1),
    "enlist": lambda w: w.store.enlist(host="here", pid=1, at=0),
    "workers": lambda w: w.store.workers(),
    "info": lambda w: w.store.info(),
    "version": lambda w: w.store.version(),
    "definition": lambda w: w.store.definition("d1"),
}


@contextmanager
def counted(store: SQLiteStore) -> Iterator[list[int]]:
    """The steps that SQLite's machine takes meanwhile, triggers included."""
    steps: list[int] = []

    def note(event: dict[str, Any]) -> None:
        steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    for db in connections(store):
        db.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
    yield steps
    for db in connections(store):
        db.trace_v2(0, None)


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[tuple[World, World]]:
    few = World(tmp_path / "few.db", FEW)
    many = World(tmp_path / "many.db", MANY)
    yield few, many
    few.store.close()
    many.store.close()


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_takes_the_same_steps_in_a_full_store(
    name: str, worlds: tuple[World, World]
) -> None:
    """No verb of the hot or idle path walks over runs at rest."""
    taken = []
    for world in worlds:
        with counted(world.store) as steps:
            VERBS[name](world)
        taken.append(sum(steps))
    few, many = taken
    assert few > 0
    assert many <= few + 50
