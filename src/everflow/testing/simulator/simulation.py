"""The simulation: a seed becomes a plan, a plan a world, and a broken claim a small story."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from random import Random
from typing import Any

from everflow.config import Config
from everflow.core.node import Node
from everflow.core.registry import Registry, default_registry
from everflow.engine.given.dependencies import open_all
from everflow.testing.performing import Performer
from everflow.testing.simulator.corpus import corpus, generated
from everflow.testing.simulator.everywrite import faulted, plain_life
from everflow.testing.simulator.plan import LIMITING, OPERATING, VERBS, Step, draw
from everflow.testing.simulator.rest import finish, settle
from everflow.testing.simulator.shrink import shrunk
from everflow.testing.simulator.spoiling import SPOILING
from everflow.testing.simulator.stubs import staged
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.untrue import Untrue
from everflow.testing.simulator.world import World

__all__ = ["Report", "Simulation", "simulate", "simulate_every_write"]

SMALL = Config(
    max_unrecorded=3,
    batch=20,
    live_runs=6,
    warm_runs=2,
    alone_deaths=1_000_000,  # a run on which workers die is no poison here
    base_floor=100,
)
STOCK, SHARED = 60, 100  # drawn flows, and seeds that share them
Queues = Mapping[str, Mapping[str, Any]]  # by name, what they allow
OPERATED, QUEUED = 0.45, 0.3  # of the seeds: operators are about, starts go through a queue
SPOILT = 0.15  # of the seeds: the store refuses what some runs write
QUEUES: Queues = {
    "narrow": {"limit": 2, "per_lane": 1},
    "single": {"limit": 1},
    "slow": {"limit": 3, "rate": (2, timedelta(seconds=30))},
    "lanes": {"per_lane": 1},
}
THEMED = 0.4  # of the seeds: a few flows and verbs that meet more often than by chance
THEMES: tuple[tuple[set[str], dict[str, float]], ...] = (
    ({"deadline", "expiring", "timed", "both"}, {"jump": 14, "answer": 14}),
    ({"asking", "again", "quoting", "inquiring"}, {"early": 12, "answer": 12}),
    ({"retrying", "timed", "wordy", "napping"}, {"jump": 16, "kill": 5, "spawn": 5}),
    ({"beside", "both", "asking", "wide"}, {"answer": 16, "kill": 6, "spawn": 5}),
    ({"napping", "deadline", "wide", "asking"}, {"set_wall": 12, "spawn": 8, "jump": 8}),
    ({"impatient", "strict", "hopeless", "calling_back"}, {"retry": 14, "jump": 12}),
    ({"hopeless", "intolerant", "abroad", "impatient"}, {"retry": 14, "fork": 6, "perform": 30}),
    (
        {"hearing", "both", "napping", "line"},
        {"signal": 12, "pause": 8, "unpause": 8, "answer": 14},
    ),
    ({"caught", "settled", "wide", "racing"}, {"zombie": 8, "cancel": 6, "stall": 4}),
)


@dataclass
class Report:
    """What a simulation saw. ``untrue`` is None when every claim held."""

    seed: int
    steps: list[Step]
    deaths: int = 0
    troubles: int = 0
    runs: int = 0
    entries: int = 0
    effects: int = 0
    repeats: int = 0
    untrue: Untrue | None = None
    story: list[str] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)  # of each step

    @property
    def text(self) -> str:
        """The story, for people."""
        head = f"seed {self.seed}, {len(self.steps)} steps: {self.untrue or 'every claim held'}"
        return "\n".join([head, *(f"  {line}" for line in self.story)])

    def check(self) -> None:
        """Raise the broken claim with its story, if one broke."""
        if self.untrue is not None:
            raise AssertionError(self.text) from self.untrue


def _all_real(_: Node[Any, Any]) -> bool:
    return True


class Simulation:
    """Flows under simulation. ``config`` is small, so that limits are met often.

    ``real`` says which nodes keep their own functions, all by default; the others become stubs.
    """

    def __init__(
        self,
        subjects: Sequence[Subject] = (),
        *,
        registry: Registry | None = None,
        provide: Mapping[type[Any], Any] | None = None,
        config: Config = SMALL,
        steps: int = 60,
        faults: float = 0.45,
        verbs: Mapping[str, float] = VERBS,
        real: Callable[[Node[Any, Any]], bool] = _all_real,
    ) -> None:
        known = registry or default_registry()
        staging = real is not _all_real or any(subject.replace for subject in subjects)
        found, stage = staged(subjects, known, real=real) if staging else (list(subjects), known)
        self._subjects, self._registry = found, stage
        self._provide = dict(provide or {})
        self._config = config
        self._length = steps
        self._faults = faults
        self._verbs = verbs

    def run(self, seed: int, steps: Sequence[Step] | None = None) -> Report:
        """Simulate a seed's plan, or other steps in that seed's world."""
        dice = Random(seed)
        subjects, registry, verbs, queues = self._cast(seed, dice)
        length = dice.randint(self._length // 6, self._length)
        plan = draw(dice, length, faults=self._faults, verbs=verbs)
        plan = plan if steps is None else list(steps)
        report = Report(seed, plan)
        with ExitStack() as stack:
            given = open_all(self._provide, stack)
            performer = Performer()
            stack.callback(performer.close)
            stack.enter_context(_silence())
            world = World(subjects, registry, self._config, given, performer, queues)
            self._play(world, report, dice)
        self._count(report, world)
        return report

    @staticmethod
    def _play(world: World, report: Report, dice: Random) -> None:
        try:
            for _ in range(dice.randint(1, 2)):
                world.spawn()
            for step in report.steps:
                world.take(step)
            world.story.append("from here on nothing goes wrong")
            settle(world)
            finish(world, dice)
            world.witness.look()
        except Untrue as untrue:
            report.untrue = untrue
        except AssertionError as error:  # a claim of the shadow's
            report.untrue = Untrue(str(error).partition(":")[0], error)

    def shrink(self, report: Report) -> Report:
        """The smallest plan that was found to break the same claim."""
        untrue = report.untrue
        if untrue is None:
            return report

        def breaks(steps: list[Step]) -> bool:
            again = self.run(report.seed, steps).untrue
            return again is not None and again.sentence == untrue.sentence

        return self.run(report.seed, shrunk(report.steps, breaks))

    def every_write(self, seed: int = 0, rounds: int = 6) -> Iterator[Report]:
        """Live one life again and again, with each fault at each of its writes in turn.

        ``rounds`` bounds how much of the life is led step by step, so that it can go wrong there.
        """
        plan = plain_life(Random(seed), rounds)
        first = self.run(seed, plan)
        yield first
        if first.untrue is None:
            yield from (self.run(seed, again) for again in faulted(plan, first.writes))

    def _cast(
        self, seed: int, dice: Random
    ) -> tuple[list[Subject], Registry, dict[str, float], Queues]:
        """The flows of a seed and how often what is done: those given, or some drawn."""
        verbs = dict(self._verbs)
        if self._subjects:
            return self._subjects, self._registry, verbs, {}
        known, drawn, registry = _stock(seed // SHARED)
        names, theirs = dice.choice(THEMES) if dice.random() < THEMED else (set(), {})
        queues: Queues = {}
        if "cancel" in verbs and (dice.random() < OPERATED or theirs.keys() & OPERATING.keys()):
            verbs = {**OPERATING, **verbs}
        if dice.random() < QUEUED:
            verbs = {**verbs, **LIMITING, "start": 2 * verbs.get("start", 1)}
            queues = dict([dice.choice(list(QUEUES.items()))])
        if Random(f"spoilt {seed}").random() < SPOILT and "cancel" in verbs:
            verbs = {**verbs, **SPOILING}
        verbs.update({verb: often for verb, often in theirs.items() if verb in verbs})
        mine = [s for s in known if s.flow.name_of_flow in names]
        return mine or dice.sample(known, 2) + dice.sample(drawn, 2), registry, verbs, queues

    @staticmethod
    def _count(report: Report, world: World) -> None:
        for worker in world.workers:
            world.deaths += worker.store.deaths
            world.troubles += worker.store.troubles
        report.deaths, report.troubles = world.deaths, world.troubles
        report.runs = len(world.ledger.journals)
        report.entries = sum(map(len, world.ledger.journals.values()))
        report.effects, report.repeats = world.ledger.effects, world.ledger.repeats
        report.story, report.writes = _numbered(world), world.writes


def _numbered(world: World) -> list[str]:
    """The story with runs numbered from 1 in the order of their starts."""
    order = {str(no): str(index) for index, no in enumerate(world.ledger.journals, 1)}
    number = re.compile(r"\b\d{10,}\b")
    return [number.sub(lambda found: order.get(found[0], found[0]), line) for line in world.story]


@lru_cache(maxsize=4)
def _stock(number: int) -> tuple[list[Subject], list[Subject], Registry]:
    """The corpus and drawn flows, shared by some seeds since making flows takes the most time."""
    registry = Registry()
    return corpus(registry), generated(registry, Random(number), STOCK), registry


@contextmanager
def _silence() -> Iterator[None]:
    """The engine's warnings of simulated trouble aren't for people."""
    log = logging.getLogger("everflow.engine")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def simulate_every_write(subjects: Sequence[Subject], **settings: Any) -> list[Report]:
    """Live through a crash and a lie at every write of a life; stops at a claim that broke.

    The last report is the broken one, shrunk; all others held.
    """
    simulation = Simulation(subjects, **settings)
    reports = []
    for report in simulation.every_write():
        reports.append(simulation.shrink(report))
        if report.untrue is not None:
            break
    return reports


def simulate(seed: int, subjects: Sequence[Subject] = (), **settings: Any) -> Report:
    """Simulate one seed, and shrink its plan when a claim breaks; see ``Simulation``."""
    simulation = Simulation(subjects, **settings)
    return simulation.shrink(simulation.run(seed))
