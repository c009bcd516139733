"""Schedules of two or three instances from one seed, each claim at every step, and then the peace.

After its steps a schedule heals: everybody is up, the network carries, nobody refuses. Then the run
must come to rest with one owner whom all others lead to, and get on there. Whatever breaks a claim
is told with its seed and shrinks to the steps that are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from everflow.federation.protocol.standing import Replication, Role
from everflow.federation.protocol.time import SECOND
from everflow.federation.protocol.turns import (
    Begin,
    CallBack,
    EndLease,
    Forget,
    HandOff,
    LeaseTo,
    Order,
    Replicate,
    Ship,
    TakeOver,
)
from everflow.testing.federation.plan import THEMES, draw
from everflow.testing.federation.world import Instance, World
from everflow.testing.simulator.plan import Step
from everflow.testing.simulator.shrink import shrunk
from everflow.testing.simulator.untrue import Untrue, claim

__all__ = ["Report", "Simulation"]

_NAMES = ("a", "b", "c")
_PEACE = 3_000  # events within which everything is at rest
_WHEN: tuple[Literal["manual", "suspension", "commit"], ...] = ("manual", "suspension", "commit")
_SPANS = (5 * SECOND, 20 * SECOND)


@dataclass
class Report:
    """What became of one schedule; ``untrue`` is the first claim that broke."""

    seed: int
    plan: list[Step]
    deaths: int
    takeovers: int
    forced: bool
    changes: set[tuple[Role, str, Role]] = field(default_factory=set)
    untrue: Untrue | None = None

    def story(self) -> str:
        """The claim, the seed and the steps, for people."""
        steps = [f"{step.verb} {step.fault}".strip() for step in self.plan]
        return f"seed {self.seed}: {self.untrue}\n  " + "\n  ".join(steps)


@dataclass
class Simulation:
    """How schedules are drawn: so many steps at most, that share of acts with a fault.

    ``more``: verbs that are drawn beside a theme's, such as "forget", with their weights.
    ``world``: of what they are told; ``hosted.HostedWorld`` has real hosts and stores.
    """

    length: int = 90
    faults: float = 0.12
    world: type[World] = World
    more: Mapping[str, float] = field(default_factory=dict)

    def run(self, seed: int) -> Report:
        """One schedule: two instances or three, with or without an operator who forces."""
        dice = Random(seed)
        verbs = {**dice.choices(THEMES, (3, 4, 2, 1))[0], **self.more}
        plan = draw(dice, dice.randint(5, self.length), faults=self.faults, verbs=verbs)
        return self.replay(seed, plan)

    def replay(self, seed: int, plan: list[Step]) -> Report:
        """The same world with that plan, which may be any part of its own."""
        dice = Random(seed)
        names = _NAMES[: 2 + dice.getrandbits(1)]
        world = self.world(dice, names)
        report = Report(seed, plan, 0, 0, forced=False)
        try:
            first = world.instances[names[0]]
            world.tell(first, Begin())
            world.commit(first)
            for step in plan:
                _STEPS[step.verb](world, step)
                world.ledger.owners(world.owners())
            _peace(world)
        except Untrue as untrue:
            report.untrue = untrue
        report.deaths, report.takeovers = world.deaths, world.ledger.takeovers
        report.forced, report.changes = world.ledger.forced, world.changes
        return report

    def shrink(self, report: Report) -> Report:
        """The shortest part of a plan found that breaks the same claim."""
        if report.untrue is None:
            return report
        sentence = report.untrue.sentence

        def breaks(plan: list[Step]) -> bool:
            untrue = self.replay(report.seed, plan).untrue
            return untrue is not None and untrue.sentence == sentence

        return self.replay(report.seed, shrunk(report.plan, breaks))


def _one(world: World, step: Step) -> Instance:
    return world.instances[world.names[step.pick % len(world.names)]]


def _other(world: World, step: Step, one: Instance) -> str:
    others = [name for name in world.names if name != one.name]
    return others[step.salt % len(others)]


def _deliver(world: World, step: Step) -> None:
    if world.mail:
        mail = world.mail.pop(step.pick % min(len(world.mail), 1 + step.salt % 4))
        world.hear(mail, step.fault, step.salt)


def _double(world: World, step: Step) -> None:
    if world.mail:
        mail = world.mail[step.pick % len(world.mail)]
        if mail.source != mail.target:
            world.mail.append(replace(mail))
        world.hear(mail, step.fault, step.salt)


def _lose(world: World, step: Step) -> None:
    if world.mail:
        del world.mail[step.pick % len(world.mail)]


def _tick(world: World, step: Step) -> None:
    asking = [one for one in world.instances.values() if one.up and one.wake is not None]
    if asking:
        asking.sort(key=world.due)
        rank = step.pick % len(asking) if step.salt % 4 == 0 else 0
        world.tick(asking[rank], step.fault, step.salt)


def _wait(world: World, step: Step) -> None:
    world.wait((step.salt % 12) * SECOND)


def _running(world: World, step: Step) -> Instance:
    """Mostly the one where the run is, so that schedules get somewhere."""
    owners = world.owners()
    if owners and step.salt % 8:
        return world.instances[owners[step.pick % len(owners)]]
    return _one(world, step)


def _commit(world: World, step: Step) -> None:
    world.commit(_running(world, step), rests=step.salt % 3 == 0)


def _accept(world: World, step: Step) -> None:
    world.accept(_running(world, step))


def _late_commit(world: World, step: Step) -> None:
    world.commit(_one(world, step), late=True)


def _order(make: Callable[[World, Step, Instance], Order]) -> Callable[[World, Step], None]:
    def order(world: World, step: Step) -> None:
        one = _running(world, step)
        world.tell(one, make(world, step, one), fault=step.fault, salt=step.salt)

    return order


def _replication(world: World, step: Step, one: Instance) -> Order:
    to = _other(world, step, one)
    return Replicate(Replication(to=to, when=_WHEN[step.salt % len(_WHEN)]))


def _force(world: World, step: Step) -> None:
    world.tell(_one(world, step), TakeOver(), fault=step.fault, salt=step.salt)


def _forget(world: World, step: Step) -> None:
    world.tell(_one(world, step), Forget(), fault=step.fault, salt=step.salt)


def _call_back(world: World, step: Step) -> None:
    giving = [
        one
        for one in world.instances.values()
        if one.shelf.standing.role in {Role.FENCED, Role.OFFERING}
    ]
    if giving:
        world.tell(giving[step.pick % len(giving)], CallBack(), fault=step.fault)


def _die(world: World, step: Step) -> None:
    one = _one(world, step)
    if one.up:
        world.die(one)


def _boot(world: World, step: Step) -> None:
    one = _one(world, step)
    if not one.up:
        world.boot(one, machine=step.salt % 2 == 0)


def _bounce(world: World, step: Step) -> None:
    """A restart that takes no time."""
    one = _one(world, step)
    if one.up:
        world.die(one)
        world.boot(one, machine=step.salt % 2 == 0)


def _cut(world: World, step: Step) -> None:
    one = _one(world, step)
    world.cuts.add(frozenset((one.name, _other(world, step, one))))


def _mend(world: World, _step: Step) -> None:
    world.cuts.clear()


def _refuse(world: World, step: Step) -> None:
    one = _one(world, step)
    one.willing = not one.willing


def _set_wall(world: World, step: Step) -> None:
    _one(world, step).wall += (step.salt % 121 - 60) * SECOND


_STEPS: Mapping[str, Callable[[World, Step], None]] = {
    "deliver": _deliver,
    "double": _double,
    "lose": _lose,
    "tick": _tick,
    "wait": _wait,
    "commit": _commit,
    "accept": _accept,
    "late_commit": _late_commit,
    "ship": _order(lambda _world, _step, _one: Ship()),
    "replicate": _order(_replication),
    "lease": _order(
        lambda world, step, one: LeaseTo(_other(world, step, one), _SPANS[step.salt % 2])
    ),
    "end_lease": _order(lambda _world, _step, _one: EndLease()),
    "hand_off": _order(lambda world, step, one: HandOff(_other(world, step, one))),
    "call_back": _call_back,
    "force": _force,
    "forget": _forget,
    "die": _die,
    "boot": _boot,
    "bounce": _bounce,
    "cut": _cut,
    "mend": _mend,
    "refuse": _refuse,
    "set_wall": _set_wall,
}


def _peace(world: World) -> None:
    """Heal, come to rest, and get on."""
    world.cuts.clear()
    for one in world.instances.values():
        one.willing = True
        if not one.up:
            world.boot(one, machine=False)
    winner = _rest(world, lambda: _settled(world))
    world.ledger.at_the_end(winner.shelf, [one.shelf for one in world.instances.values()])
    claim(world.commit(winner), "the owner gets on", winner.shelf.standing)
    _rest(world, lambda: None if winner.unsaid else _settled(world))


def _rest(world: World, found: Callable[[], Instance | None]) -> Instance:
    for _ in range(_PEACE):
        if world.mail:
            world.hear(world.mail.pop(0))
        else:
            winner = found()
            if winner is not None:
                return winner
            asking = [one for one in world.instances.values() if one.wake is not None]
            claim(bool(asking), "somebody has something left to say", _standings(world))
            world.tick(min(asking, key=world.due))
        world.ledger.owners(world.owners())
    claim(holds=False, sentence="everything comes to rest", where=_standings(world))
    raise AssertionError


def _settled(world: World) -> Instance | None:
    """The owner, when there is nothing left to say but that a lease goes on."""
    standings = {one.name: one.shelf.standing for one in world.instances.values()}
    owners = [one for one in world.instances.values() if one.shelf.standing.role is Role.OWNER]
    if len(owners) != 1 or not world.runs(owners[0]):
        return None
    for standing in standings.values():
        lease = standing.lease
        if standing.untold or (lease is not None and lease.ending):
            return None
        if standing.role in {Role.FENCED, Role.OFFERING}:
            return None
    winner = owners[0]
    lease = winner.shelf.standing.lease
    if any(one.grant and (lease is None or lease.to != name) for name, one in standings.items()):
        return None
    if any(not _leads(world, one, winner) for one in world.instances.values()):
        return None
    session = world.session(winner)
    unshipped = session.memory.again is not None and session.standing.lease is None
    return None if unshipped else winner


def _leads(world: World, one: Instance, winner: Instance) -> bool:
    """Whether one finds the owner by asking whom each names: those who owned the run must."""
    for _ in world.names:
        if one is winner or one.shelf.standing.role in {Role.NONE, Role.REPLICA}:
            return True
        one = world.instances[one.shelf.standing.epoch.owner]
    return one is winner


def _standings(world: World) -> list[object]:
    return [(one.name, one.shelf.standing, one.memory) for one in world.instances.values()]
