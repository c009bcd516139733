"""The world: one store, several workers, a clock and people, moved a step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, cast

from everflow.clock import RunClock
from everflow.config import Config
from everflow.core.registry import Registry
from everflow.engine.asking.client import Client
from everflow.engine.cells.loader import Definitions
from everflow.errors import StoreError
from everflow.store import RunQuery, Store
from everflow.testing.clock import JumpClock
from everflow.testing.performing import Performer
from everflow.testing.simulator.faulty import Died, FaultyStore
from everflow.testing.simulator.ledger import Ledger
from everflow.testing.simulator.operators import Operators
from everflow.testing.simulator.people import People
from everflow.testing.simulator.plan import LIMITING, OPERATING, Fault, Step
from everflow.testing.simulator.spoiling import SPOILING, Spoiling, SpoiltStore
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.untrue import Untrue
from everflow.testing.simulator.witness import Witness
from everflow.testing.simulator.worker import Worker

__all__ = ["World"]

SECOND = 1_000_000
DAY = 86_400 * SECOND
MOST_WORKERS = 3
LAPSES = (100, 1_000, 10_000, 60_000, 60_000)
JUMPS = (SECOND // 10, SECOND, 6 * SECOND, 60 * SECOND, 3_600 * SECOND)


class World:
    """``story`` tells what happened, a line a step; ``calm``: nobody comes between any more."""

    def __init__(
        self,
        subjects: list[Subject],
        registry: Registry,
        config: Config,
        given: Mapping[type[Any], Any],
        performer: Performer,
        queues: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.base = SpoiltStore()
        self.clock = JumpClock()
        self.config = config
        self.story: list[str] = []
        self.writes: list[int] = []  # of each step
        self.calm = False
        self._frozen: Worker | None = None
        self._outside: tuple[Client, FaultyStore] | None = None
        self.workers: list[Worker] = []
        self.deaths = self.troubles = 0
        self.registry = registry
        self.checked: set[int] = set()  # ended runs whose value was compared
        self._given = given
        self._performer = performer
        self._names = 0
        self._dice = Random(0)
        definitions = Definitions(self.base, registry)
        self.ledger = Ledger(
            self.base,
            lambda flow, hash_: definitions.current(flow, hash_).program,
            self.clock,
            config,
        )
        self.spoiling = Spoiling(self.base, self.ledger.gone)
        self.witness = Witness(self.ledger, registry.types, given, self.story, subjects)
        self.people = People(self.base, self.ledger, subjects, registry.flows, queues)
        self.operators = Operators(self.base, self.ledger, sorted(registry.flows))
        self._verbs = self._all_verbs()
        if queues:
            client, _ = self.outsider()
            for name, limits in queues.items():
                client.queues.declare(name, **limits)

    def _all_verbs(self) -> Mapping[str, Callable[[Step, Random], str]]:
        return {
            "turn": self._turn,
            "perform": self._perform,
            "tell": self._tell,
            "commit": self._commit,
            "start": self._start,
            "answer": self._answer,
            "early": self._early,
            "cancel": self._cancel,
            "jump": self._jump,
            "set_wall": self._set_wall,
            "stall": self._stall,
            "zombie": self._zombie,
            "kill": self._kill,
            "spawn": self._spawn,
            "retire": self._retire,
            **{verb: partial(self._operate, verb) for verb in {**OPERATING, **LIMITING}},
            **{verb: partial(self._operate, verb) for verb in SPOILING},
        }

    def take(self, step: Step) -> None:
        """Carry out one step; Untrue when a claim breaks in it."""
        self._dice = Random(step.salt)
        before = self.ledger.writes
        told = self._verbs[step.verb](step, self._dice)
        self.story.append(f"{step.verb}: {told}")
        self.writes.append(self.ledger.writes - before)
        self.witness.look()

    def earliest(self) -> int:
        """The earliest time that it is for anybody."""
        times = [worker.scheduler.clock.now() for worker in self.workers]
        return min([self.clock.wall(), *times])

    # --- processes

    def spawn(self, step: Step | None = None) -> Worker | None:
        """A new worker process; None when it died or was refused at its start."""
        self._names += 1
        store = FaultyStore(self.base, self.ledger)
        if step is not None:
            store.arm(step.fault, step.at)
        try:
            worker = Worker(
                self._names,
                store,
                self.ledger,
                self.clock,
                self.registry,
                self.config,
                performer=self._performer,
                witness=self.witness,
                holds=lambda: self._dice.random() < 0.5,  # noqa: PLR2004 - half of them
                meanwhile=self._meanwhile,
            )
            worker.open(self._given)
            store.disarm()
        except (Died, StoreError):
            self._count(store)
            return None
        self.workers.append(worker)
        return worker

    def bury(self, worker: Worker, *, seen: bool) -> None:
        """A process is gone; ``seen``: a kernel lock tells so at once."""
        worker.store.dead = True
        self.workers.remove(worker)
        self._count(worker.store)
        self.ledger.died(worker.id)
        if seen and worker.id not in self.ledger.gone:
            self.base.kill(worker.id)

    def _count(self, store: FaultyStore) -> None:
        self.deaths += store.deaths
        self.troubles += store.troubles
        store.deaths = store.troubles = 0

    def _within(self, worker: Worker, step: Step, do: Callable[[], str]) -> str:
        """Do something in a worker's process with the step's fault armed."""
        store = worker.store
        store.arm(step.fault, step.at)
        try:
            told = do()
            store.disarm()
        except Died:
            died = f"dies at {store.last}"
            self.bury(worker, seen=self._dice.random() < 0.5)  # noqa: PLR2004 - half of them
            return f"worker {worker.name} {died}"
        except Untrue:
            raise
        except Exception as error:
            raise Untrue("a worker has no faults of its own", f"{error!r}") from error
        fault = f", {step.fault} call {step.at}" if step.fault is not Fault.NONE else ""
        return f"worker {worker.name}{fault} {told}"

    def _pick(self, step: Step) -> Worker | None:
        """The worker that a step is for; the stalled ones aren't to be had."""
        able = []
        for worker in self.workers:
            worker.stalled = max(worker.stalled - 1, 0)
            if not worker.stalled:
                able.append(worker)
        return able[step.pick % len(able)] if able else None

    # --- steps

    def _turn(self, step: Step, dice: Random) -> str:
        self.clock.advance(dice.choice(LAPSES))
        if not self.workers:
            return self._spawn(step, dice)
        worker = self._pick(step)
        if worker is None:
            return "no worker"
        if dice.random() < 0.9:  # noqa: PLR2004 - a share of all draws
            self.ledger.beat(worker.id)

        whole = dice.random() < 0.8  # noqa: PLR2004 - a share of all draws

        def turn() -> str:
            if whole:
                worker.turn()
            else:  # it reads of one kind, and what happens then happens between its reads
                worker.scheduler.turn()
            return f"({worker.id})"

        return self._within(worker, step, turn)

    def _perform(self, step: Step, dice: Random) -> str:
        worker = self._pick(step)
        if worker is not None and worker.pool.settles(step.pick):  # it alone calls the store
            fault = dice.choice((Fault.NONE, *Fault))
            faulty = step._replace(fault=fault, at=-1)
            return self._within(worker, faulty, lambda: self._performed(worker, step, dice))
        return self._performed(worker, step, dice)

    def _performed(self, worker: Worker | None, step: Step, dice: Random) -> str:
        attempt = worker.pool.perform(step.pick) if worker is not None else None
        if worker is None or attempt is None:
            return "nothing"
        told = ""
        if dice.random() < 0.7:  # noqa: PLR2004 - a share of all draws
            worker.pool.tell(-1)
            told = ", told"
        return f"{attempt.op} of run {attempt.no} by worker {worker.name}{told}"

    def _tell(self, step: Step, dice: Random) -> str:
        worker = self._pick(step)
        attempt = worker.pool.tell(step.pick) if worker is not None else None
        return "nothing" if attempt is None else f"{attempt.op} of run {attempt.no}"

    def _commit(self, step: Step, dice: Random) -> str:
        worker = self._pick(step)
        if worker is None:
            return "no worker"
        return self._within(worker, step, lambda: "sends" if worker.flush() else "has nothing")

    def _start(self, step: Step, dice: Random) -> str:
        return self._ask(step, lambda client: self.people.start(client, step.pick, dice))

    def _answer(self, step: Step, dice: Random) -> str:
        return self._ask(step, lambda client: self.people.answer(client, step.pick, dice))

    def _early(self, step: Step, dice: Random) -> str:
        return self._ask(step, lambda client: self.people.answer_early(client, step.pick, dice))

    def _cancel(self, step: Step, dice: Random) -> str:
        return self._ask(step, lambda client: self.people.cancel(client, step.pick))

    def _operate(self, verb: str, step: Step, dice: Random) -> str:
        act = getattr(self.spoiling if verb in SPOILING else self.operators, verb)
        return self._ask(step, lambda client: str(act(client, step.pick, dice)))

    def _ask(self, step: Step, do: Callable[[Client], str]) -> str:
        """Have people call, through a worker's process or one that executes nothing."""
        worker = self._pick(step)
        if worker is not None and self._dice.random() < 0.6:  # noqa: PLR2004 - the more usual way
            client = worker.client
            return self._within(worker, step, lambda: do(client))
        client, store = self.outsider()
        store.arm(step.fault, step.at)
        try:
            told = do(client)
            store.disarm()
        except Died:
            self._count(store)
            self._outside = None
            return f"a client dies at {store.last}"
        self._count(store)
        return told

    def _meanwhile(self) -> None:
        """Between a worker's look at the store and its commit somebody else may write."""
        dice = self._dice
        if self._frozen is not None:
            self._while_frozen(self._frozen)
        if self.calm or dice.random() < 0.7:  # noqa: PLR2004 - mostly nobody does
            return
        client, _ = self.outsider()
        if dice.random() < 0.7:  # noqa: PLR2004 - answers are the more usual
            told = self.people.answer(client, dice.getrandbits(16), dice)
        else:
            told = self.people.cancel(client, dice.getrandbits(16))
        self.story.append(f"meanwhile: {told}")

    def outsider(self) -> tuple[Client, FaultyStore]:
        """A client in a process that executes nothing, and its way to the store."""
        if self._outside is None:
            store = FaultyStore(self.base, self.ledger)
            dice = Random(f"outside {len(self.story)}").randbytes
            clock = RunClock(self.clock, self.base.info().highest)
            client = Client(
                cast("Store", store), self.registry, self.config, clock, dice, durable=False
            )
            self._outside = client, store
        return self._outside

    def _jump(self, step: Step, dice: Random) -> str:
        by = dice.choice(JUMPS)
        dues = [row.due for row in self.base.runs(RunQuery(limit=1000)) if row.due is not None]
        ahead = dice.choice(dues) - self.earliest() if dues else 0
        if ahead > 0 and dice.random() < 0.6:  # noqa: PLR2004 - mostly to where something happens
            by = ahead
        self.clock.advance(by)
        return f"{by / SECOND} s"

    def _set_wall(self, step: Step, dice: Random) -> str:
        by = dice.choice((-2 * DAY, -60 * SECOND, 60 * SECOND, 2 * DAY))
        self.ledger.wall_was_set = True
        self.clock.jump_wall(by / SECOND)
        return f"by {by / SECOND} s"

    def _stall(self, step: Step, dice: Random) -> str:
        worker = self._pick(step)
        if worker is None:
            return "no worker"
        worker.stalled = dice.randrange(3, 25)
        return f"worker {worker.name} for {worker.stalled} steps"

    def _zombie(self, step: Step, dice: Random) -> str:
        """A worker stops with a batch in its hands, is taken for dead, and wakes up again."""
        worker = self._pick(step)
        if worker is None:
            return "no worker"

        def turn() -> str:
            self._frozen = worker
            worker.turn()
            worker.flush()
            return "stopped and woke up"

        told = self._within(worker, step, turn)
        self._frozen = None
        return told

    def _while_frozen(self, frozen: Worker) -> None:
        """Others live on while a worker stands still between its look and its commit."""
        self._frozen = None
        if len(self.workers) == 1:
            self.spawn()
        calm = Step("turn", 0, 0)
        for _ in range(4):
            for other in [worker for worker in self.workers if worker is not frozen]:
                self.ledger.beat(other.id)
                self._within(other, calm, partial(_turned, other))
            self.clock.advance(round(self.config.lease_s * SECOND) // 2)

    def _kill(self, step: Step, dice: Random) -> str:
        worker = self._pick(step)
        if worker is None:
            return "no worker"
        self.deaths += 1
        self.bury(worker, seen=dice.random() < 0.5)  # noqa: PLR2004 - half of them
        return f"worker {worker.name}"

    def _spawn(self, step: Step, dice: Random) -> str:
        if len(self.workers) >= MOST_WORKERS:
            return "there are enough workers"
        worker = self.spawn(step)
        return "it dies at once" if worker is None else f"worker {worker.name} ({worker.id})"

    def _retire(self, step: Step, dice: Random) -> str:
        worker = self._pick(step)
        if worker is None or len(self.workers) == 1:
            return "no worker"

        def retire() -> str:
            worker.scheduler.adoption.drain()
            worker.turn()
            worker.flush()
            try:
                worker.scheduler.store.retire(worker.id)
            except StoreError:
                return "goes without being retired"
            return "retires"

        told = self._within(worker, step, retire)
        if worker in self.workers:
            self.bury(worker, seen=False)
        return told


def _turned(worker: Worker) -> str:
    worker.turn()
    return "turns"
