"""The owner's side, and that of an instance that just gave a run away.

An owner says only what it owns. Once fenced, it owns nothing until the peer has declined; and a
peer's word counts only for the very epoch that it answers.
"""

from __future__ import annotations

from msgspec.structs import replace

from everflow.federation.protocol.changes import begun, nothing, owning, successor, wrote
from everflow.federation.protocol.lineage import Epoch, Extent, Link
from everflow.federation.protocol.messages import (
    Accept,
    Ask,
    Cut,
    Declined,
    Handover,
    Held,
    Lacks,
    Refuse,
    Segment,
    Unleased,
)
from everflow.federation.protocol.standing import OWNING, Lease, Role
from everflow.federation.protocol.time import Moment, surely_within
from everflow.federation.protocol.turns import Grew, Session, Turn

__all__ = ["accepted", "cut", "declined", "grew", "held", "lacking", "refusing", "unleased"]


def grew(session: Session, event: Grew, now: Moment) -> Turn:
    """What the policy wants to be there is wanted from now on."""
    standing = session.standing
    if standing.role not in OWNING or standing.replication is None:
        return nothing(session)
    when = standing.replication.when
    if when == "manual" or (when == "suspension" and not event.rests):
        return nothing(session)
    memory = replace(session.memory, wanted=session.have)
    if not memory.tries:
        memory = replace(memory, again=now.at)
    return nothing(replace(session, memory=memory))


def cut(session: Session, event: Cut, now: Moment) -> Turn:
    """What was read goes to the replica, or to the one whose run it is now."""
    standing = session.standing
    if standing.role is Role.FENCED and not standing.recalling:
        if event.upto != session.have:  # read before the fence
            return nothing(session)
        lineage = (*standing.lineage, Link(standing.next, event.upto))
        message = Handover(epoch=standing.epoch, lineage=lineage, cut=event)
        return Turn(session=session, messages=((standing.next.owner, message),))
    if standing.role not in OWNING or standing.replication is None:
        return nothing(session)
    segment = Segment(
        epoch=standing.epoch,
        lineage=standing.lineage,
        cut=event,
        ask=_ask(standing.lease, event.upto, now),
    )
    return Turn(session=session, messages=((standing.replication.to, segment),))


def _ask(lease: Lease | None, shipped: Extent, now: Moment) -> Ask | None:
    if lease is None or not shipped.covers(lease.least):
        return None
    return Ask(term=lease.term, span=lease.span, at=now)


def held(session: Session, sender: str, message: Held, now: Moment) -> Turn:
    """The replica's word on what it has is believed, also where it is less than before."""
    standing = session.standing
    ours = standing.role in OWNING and message.epoch == standing.epoch
    if not ours or standing.replication is None or standing.replication.to != sender:
        return nothing(session)
    memory = replace(session.memory, acked=message.have, tries=0)
    granted = message.granted
    if granted is not None and standing.lease is not None:
        until = _until(session, granted, standing.lease, now)
        memory = replace(memory, until=until)
    if not message.have.covers(memory.wanted):
        memory = replace(memory, again=now.at)
    elif standing.lease is not None:
        renewal = now.at + surely_within(standing.lease.span, session.settings.drift) // 3
        memory = replace(memory, again=renewal)
    elif standing.role is Role.OWNER and not standing.untold:
        memory = replace(memory, again=None)
    return nothing(replace(session, memory=memory))


def _until(session: Session, granted: Ask, lease: Lease, now: Moment) -> Moment | None:
    """A grant counts from when it was asked for, by my clock of this life."""
    known = session.memory.until
    if granted.term != lease.term or granted.at.life != now.life:
        return known
    ends = granted.at.at + surely_within(granted.span, session.settings.drift)
    return known if known is not None and known.at >= ends else Moment(now.life, ends)


def accepted(session: Session, sender: str, message: Accept, _now: Moment) -> Turn:
    """The fence: from here on the run isn't run here, whatever becomes of the rest."""
    standing = session.standing
    if not _answers(session, sender, message.epoch):
        return nothing(session)
    fenced = replace(
        standing, role=Role.FENCED, to="", next=successor(standing, sender), recalling=False
    )
    turn = wrote(session, fenced)
    acked, copied = session.memory.acked, standing.replication
    if acked is None or copied is None or copied.to != sender:
        return turn
    memory = replace(turn.session.memory, lacks=min(acked.seq, session.have.seq))
    return replace(turn, session=replace(turn.session, memory=memory))


def refusing(session: Session, sender: str, message: Refuse, _now: Moment) -> Turn:
    """The owner goes on."""
    if not _answers(session, sender, message.epoch):
        return nothing(session)
    return wrote(session, replace(session.standing, role=Role.OWNER, to=""))


def _answers(session: Session, sender: str, epoch: Epoch) -> bool:
    standing = session.standing
    return standing.role is Role.OFFERING and sender == standing.to and epoch == standing.epoch


def lacking(session: Session, sender: str, message: Lacks, now: Moment) -> Turn:
    """The handover goes on from what is there."""
    standing = session.standing
    if standing.role is not Role.FENCED or (sender, message.epoch) != (
        standing.next.owner,
        standing.epoch,
    ):
        return nothing(session)
    memory = replace(session.memory, lacks=message.have.seq, again=now.at)
    return nothing(replace(session, memory=memory))


def declined(session: Session, sender: str, message: Declined, _now: Moment) -> Turn:
    """Nobody owns the run and the peer never will by this handover: it is here again."""
    standing = session.standing
    if standing.role is not Role.FENCED or (sender, message.next) != (
        standing.next.owner,
        standing.next,
    ):
        return nothing(session)
    epoch = successor(standing, session.me)
    base: Extent = session.have
    mine = owning(session, epoch, begun(epoch, standing.lineage, base))
    untold = tuple(name for name in mine.untold if name != sender)
    return wrote(session, replace(mine, untold=untold, replication=standing.replication))


def unleased(session: Session, sender: str, message: Unleased, _now: Moment) -> Turn:
    """The lessee won't take the run: it runs without a lease."""
    standing = session.standing
    lease = standing.lease
    if standing.role not in OWNING or lease is None or not lease.ending:
        return nothing(session)
    if (sender, message.epoch, message.term) != (lease.to, standing.epoch, lease.term):
        return nothing(session)
    return wrote(session, replace(standing, lease=None))
