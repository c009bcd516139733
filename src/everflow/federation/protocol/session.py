"""The session of one run at one instance: tell it what happened, do what it wants.

It reads no clock, does no IO and draws nothing; equal sessions that are told the same give the same
turn. Whatever is told may be told again. Nothing that it says is forgotten: what isn't answered is
said again, ever more slowly, until the peer answers or the run is another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from everflow.federation.protocol import giving, receiving
from everflow.federation.protocol.changes import claim, nothing
from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.messages import (
    Accept,
    Claim,
    Conceded,
    Cut,
    Declined,
    Handover,
    Held,
    Lacks,
    Message,
    Offer,
    Recall,
    Refuse,
    Segment,
    Unlease,
    Unleased,
)
from everflow.federation.protocol.orders import ORDERS
from everflow.federation.protocol.standing import OWNING, Memory, Role
from everflow.federation.protocol.time import Moment, ends, surely_within
from everflow.federation.protocol.turns import Event, Grew, Heard, Read, Session, Turn

__all__ = ["acknowledges", "runs_until", "tell"]

_DOUBLINGS = 16

Hear = Callable[[Session, str, Any, Moment], Turn]
HEARING: Mapping[type, Hear] = {
    Segment: receiving.copied,
    Offer: receiving.offered,
    Handover: receiving.adopted,
    Recall: receiving.recalled,
    Claim: receiving.claimed,
    Conceded: receiving.conceded,
    Unlease: receiving.unleasing,
    Held: giving.held,
    Accept: giving.accepted,
    Refuse: giving.refusing,
    Lacks: giving.lacking,
    Declined: giving.declined,
    Unleased: giving.unleased,
}


def tell(session: Session, event: Event, now: Moment) -> Turn:
    """What is to be done after that event; ``now`` is the instance's own boot clock."""
    turn = _told(session, event, now)
    after = _scheduled(turn.session, now)
    return replace(turn, session=after, wake=_wake(after, now))


def _told(session: Session, event: Event, now: Moment) -> Turn:
    if isinstance(event, Heard):
        return HEARING[type(event.message)](session, event.sender, event.message, now)
    if isinstance(event, Cut):
        return giving.cut(session, event, now)
    if isinstance(event, Grew):
        return giving.grew(session, event, now)
    order = ORDERS.get(type(event))
    return _tick(session, now) if order is None else order(session, event, now)


def runs_until(session: Session, now: Moment) -> int | None:
    """Until when the run may be run here, by the boot clock; None where it may not.

    Nothing of the run is begun, written or acknowledged from then on. Without a lease that is
    never: a number beyond all clocks.
    """
    standing, until = session.standing, session.memory.until
    if standing.role not in OWNING:
        return None
    if standing.lease is None:
        return _FOR_EVER
    held = until is not None and until.life == now.life and until.at > now.at
    return until.at if until is not None and held else None


_FOR_EVER = 1 << 62


def acknowledges(session: Session, extent: Extent) -> bool:
    """Whether what was written up to there may be acknowledged to whoever asked for it."""
    if session.standing.role not in OWNING:
        return False
    acked = session.memory.acked
    return session.standing.lease is None or (acked is not None and acked.covers(extent))


def _tick(session: Session, now: Moment) -> Turn:
    grant = session.standing.grant
    if grant is not None and now.at >= ends(grant.at, grant.span, now):
        return receiving.lease_over(session)
    again = session.memory.again
    if again is None or now.at < again:
        return nothing(session)
    memory = session.memory
    wait = min(
        session.settings.first_retry << min(memory.tries, _DOUBLINGS),
        session.settings.longest_retry,
        _renewal(session) or session.settings.longest_retry,
    )
    memory = replace(memory, again=now.at + wait, tries=memory.tries + 1)
    return Turn(
        session=replace(session, memory=memory),
        act=_reading(session),
        messages=_unanswered(session),
    )


def _renewal(session: Session) -> int | None:
    lease = session.standing.lease
    return None if lease is None else surely_within(lease.span, session.settings.drift) // 3


def _reading(session: Session) -> Read | None:
    """What is to be read for the one message that carries entries."""
    standing = session.standing
    if standing.role is Role.FENCED and not standing.recalling:
        return Read(session.memory.lacks)
    if not _ships(session):
        return None
    acked = session.memory.acked
    return Read(session.have.seq if acked is None else min(acked.seq, session.have.seq))


def _unanswered(session: Session) -> tuple[tuple[str, Message], ...]:
    standing = session.standing
    said: list[tuple[str, Message]] = []
    if standing.role is Role.OFFERING:
        said.append((standing.to, Offer(epoch=standing.epoch)))
    if standing.role is Role.FENCED and standing.recalling:
        recall = Recall(epoch=standing.epoch, next=standing.next)
        said.append((standing.next.owner, recall))
    if standing.role in OWNING and standing.lease is not None and standing.lease.ending:
        unlease = Unlease(epoch=standing.epoch, term=standing.lease.term)
        said.append((standing.lease.to, unlease))
    said.extend((name, claim(session)) for name in standing.untold)
    return tuple(said)


def _ships(session: Session) -> bool:
    """Whether the replica is to have what it isn't known to have, or a lease is to be held."""
    standing, memory = session.standing, session.memory
    if standing.role not in OWNING or standing.replication is None:
        return False
    if standing.lease is not None:
        return True
    when = standing.replication.when
    wanted = session.have if when == "commit" else memory.wanted
    if memory.acked is None:
        return when != "manual" or wanted != Extent()
    return not memory.acked.covers(wanted)


def _scheduled(session: Session, now: Moment) -> Session:
    """Whatever waits for an answer is said again; nothing is where nothing waits."""
    waits = bool(_unanswered(session)) or _reading(session) is not None
    if waits == (session.memory.again is not None):
        return session
    again = now.at if waits else None
    tries = session.memory.tries if waits else 0
    memory: Memory = replace(session.memory, again=again, tries=tries)
    return replace(session, memory=memory)


def _wake(session: Session, now: Moment) -> int | None:
    grant = session.standing.grant
    times = [] if session.memory.again is None else [session.memory.again]
    if grant is not None:
        times.append(ends(grant.at, grant.span, now))
    return min(times, default=None)
