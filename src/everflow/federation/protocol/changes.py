"""How a standing changes: the few changes of ownership, each in one place.

An epoch is left only for a higher one, and a lease, a grant and an offer end with it. Whoever owned
an epoch that isn't in the new one's lineage is to be told: so of two owners, which only a forced
takeover can make, the lower one hears of it from somebody. So is a lessee, who might take the run.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from everflow.federation.protocol.lineage import (
    NEVER,
    Epoch,
    Extent,
    Lineage,
    Link,
    limit,
    reached,
    within,
)
from everflow.federation.protocol.messages import Claim, Cut, Message
from everflow.federation.protocol.standing import Memory, Role, Standing
from everflow.federation.protocol.turns import Refusal, Session, Turn, Write

__all__ = [
    "begun",
    "claim",
    "nothing",
    "owning",
    "refused",
    "reply",
    "seen_by",
    "successor",
    "wrote",
    "yielded",
]


def nothing(session: Session) -> Turn:
    """What comes of something that means nothing here."""
    return Turn(session=session)


def refused(session: Session, why: Refusal) -> Turn:
    """An order isn't obeyed."""
    return Turn(session=session, refused=why)


def reply(session: Session, to: str, message: Message) -> Turn:
    """An answer that needs nothing written."""
    return Turn(session=session, messages=((to, message),))


def claim(session: Session) -> Claim:
    """The highest epoch known here."""
    return Claim(epoch=session.standing.epoch, lineage=session.standing.lineage)


def wrote(
    session: Session,
    standing: Standing,
    *messages: tuple[str, Message],
    keep: Extent | None = None,
    cut: Cut | None = None,
) -> Turn:
    """A standing is written, with what goes with it; then the messages go out.

    What memory says of another epoch or role is forgotten with it.
    """
    have = session.have if keep is None else within(session.have, keep)
    if cut is not None and not have.covers(cut.upto):
        have = cut.upto
    old = session.standing
    same = (old.epoch, old.role, old.terms) == (standing.epoch, standing.role, standing.terms)
    memory = session.memory if same else Memory()
    after = replace(session, standing=standing, have=have, memory=replace(memory, again=None))
    return Turn(
        session=after, act=Write(standing=standing, keep=keep, cut=cut), messages=tuple(messages)
    )


def successor(standing: Standing, owner: str) -> Epoch:
    """The next epoch, higher than all that were given away or declined here."""
    return Epoch(max(standing.epoch, standing.next, standing.declined).number + 1, owner)


def seen_by(session: Session, lineage: Lineage) -> Extent:
    """How much of what is here belongs to that lineage, at most."""
    return limit(reached(session.standing.lineage, session.have), lineage)


def yielded(session: Session, epoch: Epoch, lineage: Lineage) -> Standing:
    """The standing once another instance's epoch is known that is higher."""
    old = session.standing
    copies = old.role in {Role.NONE, Role.REPLICA}
    return Standing(
        role=Role.REPLICA if copies else Role.HANDED_OFF,
        epoch=epoch,
        lineage=lineage,
        declined=old.declined,
        terms=old.terms,
        ended=old.ended,
        untold=_untold(session, lineage, old.untold),
    )


def owning(session: Session, epoch: Epoch, lineage: Lineage, *tell: str) -> Standing:
    """The standing once the run is this instance's, under that epoch."""
    old = session.standing
    return Standing(
        role=Role.OWNER,
        epoch=epoch,
        lineage=lineage,
        declined=old.declined,
        terms=old.terms,
        ended=old.ended,
        untold=_untold(session, lineage, (*old.untold, *tell)),
    )


def _untold(session: Session, lineage: Lineage, known: Iterable[str]) -> tuple[str, ...]:
    lease = session.standing.lease
    here = {link.epoch for link in lineage} | {NEVER}
    old = {session.standing.epoch, session.standing.next} - here
    names = {*known, *(epoch.owner for epoch in old)} | ({lease.to} if lease else set())
    names -= {session.me, lineage[-1].epoch.owner}
    return tuple(sorted(names))


def begun(epoch: Epoch, lineage: Lineage, base: Extent) -> Lineage:
    """The lineage of a new epoch that goes on from what is here."""
    return (*reached(lineage, base), Link(epoch, base))
