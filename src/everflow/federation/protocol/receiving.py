"""The side of an instance that doesn't own a run: copies, leases that it grants, adoption.

A message of a lower epoch than the one known here gets a claim and changes nothing. A copy is
acknowledged, and a lease granted, only once it is durable here; and what an instance declined, or
let end, it never does after all.
"""

from __future__ import annotations

from msgspec.structs import replace

from everflow.federation.protocol.changes import (
    begun,
    claim,
    nothing,
    owning,
    reply,
    seen_by,
    successor,
    wrote,
    yielded,
)
from everflow.federation.protocol.lineage import within
from everflow.federation.protocol.messages import (
    Accept,
    Ask,
    Claim,
    Conceded,
    Declined,
    Handover,
    Held,
    Lacks,
    Offer,
    Recall,
    Refuse,
    Segment,
    Unlease,
    Unleased,
)
from everflow.federation.protocol.standing import OWNING, Grant, Role, Standing
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import Session, Turn

__all__ = [
    "adopted",
    "claimed",
    "conceded",
    "copied",
    "lease_over",
    "offered",
    "recalled",
    "unleasing",
]

_NOT_COPIES = OWNING | {Role.FENCED}


def copied(session: Session, sender: str, message: Segment, now: Moment) -> Turn:
    """Newer replaces older; what isn't of the owner's branch is set aside first."""
    old = session.standing
    if message.epoch < old.epoch:
        return reply(session, sender, claim(session))
    if not session.settings.willing or (message.epoch == old.epoch and old.role in _NOT_COPIES):
        return nothing(session)
    most = seen_by(session, message.lineage)
    kept = within(session.have, most)
    standing = (
        old if message.epoch == old.epoch else yielded(session, message.epoch, message.lineage)
    )
    if message.cut.after > kept.seq:
        held = Held(epoch=message.epoch, have=kept)
        if old.role in _NOT_COPIES:
            return wrote(session, standing, (sender, held), keep=most)
        return reply(session, sender, held)
    ask = message.ask if message.ask and _may_grant(standing, message) else None
    if ask is not None:
        standing = replace(standing, grant=Grant(term=ask.term, span=ask.span, at=now))
    have = kept if kept.covers(message.cut.upto) else message.cut.upto
    held = Held(epoch=message.epoch, have=have, granted=ask)
    if (standing, have) == (old, session.have):
        return reply(session, sender, held)
    return wrote(session, standing, (sender, held), keep=most, cut=message.cut)


def _may_grant(standing: Standing, message: Segment) -> bool:
    ask: Ask | None = message.ask
    return (
        ask is not None
        and message.epoch > standing.declined
        and (message.epoch, ask.term) > standing.ended
    )


def lease_over(session: Session) -> Turn:
    """The lessee takes the run: its owner stopped itself before, and acknowledged only this."""
    standing = session.standing
    epoch = successor(standing, session.me)
    lineage = begun(epoch, standing.lineage, session.have)
    return wrote(session, owning(session, epoch, lineage, standing.epoch.owner))


def offered(session: Session, sender: str, message: Offer, _now: Moment) -> Turn:
    """Whether it would be taken; nothing is promised."""
    standing = session.standing
    if message.epoch < standing.epoch:
        return reply(session, sender, claim(session))
    if message.epoch == standing.epoch and standing.role in _NOT_COPIES:
        return nothing(session)
    kind = Accept if session.settings.willing else Refuse
    return reply(session, sender, kind(epoch=message.epoch))


def adopted(session: Session, sender: str, message: Handover, _now: Moment) -> Turn:
    """The run is here, whole, and this instance's: one write. Said again, it is claimed again."""
    standing, new = session.standing, message.lineage[-1]
    if message.epoch < standing.epoch:
        return reply(session, sender, claim(session))
    if new.epoch.owner != session.me:
        return nothing(session)
    if new.epoch <= standing.declined:
        return reply(session, sender, Declined(next=new.epoch))
    if not session.settings.willing:
        return _decline(session, sender, Recall(epoch=message.epoch, next=new.epoch))
    most = seen_by(session, message.lineage)
    kept = within(session.have, most)
    if message.cut.after > kept.seq:
        return reply(session, sender, Lacks(epoch=message.epoch, have=kept))
    mine = owning(session, new.epoch, message.lineage)
    confirmed = Claim(epoch=new.epoch, lineage=message.lineage)
    return wrote(session, mine, (sender, confirmed), keep=most, cut=message.cut)


def recalled(session: Session, sender: str, message: Recall, _now: Moment) -> Turn:
    """What wasn't adopted by now is declined for good."""
    if message.epoch < session.standing.epoch:
        return reply(session, sender, claim(session))
    if message.next.owner != session.me:
        return nothing(session)
    return _decline(session, sender, message)


def _decline(session: Session, sender: str, message: Recall) -> Turn:
    standing = session.standing
    said = Declined(next=message.next)
    if message.next <= standing.declined:
        return reply(session, sender, said)
    return wrote(session, replace(standing, declined=message.next, grant=None), (sender, said))


def claimed(session: Session, sender: str, message: Claim, _now: Moment) -> Turn:
    """A higher epoch wins: what is here beyond it is set aside, kept, and never merged."""
    standing = session.standing
    if message.epoch < standing.epoch:
        return reply(session, sender, claim(session))
    said = Conceded(epoch=message.epoch)
    if message.epoch == standing.epoch:
        return reply(session, sender, said)
    most = seen_by(session, message.lineage)
    lost = yielded(session, message.epoch, message.lineage)
    return wrote(session, lost, (sender, said), keep=most)


def conceded(session: Session, sender: str, message: Conceded, _now: Moment) -> Turn:
    """One fewer to tell."""
    standing = session.standing
    if sender not in standing.untold or message.epoch != standing.epoch:
        return nothing(session)
    left = tuple(name for name in standing.untold if name != sender)
    return wrote(session, replace(standing, untold=left))


def unleasing(session: Session, sender: str, message: Unlease, _now: Moment) -> Turn:
    """The lease of that term, and each before it, is over for good."""
    standing = session.standing
    if message.epoch < standing.epoch:
        return reply(session, sender, claim(session))
    if message.epoch == standing.epoch and standing.role in _NOT_COPIES:
        return nothing(session)
    said = Unleased(epoch=message.epoch, term=message.term)
    term = (message.epoch, message.term)
    if term <= standing.ended:
        return reply(session, sender, said)
    runs = standing.grant is not None and standing.grant.term > message.term
    grant = standing.grant if runs else None
    return wrote(session, replace(standing, ended=term, grant=grant), (sender, said))
