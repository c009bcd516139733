"""Orders of people and policies. Each is obeyed by one write, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from everflow.federation.protocol.changes import begun, nothing, owning, refused, successor, wrote
from everflow.federation.protocol.lineage import Epoch, Extent
from everflow.federation.protocol.standing import OWNING, Lease, Memory, Replication, Role
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import (
    Begin,
    CallBack,
    EndLease,
    Forget,
    HandOff,
    LeaseTo,
    Refusal,
    Replicate,
    Session,
    Ship,
    TakeOver,
    Turn,
    Write,
)

__all__ = ["ORDERS"]


def begin(session: Session, _order: Begin, _now: Moment) -> Turn:
    """The first epoch is that of the instance where the run was started."""
    if session.standing.role is not Role.NONE:
        return refused(session, Refusal.OWNER_ALREADY)
    epoch = successor(session.standing, session.me)
    return wrote(session, owning(session, epoch, begun(epoch, (), Extent())))


def replicate(session: Session, order: Replicate, _now: Moment) -> Turn:
    """The peer of a lease can't be changed while the lease runs."""
    if session.standing.role not in OWNING:
        return refused(session, Refusal.NOT_OWNER)
    if session.standing.lease is not None:
        return refused(session, Refusal.LEASED)
    if order.replication is not None and order.replication.to == session.me:
        return refused(session, Refusal.OWN_ADDRESS)
    fresh = replace(session, memory=replace(session.memory, acked=None, tries=0))
    return wrote(fresh, replace(session.standing, replication=order.replication))


def ship(session: Session, _order: Ship, now: Moment) -> Turn:
    """What is here now is wanted there."""
    if session.standing.role not in OWNING:
        return refused(session, Refusal.NOT_OWNER)
    if session.standing.replication is None:
        return refused(session, Refusal.NO_REPLICATION)
    memory = replace(session.memory, wanted=session.have, again=now.at, tries=0)
    if session.standing.lease is None:
        memory = replace(memory, acked=None)  # the replica may have forgotten it: it is asked
    return nothing(replace(session, memory=memory))


def lease_to(session: Session, order: LeaseTo, _now: Moment) -> Turn:
    """Durable before the first ask: from here on the run needs a grant to run."""
    standing = session.standing
    if standing.role not in OWNING:
        return refused(session, Refusal.NOT_OWNER)
    if order.to == session.me:
        return refused(session, Refusal.OWN_ADDRESS)
    if standing.lease is not None or standing.to not in {"", order.to}:
        return refused(session, Refusal.LEASED)
    leased = replace(
        standing,
        replication=Replication(to=order.to, when="commit"),
        lease=Lease(to=order.to, term=standing.terms + 1, span=order.span, least=session.have),
        terms=standing.terms + 1,
    )
    return wrote(session, leased)


def end_lease(session: Session, _order: EndLease, _now: Moment) -> Turn:
    """The lease counts until the lessee has said that it won't take the run."""
    standing = session.standing
    if standing.role not in OWNING:
        return refused(session, Refusal.NOT_OWNER)
    if standing.lease is None:
        return refused(session, Refusal.NO_LEASE)
    return wrote(session, replace(standing, lease=replace(standing.lease, ending=True)))


def hand_off(session: Session, order: HandOff, _now: Moment) -> Turn:
    """Only to the lessee where a lease runs: it may take the run without being asked."""
    standing = session.standing
    if standing.role is not Role.OWNER:
        return refused(session, Refusal.NOT_OWNER)
    if order.to == session.me:
        return refused(session, Refusal.OWN_ADDRESS)
    if standing.lease is not None and standing.lease.to != order.to:
        return refused(session, Refusal.LEASED)
    return wrote(session, replace(standing, role=Role.OFFERING, to=order.to))


def call_back(session: Session, _order: CallBack, _now: Moment) -> Turn:
    """An offer binds nobody; a handover is over only when the peer has declined it."""
    standing = session.standing
    if standing.role is Role.OFFERING:
        return wrote(session, replace(standing, role=Role.OWNER, to=""))
    if standing.role is Role.FENCED:
        return wrote(session, replace(standing, recalling=True))
    return refused(session, Refusal.NOTHING_OFFERED)


def take_over(session: Session, _order: TakeOver, _now: Moment) -> Turn:
    """A higher epoch from what is here; everybody who may own the run meanwhile is to be told.

    The owner itself may be told so, too: where its lessee is gone for good, it goes on without.
    """
    standing = session.standing
    if standing.role in OWNING and standing.lease is None:
        return refused(session, Refusal.OWNER_ALREADY)
    if standing.role is Role.NONE or not (session.have.seq and session.have.rev):
        return refused(session, Refusal.NO_REPLICA)
    epoch: Epoch = successor(standing, session.me)
    lineage = begun(epoch, standing.lineage, session.have)
    return wrote(session, owning(session, epoch, lineage, standing.epoch.owner))


def forget(session: Session, _order: Forget, _now: Moment) -> Turn:
    """Only what is another's, and what nobody counts on; where this instance stands is kept whole.

    So what it declined, let end or knows to be over stays so, and no epoch begins from nothing. The
    owner hears that it is gone when it ships next, and ships all of it then.
    """
    standing = session.standing
    if standing.role not in {Role.REPLICA, Role.HANDED_OFF}:
        return refused(session, Refusal.NO_COPY)
    if standing.grant is not None:
        return refused(session, Refusal.GRANTED)
    after = replace(session, have=Extent(), memory=Memory())
    return Turn(session=after, act=Write(standing=standing, drop=True))


Obey = Callable[[Session, Any, Moment], Turn]
ORDERS: Mapping[type, Obey] = {
    Begin: begin,
    Replicate: replicate,
    Ship: ship,
    LeaseTo: lease_to,
    EndLease: end_lease,
    HandOff: hand_off,
    CallBack: call_back,
    TakeOver: take_over,
    Forget: forget,
}
