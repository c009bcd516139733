"""Whose word counts for a run, before any session hears it: pure, and the same at every instance.

Two rules hold. What speaks for a run that is known here comes from its circle: who owned it, by the
lineage that stands here, and whom this instance itself named, for a copy, a lease or a handoff.
So nobody takes a run that was never given to them, however high an epoch they make up; and who has
a copy that was given may always be told by a person to go on with it. And an instance speaks as an
owner only under its own epoch.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise

from everflow.federation.protocol.lineage import Lineage
from everflow.federation.protocol.messages import (
    Claim,
    Handover,
    Message,
    Offer,
    Recall,
    Segment,
    Unlease,
)
from everflow.federation.protocol.standing import Role, Standing
from everflow.federation.protocol.turns import Session

__all__ = ["Doubt", "circle", "doubt", "named", "question"]

_HIGHEST = 1 << 53  # of any number in an epoch or extent: what JSON carries everywhere
_LONGEST = 10_000  # epochs in a lineage
_NAME = re.compile(r"[A-Za-z0-9_.-]{0,100}")  # what an instance may be called by
_OF_OWNERS = Segment | Offer | Handover | Recall | Unlease


class Doubt(StrEnum):
    """Why a message isn't heard."""

    FORGED = "forged"  # it contradicts itself, or speaks for another
    STRANGER = "stranger"  # the run was never given to its sender


def named(standing: Standing) -> frozenset[str]:
    """Whom a standing names besides its lineage: they have a copy, or may have."""
    names = {standing.to, standing.next.owner, *standing.untold}
    if standing.replication is not None:
        names.add(standing.replication.to)
    if standing.lease is not None:
        names.add(standing.lease.to)
    return frozenset(names - {""})


def circle(standing: Standing, ever_named: frozenset[str]) -> frozenset[str]:
    """All whose word counts; ``ever_named``: all that earlier standings here named."""
    return frozenset(link.epoch.owner for link in standing.lineage) | named(standing) | ever_named


def doubt(
    standing: Standing, ever_named: frozenset[str], sender: str, message: Message
) -> Doubt | None:
    """Why that message isn't to be heard; None where it is.

    A run of which nothing is here has no circle: whether its sender may bring it is for others.
    """
    if not _true_to_itself(sender, message):
        return Doubt.FORGED
    if standing.role is Role.NONE or sender in circle(standing, ever_named):
        return None
    # A claim of what is known here changes nothing, and who makes it waits for the answer.
    answered = isinstance(message, Claim) and message.epoch <= standing.epoch
    return None if answered else Doubt.STRANGER


def question(session: Session) -> tuple[str, Claim] | None:
    """What to ask whom when a stranger speaks for a run: its owner, as far as is known here.

    The owner answers with the higher epoch, if there is one, and so vouches for whoever has it.
    """
    standing = session.standing
    owner = standing.epoch.owner
    if standing.role is Role.NONE or owner == session.me:
        return None
    return owner, Claim(epoch=standing.epoch, lineage=standing.lineage)


def _true_to_itself(sender: str, message: Message) -> bool:
    epochs = [getattr(message, name) for name in ("epoch", "next") if hasattr(message, name)]
    if any(epoch.number >= _HIGHEST or not _NAME.fullmatch(epoch.owner) for epoch in epochs):
        return False
    if isinstance(message, _OF_OWNERS) and message.epoch.owner != sender:
        return False
    if isinstance(message, Segment | Claim):
        return _ascends(message.lineage) and message.lineage[-1].epoch == message.epoch
    if isinstance(message, Handover):
        line = message.lineage
        return len(line) > 1 and _ascends(line) and line[-2].epoch == message.epoch
    return not isinstance(message, Recall) or message.epoch < message.next


def _ascends(lineage: Lineage) -> bool:
    """Whether each epoch is higher than the one before and begins no earlier."""
    if not 0 < len(lineage) <= _LONGEST:
        return False
    last = lineage[-1]
    if max(last.epoch.number, last.base.seq, last.base.rev) >= _HIGHEST:
        return False
    return all(_NAME.fullmatch(link.epoch.owner) for link in lineage) and all(
        before.epoch.number < link.epoch.number and link.base.covers(before.base)
        for before, link in pairwise(lineage)
    )
