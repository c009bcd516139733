"""A run that goes on node by node commits each, and isn't looked around for at each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from everflow import Config, Registry, Run, flow, node, sequence
from everflow.engine.driving.commits import InlineCommitter
from everflow.engine.driving.scheduler import IN_A_ROW, MOMENT, Scheduler
from everflow.engine.faces.connect import Connection
from everflow.errors import StoreUnavailable
from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore
from everflow.testing.clock import JumpClock

NODES = 3 * IN_A_ROW


class Failing(MemoryStore):
    """Refuses one batch, when so many more have come."""

    left = -1

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        self.left -= 1
        if self.left == 0:
            raise StoreUnavailable("not now")
        return super().append(batch, side_rows)


def _nothing(_batch: Batch) -> None:
    """Nobody does anything meanwhile."""


class Driven:
    """A scheduler whose turns the test takes, with a run of inline nodes that take ``each`` µs."""

    def __init__(self, each: int = 0) -> None:
        clock, registry = JumpClock(), Registry()

        @node(inline=True, name="passed_on")
        def passed_on(number: int) -> int:
            clock.advance(each)
            return number

        flow("f", sequence(*[passed_on] * NODES), registry=registry)
        self.clock, self.store = clock, Failing()
        self.connection = Connection(self.store, registry=registry, clock=clock)
        self.run: Run[int] = self.connection.start("f", 1)
        self.written: list[Batch] = []
        self.meanwhile: Callable[[Batch], None] = _nothing
        self.scheduler = made = Scheduler(self.store, registry, Config(), clock, wrote=self.wrote)
        made.committer = InlineCommitter(self.store, made.committed, made.commit_failed)
        made.open({})
        for _ in range(10):  # until it is in memory, and its next node may begin
            if not self.written:
                made.turn()

    def wrote(self, batch: Batch) -> None:
        self.written.append(batch)
        self.meanwhile(batch)

    def turn(self) -> int:
        """How many batches a turn wrote."""
        before = len(self.written)
        self.scheduler.turn()
        return len(self.written) - before

    def close(self) -> None:
        while self.scheduler.busy:
            self.scheduler.turn()
        assert self.run.status == "done"
        assert len({batch.number for batch in self.written}) == len(self.written)
        self.connection.close()


def test_some_nodes_are_committed_in_a_row() -> None:
    """Each in a batch of its own, and so many to a turn."""
    driven = Driven()
    assert driven.turn() == IN_A_ROW
    assert all(len(batch.entries) == 1 for batch in driven.written[-IN_A_ROW:])
    driven.close()


def test_what_takes_its_time_is_looked_around_for() -> None:
    """Timers, and what others wrote, aren't kept waiting by nodes that aren't quick."""
    driven = Driven(each=MOMENT + 1)
    assert driven.turn() == 1
    driven.close()


def test_what_is_posted_meanwhile_is_next() -> None:
    """A row of nodes ends for it."""
    driven = Driven()
    heard: list[int] = []

    def meanwhile(batch: Batch) -> None:
        driven.meanwhile = _nothing
        driven.scheduler.post(heard.append, batch.number)

    driven.meanwhile = meanwhile
    assert driven.turn() == 1
    driven.turn()
    assert len(heard) == 1
    driven.close()


def test_trouble_ends_a_row() -> None:
    """Nothing is begun behind a batch that isn't written; then all goes on, each node once."""
    driven = Driven()
    driven.store.left = 3
    assert driven.turn() == 2
    assert driven.scheduler.trouble is not None
    assert driven.turn() == 0
    driven.clock.advance(1_000_000)
    assert driven.turn() > 0
    driven.close()


def test_a_worker_that_drains_amid_a_row_begins_nothing_more() -> None:
    """Whoever says so posts it."""
    driven = Driven()
    driven.scheduler.post(driven.scheduler.adoption.drain)
    driven.turn()
    assert driven.turn() == 0
    assert driven.scheduler.drained
    driven.connection.close()
