"""The simulation: a seed becomes a plan, a plan a world, and a broken claim a small story."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from everflow.config import Config
from everflow.core.registry import Registry, default_registry
from everflow.testing.performing import Performer
from everflow.testing.simulator.corpus import corpus, generated
from everflow.testing.simulator.ledger import Untrue
from everflow.testing.simulator.plan import VERBS, Step, draw
from everflow.testing.simulator.rest import finish, settle
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.world import World

__all__ = ["Report", "Simulation", "simulate"]

SMALL = Config(
    max_unrecorded=3,
    batch=20,
    live_runs=6,
    warm_runs=2,
    alone_deaths=1_000_000,  # a run on which workers die is no poison here
    base_floor=100,
)
THEMED = 0.2  # of the seeds: flows in which time and people race
DEADLINES = frozenset({"deadline", "expiring", "timed", "both"})


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

    @property
    def text(self) -> str:
        """The story, for people."""
        head = f"seed {self.seed}, {len(self.steps)} steps: {self.untrue or 'every claim held'}"
        return "\n".join([head, *(f"  {line}" for line in self.story)])


class Simulation:
    """Flows under simulation. ``config`` is small, so that limits are met often."""

    def __init__(
        self,
        subjects: Sequence[Subject] = (),
        *,
        registry: Registry | None = None,
        provide: Mapping[type[Any], Any] | None = None,
        config: Config = SMALL,
        steps: int = 60,
        faults: float = 0.25,
        verbs: Mapping[str, float] = VERBS,
    ) -> None:
        self._subjects = list(subjects)
        self._registry = registry or default_registry()
        self._provide = dict(provide or {})
        self._config = config
        self._length = steps
        self._faults = faults
        self._verbs = verbs

    def run(self, seed: int, steps: Sequence[Step] | None = None) -> Report:
        """Simulate a seed's plan, or other steps in that seed's world."""
        dice = Random(seed)
        length = dice.randint(self._length // 6, self._length)
        plan = draw(dice, length, faults=self._faults, verbs=self._verbs)
        plan = plan if steps is None else list(steps)
        report = Report(seed, plan)
        subjects, registry = self._cast(dice)
        performer = Performer()
        world = World(subjects, registry, self._config, self._provide, performer)
        with _silence():
            try:
                for _ in range(dice.randint(1, 2)):
                    world.spawn()
                for step in plan:
                    world.take(step)
                settle(world)
                finish(world, Random(seed))
            except Untrue as untrue:
                report.untrue = untrue
            except AssertionError as error:  # a claim of the shadow's
                report.untrue = Untrue(str(error).partition(":")[0], error)
            finally:
                performer.close()
        self._count(report, world)
        return report

    def _cast(self, dice: Random) -> tuple[list[Subject], Registry]:
        """The flows of a seed: those given, or some of the corpus and some drawn."""
        if self._subjects:
            return self._subjects, self._registry
        registry = Registry()
        known = corpus(registry)
        if dice.random() < THEMED:
            return [s for s in known if s.flow.name_of_flow in DEADLINES], registry
        return dice.sample(known, 2) + generated(registry, dice, 2), registry

    @staticmethod
    def _count(report: Report, world: World) -> None:
        for worker in world.workers:
            world.deaths += worker.store.deaths
            world.troubles += worker.store.troubles
        report.deaths, report.troubles = world.deaths, world.troubles
        report.runs = len(world.ledger.journals)
        report.entries = sum(map(len, world.ledger.journals.values()))
        report.effects, report.repeats = world.ledger.effects, world.ledger.repeats
        report.story = world.story


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


def simulate(seed: int, subjects: Sequence[Subject] = (), **settings: Any) -> Report:
    """Simulate one seed; see ``Simulation`` for the settings."""
    return Simulation(subjects, **settings).run(seed)
