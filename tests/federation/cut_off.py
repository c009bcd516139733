"""Two instances on clocks and a network that a test moves by hand: an owner, and its lessee.

All is drawn from a seed. What is claimed is looked at whenever the owner does something.
"""

from __future__ import annotations

from random import Random
from typing import Any

from everflow import Registry, flow, suspend
from everflow.core.entries import decode_body
from everflow.errors import EverflowError, RunHandedOff
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.lending import Lending
from everflow.federation.carrying.setting import Instance
from everflow.federation.carrying.watch import Watch
from everflow.federation.protocol.messages import Message
from everflow.federation.protocol.standing import Role, Settings
from everflow.federation.protocol.turns import LeaseTo
from everflow.store import Answer, RunRow
from everflow.stores.memory import MemoryStore
from everflow.testing.clock import JumpClock
from tests.engine.leased import SECOND, Worker
from tests.engine.support import step

SPAN = 10 * SECOND
DRIFT = 10_000
SETTINGS = Settings(first_retry=SECOND // 2, longest_retry=2 * SECOND, drift=DRIFT)
TAGS = ("a", "b", "c", "d", "e", "f", "g", "h")


class Untrue(AssertionError):
    """A claim broke."""


class _NoPolicies(Watch):
    """Nothing follows a policy."""

    def __init__(self) -> None:
        self._leased = frozenset()


class Side:
    """One instance: its store, clock, worker and host."""

    def __init__(self, name: str, rate: int, around: CutOff) -> None:
        self.name, self.rate, self.around = name, rate, around
        self.store = MemoryStore()
        self.clock = JumpClock()
        self.registry = Registry()
        body: Any = suspend(TAGS[0])
        for n, tag in enumerate(TAGS[1:]):
            at = {"name": f"work{n}", "inline": n % 2 == 0}
            body = body >> step(self._works, **at) >> suspend(tag)
        flow("f", body, registry=self.registry)
        self.worker: Worker
        self.host: Host
        self.boot()

    def boot(self) -> None:
        """A process of its own, on the store that is there."""
        self.worker = worker = Worker(self.store, self.registry, self.clock)
        instance = Instance(lambda: self.name, str, f"boot of {self.name}", SETTINGS)
        self.host = host = Host(worker.client, self.clock, instance, self)
        leasing = worker.scheduler.adoption.leasing
        host.leases.tell = lambda run: worker.scheduler.post(leasing.follow, run)
        lending = Lending(host, _NoPolicies(), self.store, self.clock)
        worker.scheduler.leases.tenures = lending
        worker.before, worker.after = self._about_to_write, self._wrote
        self._entries = 0

    def put(self, peer: str, run: str, message: Message) -> None:
        self.around.mail.append((self.name, peer, run, message))

    def carries(self, run: str) -> bool:
        del run
        return False

    def _works(self, x: int) -> int:
        self.around.acts(self, "ran a node")
        return x

    def _about_to_write(self) -> None:
        self.around.stall(self)
        self._entries = self.entries

    def _wrote(self) -> None:
        if self.entries != self._entries:
            self.around.acts(self, "wrote an entry")

    @property
    def row(self) -> RunRow | None:
        return self.store.find(self.around.run)

    @property
    def entries(self) -> int:
        row = self.row
        return 0 if row is None else len(self.store.journal(row.no, limit=10_000))

    @property
    def role(self) -> Role:
        (tenure,) = self.store.tenures([self.around.run])
        return self.host.session(tenure).standing.role

    def go_on(self) -> None:
        """Whatever there is to do, once."""
        self.host.tick()
        self.worker.turns(3)
        for attempt in self.worker.begun:
            self.around.acts(self, f"began {attempt.callee.name}")
        self.worker.perform()
        self.worker.turns(2)
        self.host.grew([self.around.run])

    def answer(self, value: int) -> str | None:
        """Answer the question that is open; its key, if there is one."""
        asked = self.worker.client.questions(self.around.run) if self.row else []
        if not asked:
            return None
        key = f"{self.name}{value}"
        client = self.worker.client
        try:
            client.accept(
                Answer(
                    no=asked[0].no,
                    tag=asked[0].tag,
                    occurrence=asked[0].occurrence,
                    payload=str(value),
                    key=key,
                    at=1,
                    by="",
                )
            )
        except EverflowError:
            return None
        return key

    def taken(self) -> set[int]:
        """The answers that were accepted: in the journal, or in the inbox."""
        row = self.row
        assert row is not None
        bodies = [decode_body(body) for _, _, body, _ in self.store.journal(row.no, limit=10_000)]
        waiting = self.store.load([row.no])[0].arrivals
        found = [entry.payload for entry in bodies if entry.kind == "answer"]
        found += [getattr(arrival.message, "payload", "0") for arrival in waiting]
        return {int(payload) for payload in found}


class CutOff:
    """``west`` owns a run that is leased from ``east``, and at some time they are cut off."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.mail: list[tuple[str, str, str, Message]] = []
        self.run = ""
        self.is_cut = False
        self.stalls = 0
        slow, fast = 1_000_000 - DRIFT, 1_000_000 + DRIFT
        self.west = Side("west", self.dice.choice((slow, fast)), self)
        self.east = Side("east", self.dice.choice((slow, fast)), self)
        self.told: set[int] = set()  # answers of which somebody was told that they count
        self.waiting: set[int] = set()

    # --- what is claimed

    def acts(self, side: Side, what: str) -> None:
        """An instance does something for the run: it owns it, and nobody else does."""
        if side is self.west and self.east.role is Role.OWNER:
            raise Untrue(f"west {what} when the run was east's")

    def tell(self) -> None:
        """Tell those who wait for a word at west what may be told."""
        for value in sorted(self.waiting):
            tenures = self.west.worker.scheduler.leases.tenures
            assert tenures is not None
            try:
                known = tenures.safe(self.run, 0)
            except RunHandedOff:
                self.waiting.discard(value)
                continue
            if known:
                self.told.add(value)
                self.waiting.discard(value)

    # --- what happens

    def pass_by(self, micros: int) -> None:
        """Time passes at both, on their own clocks."""
        for side in (self.west, self.east):
            side.clock.advance(micros * side.rate // 1_000_000)

    def stall(self, side: Side) -> None:
        """A process is held up right before it writes, and the other one isn't."""
        if side is self.west and self.stalls and self.dice.random() < 0.5:
            self.stalls -= 1
            self.pass_by(SPAN)
            self.is_cut = True
            self.east.host.tick()

    def deliver(self) -> None:
        """What is on its way arrives, or doesn't."""
        mail, self.mail = self.mail, []
        for source, to, run, message in mail:
            if self.is_cut or self.dice.random() < 0.2:
                continue
            target = self.east if to == "east" else self.west
            (tenure,) = target.host.read([run])
            target.host.heard(tenure, source, message, willing=True)

    def play(self, steps: int = 60) -> None:
        """One story: it goes well for a time, then not, and at the end both hear each other."""
        self.run = self.west.worker.client.start("f", 0).id
        self.west.host.order(self.run, LeaseTo("east", SPAN))
        cut_at = self.dice.randrange(steps // 3, steps)
        for n in range(steps):
            self.stalls = n == cut_at
            self.is_cut = self.is_cut or n > cut_at
            self._once(n)
        for n in range(30):
            self._once(steps + n)
        if self.east.role is Role.OWNER:
            self._heal()
        elif self.west.row is None or self.west.row.status != "done":
            raise Untrue("the lessee took the run over")

    def _once(self, n: int) -> None:
        self.pass_by(self.dice.randrange(SECOND))
        for side in (self.west, self.east):
            side.go_on()
        if self.dice.random() < 0.12 and self.west.answer(n + 1):
            self.waiting.add(n + 1)
        self.deliver()
        self.tell()

    def _heal(self) -> None:
        self.is_cut = False
        for _ in range(30):
            self._once(10_000)
        if self.west.role is not Role.HANDED_OFF:
            raise Untrue("who owned the run hears of its owner")
        lost = self.told - self.east.taken()
        if lost:
            raise Untrue(f"what was acknowledged is there: {lost}")
        before = len(self.east.taken())
        self.east.answer(20_000)
        for _ in range(3):
            self.east.go_on()
        row = self.east.row
        if row is None or (row.status != "done" and len(self.east.taken()) == before):
            raise Untrue("the run goes on where it is")
