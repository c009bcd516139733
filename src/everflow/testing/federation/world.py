"""The simulated world: instances with stores that survive them, clocks that drift, a bad network.

An instance that died lost its memory and what was on its way to itself, never its store. A boot
clock starts at 0 with each life, runs up to ``DRIFT`` too fast or too slow, and never jumps; wall
clocks jump, and nobody should mind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from everflow.federation.protocol import session as sessions
from everflow.federation.protocol.lineage import Epoch, Extent
from everflow.federation.protocol.messages import Cut, Held, Message
from everflow.federation.protocol.standing import Memory, Role, Settings
from everflow.federation.protocol.time import MILLION, Moment
from everflow.federation.protocol.trust import Doubt, doubt, question
from everflow.federation.protocol.turns import (
    Event,
    Grew,
    Heard,
    Session,
    TakeOver,
    Tick,
    Turn,
    Write,
)
from everflow.testing.federation.ledger import Ledger
from everflow.testing.federation.shelf import Entry, Shelf
from everflow.testing.simulator.plan import Fault
from everflow.testing.simulator.untrue import claim

__all__ = ["DRIFT", "Instance", "Mail", "World"]

DRIFT = 10_000  # millionths
_SETTINGS = Settings(drift=DRIFT)
_UNWILLING = Settings(drift=DRIFT, willing=False)


@dataclass
class Instance:
    """A process that may die, and its store that doesn't."""

    name: str
    rate: int
    shelf: Shelf = field(default_factory=Shelf)
    memory: Memory = field(default_factory=Memory)
    up: bool = True
    willing: bool = True
    life: int = 0
    born: int = 0
    wall: int = 0
    wake: int | None = None
    unsaid: list[tuple[Epoch, Extent, int | None]] = field(default_factory=list)


@dataclass
class Mail:
    """Something on its way; what a store read is on its way to its own instance."""

    source: str
    target: str
    content: Message | Cut


class World:
    """Some instances with one run."""

    def __init__(self, dice: Random, names: tuple[str, ...]) -> None:
        rates = [MILLION + dice.choice((-DRIFT, 0, DRIFT)) for _ in names]
        self.instances = {
            name: Instance(name, rate) for name, rate in zip(names, rates, strict=True)
        }
        self.names = names
        self.ledger = Ledger()
        self.mail: list[Mail] = []
        self.cuts: set[frozenset[str]] = set()
        self.time = 0
        self.last = 0
        self.deaths = 0
        self.changes: set[tuple[Role, str, Role]] = set()

    def moment(self, one: Instance) -> Moment:
        """What its boot clock says."""
        at = (self.time - one.born) * one.rate // MILLION
        return Moment(f"{one.name}{one.life}", at)

    def session(self, one: Instance) -> Session:
        """The session as the instance would load it."""
        return Session(
            me=one.name,
            settings=_SETTINGS if one.willing else _UNWILLING,
            standing=one.shelf.standing,
            have=one.shelf.have,
            memory=one.memory,
        )

    def tell(
        self, one: Instance, event: Event, *, fault: Fault = Fault.NONE, salt: int = 0
    ) -> Turn | None:
        """Carry out one turn of an instance, or as much of it as the fault lets through."""
        if not one.up:
            return None
        turn = sessions.tell(self.session(one), event, self.moment(one))
        if isinstance(turn.act, Write) and not self._written(one, turn.act, event, fault):
            return None
        messages = turn.messages
        dies = isinstance(turn.act, Write) and fault is Fault.DIE_AFTER
        if dies:
            messages = messages[: salt % (len(messages) + 1)]
        for target, message in messages:
            if isinstance(message, Held):
                true = one.shelf.have.covers(message.have)
                claim(true, "a replica says only what it has", (one.name, message))
            if frozenset((one.name, target)) not in self.cuts:
                self.mail.append(Mail(one.name, target, message))
        if dies:
            self.die(one)
            return turn
        one.memory, one.wake = turn.session.memory, turn.wake
        if turn.act is not None and not isinstance(turn.act, Write):
            self.mail.append(Mail(one.name, one.name, one.shelf.read(turn.act)))
        self.acknowledge(one)
        return turn

    def _written(self, one: Instance, act: Write, event: Event, fault: Fault) -> bool:
        """Whether the transaction is known to be done."""
        if fault is Fault.DIE_BEFORE:
            self.die(one)
        if fault in {Fault.DIE_BEFORE, Fault.FAIL}:
            return False
        old = one.shelf.standing
        one.shelf.write((old, one.shelf.have), act)
        forced = isinstance(event, TakeOver)
        self.ledger.wrote(one.name, old, one.shelf, forced=forced)
        new = one.shelf.standing
        if (old.role, old.epoch) != (new.role, new.epoch):
            said = event.message if isinstance(event, Heard) else event
            self.changes.add((old.role, type(said).__name__, new.role))
        if fault is Fault.LIE:
            self.load(one)
        return fault is not Fault.LIE

    def load(self, one: Instance) -> None:
        """Forget what may be forgotten, and look at what stands."""
        one.memory = Memory()
        self.tell(one, Grew(rests=True))

    def hear(self, mail: Mail, fault: Fault = Fault.NONE, salt: int = 0) -> None:
        """Something arrives."""
        one = self.instances[mail.target]
        if isinstance(mail.content, Cut):
            self.tell(one, mail.content, fault=fault, salt=salt)
        elif self._believes(one, mail.source, mail.content):
            self.tell(one, Heard(mail.source, mail.content), fault=fault, salt=salt)

    def _believes(self, one: Instance, sender: str, message: Message) -> bool:
        """Whether that word counts there; where it is a stranger's, the owner is asked."""
        why = doubt(one.shelf.standing, one.shelf.named, sender, message)
        claim(why is not Doubt.FORGED, "what is said is true to itself", (sender, message))
        asked = question(self.session(one)) if why is not None and one.up else None
        if asked is not None and frozenset((one.name, asked[0])) not in self.cuts:
            self.mail.append(Mail(one.name, *asked))
        return why is None

    def die(self, one: Instance) -> None:
        """The process is gone; its unacknowledged callers never hear."""
        one.up = False
        one.unsaid.clear()
        one.memory, one.wake = Memory(), None
        self.mail = [
            mail for mail in self.mail if mail.source != mail.target or mail.target != one.name
        ]
        self.deaths += 1

    def boot(self, one: Instance, *, machine: bool) -> None:
        """The process is there again, perhaps after the machine booted."""
        if machine:
            one.life += 1
            one.born = self.time
        one.up = True
        self.load(one)

    def runs(self, one: Instance) -> bool:
        """Whether the instance would run the run now."""
        return one.up and sessions.runs_until(self.session(one), self.moment(one)) is not None

    def owners(self) -> list[str]:
        """Those who own the run now: a dead one does, unless a lease ran out for it."""
        return [
            one.name
            for one in self.instances.values()
            if one.shelf.lives and (one.shelf.standing.lease is None or self.runs(one))
        ]

    def commit(self, one: Instance, *, late: bool = False, rests: bool = False) -> bool:
        """The engine writes an entry, if it may; a late one was begun when it might."""
        if not one.up or not one.shelf.lives or not (late or self.runs(one)):
            return False
        self.last += 1
        epoch = one.shelf.standing.epoch
        entry = Entry(epoch, self.last)
        if not one.shelf.commit(entry, rests=rests):
            return False
        self.ledger.committed(epoch, entry)
        one.unsaid.append((epoch, one.shelf.have, None))
        self.tell(one, Grew(rests=rests))
        return True

    def accept(self, one: Instance) -> bool:
        """A message comes into the inbox, if the run is here; whoever sent it waits for a word."""
        if not self.runs(one):
            return False
        self.last += 1
        epoch = one.shelf.standing.epoch
        if not one.shelf.accept(self.last):
            return False
        self.ledger.accepted(epoch, self.last)
        one.unsaid.append((epoch, one.shelf.have, self.last))
        self.tell(one, Grew(rests=False))
        return True

    def acknowledge(self, one: Instance) -> None:
        """Tell the callers what they may be told."""
        if not one.unsaid:
            return
        session = self.session(one)
        left = []
        for epoch, extent, message in one.unsaid:
            if epoch != one.shelf.standing.epoch or not one.shelf.lives:
                continue
            if sessions.acknowledges(session, extent):
                said = () if message is None else (message,)
                self.ledger.acknowledged(epoch, extent.seq, said)
            else:
                left.append((epoch, extent, message))
        one.unsaid = left

    def wait(self, span: int) -> None:
        """Time passes for everybody."""
        self.time += span

    def tick(self, one: Instance, fault: Fault = Fault.NONE, salt: int = 0) -> None:
        """The time that an instance asked for comes, if it asked for any."""
        if one.wake is None or not one.up:
            return
        self.time = max(self.time, self.due(one))
        self.tell(one, _TICK, fault=fault, salt=salt)

    def due(self, one: Instance) -> int:
        """The real time at which its clock says what it asked for."""
        wake = one.wake or 0
        return one.born + -(-wake * MILLION // one.rate)


_TICK = Tick()
