"""Deadly nodes under simulation: each is found, and nothing is blamed that didn't do it (B067)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from everflow import Config, Registry, flow, node
from everflow.core.ops import NodeOp
from everflow.engine.calling.callee import Ended
from everflow.engine.cells.cell import Cell
from everflow.engine.nodes.attempts import Attempt
from everflow.engine.nodes.dispatcher import Dispatcher
from everflow.engine.owning import suspects as suspecting
from everflow.engine.owning.suspects import Suspect, Suspects
from everflow.engine.records.flights import DOUBT, INLINE, Doubt, doubts_of
from everflow.store import RunQuery, Status
from everflow.testing.performing import Performer
from everflow.testing.simulator import Subject
from everflow.testing.simulator.faulty import Died
from everflow.testing.simulator.plan import Step, draw
from everflow.testing.simulator.untrue import Untrue, claim
from everflow.testing.simulator.worker import Worker
from everflow.testing.simulator.world import World

SEEDS = 40
STEPS, CALM = 120, 200
DEADLY = {"sim strikes", "sim strikes here"}
SMALL = Config(
    max_unrecorded=8, batch=20, live_runs=40, warm_runs=4, alone_deaths=2, base_floor=100
)
LIVES = SMALL.alone_deaths + 4  # that one deadly run may cost: two for all, two for parts of 16
VERBS = {
    "turn": 40, "perform": 18, "tell": 12, "commit": 8, "start": 12, "jump": 2, "stall": 1,
    "kill": 1, "spawn": 4,
}  # fmt: skip


@node(name="sim works")
def works(x: int) -> int:
    """Take a place."""
    return x


@node(name="sim works here", inline=True)
def works_here(x: int) -> int:
    """Run in place."""
    return x


@node(name="sim strikes")
def strikes(x: int) -> int:
    """Kill whoever performs it."""
    return x


@node(name="sim strikes here", inline=True)
def strikes_here(x: int) -> int:
    """Kill whoever runs it in place."""
    return x


class Killer(Performer):
    """Performs nodes; deadly ones are the end of their process."""

    def __call__(self, attempt: Attempt) -> Ended | None:
        """Perform an attempt now."""
        if attempt.callee.name in DEADLY:
            raise Died
        return super().__call__(attempt)


class DeadlyWorld(World):
    """Knows of each worker what was in flight when it died, or was taken for dead."""

    def __init__(self, subjects: list[Subject], registry: Registry) -> None:
        super().__init__(subjects, registry, SMALL, {}, Killer(), {})
        self.truth: dict[int, set[int]] = {}

    def spawn(self, step: Step | None = None) -> Worker | None:
        """A worker that dies of deadly nodes that run in place."""
        worker = super().spawn(step)
        if worker is not None:
            dispatcher, ended = worker.scheduler.dispatcher, worker.scheduler.dispatcher.ended

            def strike(cell: Cell, op: NodeOp, end: Ended) -> None:
                if op.node in DEADLY:
                    dispatcher.board[INLINE] = cell.no  # as it stands while the node runs
                    self._note(worker, cell.no)
                    raise Died
                ended(cell, op, end)

            dispatcher.ended = strike
        return worker

    def _note(self, worker: Worker, *more: int) -> None:
        flying = worker.scheduler.dispatcher.begun_for() | {*more}
        self.truth.setdefault(worker.id, flying)

    def bury(self, worker: Worker, *, seen: bool) -> None:
        """A process is gone."""
        self._note(worker)
        super().bury(worker, seen=seen)

    def _performed(self, worker: Worker | None, step: Step, dice: Random) -> str:
        if worker is None:
            return "nothing"
        performed = super()._performed
        return self._within(worker, step, lambda: performed(worker, step, dice))

    def take(self, step: Step) -> None:
        """Carry out a step, and see whom it blames."""
        super().take(step)
        for worker in self.workers:
            if worker.id in self.ledger.gone:
                self._note(worker)
        self.check()

    def alone(self) -> Counter[int]:
        """How often each run was all that a worker had in flight when it died."""
        return Counter(no for flying in self.truth.values() if len(flying) == 1 for no in flying)

    def check(self) -> None:
        """Only deaths of a run alone count, and only so many of them set one aside."""
        alone = self.alone()
        for row in self.base.runs(RunQuery(limit=1000)):
            claim(row.deaths <= alone[row.no], "only a death alone counts", (row.no, row.flow))
            aside = row.status is Status.BLOCKED and row.until == "operator"
            enough = row.deaths >= SMALL.alone_deaths
            claim(enough or not aside, "nobody is set aside for less", (row.no, row.flow))

    def live(self) -> bool:
        """One worker's life without any other trouble; False when it died."""
        worker = self.spawn()
        assert worker is not None
        try:
            for _ in range(CALM):
                self.clock.advance(60_000)
                self.ledger.beat(worker.id)
                worker.turn()
                worker.flush()
                while worker.pool.begun:
                    worker.pool.perform(0)
                while worker.pool.ended:
                    worker.pool.tell(0)
                self.check()
        except Died:
            self.bury(worker, seen=True)
            return False
        return True


def subjects(registry: Registry) -> list[Subject]:
    """Few of the flows have a deadly node; most run beside."""
    bodies: dict[str, Any] = {
        "line": works >> works_here >> works,
        "here": works_here >> works_here,
        "one": works,
        "another": works >> works,
        "deadly": works >> strikes,
        "deadly here": works_here >> strikes_here,
    }
    return [
        Subject(flow(f"sim {name}", body, registry=registry), inputs=(1, 2))
        for name, body in bodies.items()
    ]


def lead(seed: int) -> int:
    """Lead one life, and then as many as it takes; how many these were."""
    dice, registry = Random(seed), Registry()
    world = DeadlyWorld(subjects(registry), registry)
    world.spawn()
    for step in draw(dice, STEPS, faults=0.2, verbs=VERBS):
        world.take(step)
    world.calm = True
    for worker in list(world.workers):
        world.bury(worker, seen=True)
    rows = world.base.runs(RunQuery(limit=1000))
    guilty = {row.no for row in rows if "deadly" in row.flow}
    hit = {no for no, times in world.alone().items() if times >= SMALL.alone_deaths} - guilty
    lives = 0
    while not world.live():
        lives += 1
        claim(lives <= LIVES * len(guilty), "a deadly run is found", (lives, guilty))
    for row in world.base.runs(RunQuery(limit=1000)):
        wanted = {Status.BLOCKED if row.no in guilty else Status.DONE, Status.CANCELLED}
        wanted |= {Status.BLOCKED} if row.no in hit else set()
        claim(row.status in wanted, "all others end", (row.no, row.flow, row.status, row.reason))
    claim(not world.base.records(DOUBT), "in the end nobody is doubted", world.base.records(DOUBT))
    return lives


def first_found(seeds: int) -> Untrue | None:
    """The first claim that breaks."""
    for seed in range(seeds):
        try:
            lead(seed)
        except Untrue as untrue:
            untrue.add_note(f"seed {seed}")
            return untrue
    return None


def test_deadly_runs_are_found_and_no_others_blamed() -> None:
    """Whatever else dies, fails or stands still meanwhile."""
    found = first_found(SEEDS)
    if found is not None:
        raise found


def a_death_in_company_counts(patch: pytest.MonkeyPatch) -> None:
    """Who was on trial is blamed, whatever else was in flight."""

    def doubts(board: Sequence[int]) -> dict[int, Doubt]:
        tried = {-no for no in board if no < 0}
        return {no: Doubt(alone=no in tried, tried=no in tried) for no in board if no > 0}

    patch.setattr(suspecting, "doubts_of", doubts)


def who_began_nothing_is_blamed(patch: pytest.MonkeyPatch) -> None:
    """To be on trial is enough."""

    def doubts(board: Sequence[int]) -> dict[int, Doubt]:
        return doubts_of([*board, *(-no for no in board if no < 0)])

    patch.setattr(suspecting, "doubts_of", doubts)


def others_go_on_beside_a_trial(patch: pytest.MonkeyPatch) -> None:
    """It stands on the board alone."""
    real = Dispatcher.set_trial

    def set_trial(self: Dispatcher, cells: Any) -> None:
        real(self, cells)
        self.trial = None

    patch.setattr(Dispatcher, "set_trial", set_trial)


def a_trial_is_of_all(patch: pytest.MonkeyPatch) -> None:
    """Nobody is ever alone."""
    patch.setattr(suspecting, "trials", lambda doubts, _: [list(doubts)])


def a_doubt_is_written_later(patch: pytest.MonkeyPatch) -> None:
    """Others begin before it is on disk, and undo it."""
    patch.setattr(Suspects, "_hold", lambda _: None)


def a_doubt_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Each death is taken for the first."""
    real = Suspects.add

    def add(self: Suspects, cell: Cell, held: list[NodeOp], doubt: Doubt) -> bool:
        return real(self, cell, held, doubt._replace(times=0, tried=False))

    patch.setattr(Suspects, "add", add)


def survivors_stay_doubted(patch: pytest.MonkeyPatch) -> None:
    """Nobody is acquitted but by a look after the batch."""
    patch.setattr(Suspect, "is_over", property(lambda self: self.cell.dropped))


@pytest.mark.parametrize(
    "plant",
    [
        a_death_in_company_counts,
        who_began_nothing_is_blamed,
        others_go_on_beside_a_trial,
        a_trial_is_of_all,
        a_doubt_is_written_later,
        a_doubt_is_forgotten,
        survivors_stay_doubted,
    ],
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a bounded number of seeds some claim breaks."""
    plant(monkeypatch)
    assert first_found(5 * SEEDS) is not None
