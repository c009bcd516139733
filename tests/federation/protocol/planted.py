"""Planted mistakes of the protocol and of those who carry it out: each must break a claim."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from everflow.federation.protocol import changes, giving, orders, receiving, session
from everflow.federation.protocol.lineage import Epoch, Extent, Lineage
from everflow.federation.protocol.messages import Ask, Declined, Handover
from everflow.federation.protocol.standing import OWNING, Role
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import (
    CallBack,
    EndLease,
    HandOff,
    Session,
    Turn,
    Write,
)
from everflow.testing.federation import shelf, world

__all__ = ["BUGS", "WITHIN", "Bug"]

WITHIN = 6000

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """A mistake, found by one of the first ``WITHIN`` seeds; ``seed`` is tried before them."""

    name: str
    plant: Plant
    seed: int


BUGS: list[Bug] = []


def bug(seed: int = 0) -> Callable[[Plant], Plant]:
    """Enter a mistake into the list; its docstring says what is wrong."""

    def enter(plant: Plant) -> Plant:
        BUGS.append(Bug(plant.__name__, plant, seed))
        return plant

    return enter


@bug()
def skips_the_fence(patch: pytest.MonkeyPatch) -> None:
    """A fenced instance goes on."""
    alive = OWNING | {Role.FENCED}
    patch.setattr(shelf, "OWNING", alive)
    patch.setattr(session, "OWNING", alive)


@bug()
def acknowledges_before_it_is_stored(patch: pytest.MonkeyPatch) -> None:
    """A replica says that it has what it hasn't written."""
    wrote = changes.wrote

    def said(one: Session, standing: Any, *messages: Any, **rest: Any) -> Turn:
        if standing.role not in OWNING and "cut" in rest:
            return Turn(session=one, messages=tuple(messages))
        return wrote(one, standing, *messages, **rest)

    patch.setattr(receiving, "wrote", said)


@bug(1859)
def leases_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A clock that people set says when a lease ends."""

    def wall(self: world.World, one: world.Instance) -> Moment:
        return Moment("wall", self.time + one.wall)

    def due(self: world.World, one: world.Instance) -> int:
        return (one.wake or 0) - one.wall

    patch.setattr(world.World, "moment", wall)
    patch.setattr(world.World, "due", due)


@bug()
def forgets_to_raise_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """The next owner owns under the same number."""

    def same(standing: Any, owner: str) -> Epoch:
        return Epoch(max(standing.epoch.number, 1), owner)

    for module in (giving, orders, receiving):
        patch.setattr(module, "successor", same)


@bug(152)
def merges_the_stale_branch(patch: pytest.MonkeyPatch) -> None:
    """What lies beyond the new owner's base stays in the journal."""
    patch.setattr(shelf.Shelf, "_set_aside", lambda self, kept: None)


@bug(152)
def drops_the_stale_branch(patch: pytest.MonkeyPatch) -> None:
    """What lies beyond the new owner's base is deleted."""

    def drop(self: shelf.Shelf, kept: Extent) -> None:
        del self.entries[kept.seq :]
        self.rev = kept.rev

    patch.setattr(shelf.Shelf, "_set_aside", drop)


@bug(104)
def hands_over_what_was_read_before_the_fence(patch: pytest.MonkeyPatch) -> None:
    """A cut that is older than the fence ends the history."""
    cut = giving.cut

    def older(one: Session, event: Any, now: Moment) -> Turn:
        return cut(replace(one, have=event.upto), event, now)

    patch.setattr(giving, "cut", older)


@bug(127)
def declines_in_words_only(patch: pytest.MonkeyPatch) -> None:
    """A peer that declined adopts after all."""

    def spoken(one: Session, sender: str, message: Any) -> Turn:
        return Turn(session=one, messages=((sender, Declined(next=message.next)),))

    patch.setattr(receiving, "_decline", spoken)


@bug(278)
def takes_the_run_back_unasked(patch: pytest.MonkeyPatch) -> None:
    """A fenced instance owns again without hearing that the peer doesn't."""

    def back(one: Session, _order: Any, _now: Moment) -> Turn:
        standing = replace(one.standing, role=Role.OWNER)
        return changes.wrote(one, standing)

    patch.setitem(orders.ORDERS, CallBack, back)


@bug(423)
def trusts_clocks_to_run_alike(patch: pytest.MonkeyPatch) -> None:
    """The owner counts on the whole span."""
    patch.setattr(giving, "surely_within", lambda span, _drift: span)


@bug(122)
def counts_the_lease_from_its_grant(patch: pytest.MonkeyPatch) -> None:
    """The span begins when the grant arrives."""
    until = giving._until

    def late(one: Session, granted: Ask, lease: Any, now: Moment) -> Moment | None:
        return until(one, replace(granted, at=now), lease, now)

    patch.setattr(giving, "_until", late)


@bug(1392)
def takes_a_lease_for_over_after_a_boot(patch: pytest.MonkeyPatch) -> None:
    """A lessee that booted forgets that its grant still runs."""

    def ends(since: Moment, span: int, now: Moment) -> int:
        return since.at + span if since.life == now.life else 0

    patch.setattr(session, "ends", ends)


@bug(71)
def ends_a_lease_alone(patch: pytest.MonkeyPatch) -> None:
    """The owner goes on before the lessee said that it won't take the run."""

    def end(one: Session, _order: Any, _now: Moment) -> Turn:
        return changes.wrote(one, replace(one.standing, lease=None))

    patch.setitem(orders.ORDERS, EndLease, end)


@bug(71)
def grants_a_lease_that_was_ended(patch: pytest.MonkeyPatch) -> None:
    """A late message begins an old lease anew."""
    patch.setattr(receiving, "_may_grant", lambda standing, message: message.ask is not None)


@bug(4522)
def asks_for_a_lease_with_less_than_it_acknowledged(patch: pytest.MonkeyPatch) -> None:
    """What was acknowledged before the lease began isn't shipped first."""
    ask = giving._ask

    def early(lease: Any, shipped: Extent, now: Moment) -> Ask | None:
        return ask(lease and replace(lease, least=Extent()), shipped, now)

    patch.setattr(giving, "_ask", early)


@bug(368)
def acknowledges_what_the_lessee_lacks(patch: pytest.MonkeyPatch) -> None:
    """Under a lease, a commit of its own is enough."""
    patch.setattr(session, "acknowledges", lambda one, extent: True)


@bug(385)
def tells_nobody_of_a_takeover(patch: pytest.MonkeyPatch) -> None:
    """The old owner never hears."""

    def nobody(_one: Session, _lineage: Lineage, _known: Any) -> tuple[str, ...]:
        return ()

    patch.setattr(changes, "_untold", nobody)


@bug(882)
def adopts_what_it_gave_away(patch: pytest.MonkeyPatch) -> None:
    """A handover that comes again is adopted again."""
    adopted = receiving.adopted

    def again(one: Session, sender: str, message: Any, now: Moment) -> Turn:
        low = replace(one.standing, epoch=Epoch(0, ""))
        return adopted(replace(one, standing=low), sender, message, now)

    patch.setitem(session.HEARING, Handover, again)


@bug(2161)
def hands_off_past_the_lessee(patch: pytest.MonkeyPatch) -> None:
    """A leased run goes to a third one while the lessee may take it."""

    def any_peer(one: Session, order: Any, _now: Moment) -> Turn:
        if one.standing.role is not Role.OWNER or order.to == one.me:
            return changes.nothing(one)
        return changes.wrote(one, replace(one.standing, role=Role.OFFERING, to=order.to))

    patch.setitem(orders.ORDERS, HandOff, any_peer)


@bug()
def says_everything_once(patch: pytest.MonkeyPatch) -> None:
    """What was lost is never said again."""
    scheduled = session._scheduled

    def once(one: Session, now: Moment) -> Session:
        after = scheduled(one, now)
        tired = after.memory.tries > 0
        return replace(after, memory=replace(after.memory, again=None)) if tired else after

    patch.setattr(session, "_scheduled", once)


@bug()
def adopts_with_a_gap(patch: pytest.MonkeyPatch) -> None:
    """Entries that are missing in between aren't asked for."""

    def gap(self: shelf.Shelf, cut: Any) -> None:
        self.entries.extend(cut.entries)
        self.side, self.rev = cut.side, cut.upto.rev

    patch.setattr(shelf.Shelf, "_add", gap)


@bug(97)
def speaks_before_it_writes(patch: pytest.MonkeyPatch) -> None:
    """The messages of a turn go out though its act failed."""
    written = world.World._written

    def hasty(self: world.World, one: world.Instance, act: Write, *rest: Any) -> bool:
        return written(self, one, act, *rest) or one.up

    patch.setattr(world.World, "_written", hasty)
