"""What instances say to each other about one run. Each message may be lost, doubled and late.

Every message bears the epoch of which it speaks, or one that its receiver knows better about: then
the answer is a ``Claim``. None asks for more than an answer, so that a repeat does no harm.
"""

from __future__ import annotations

import msgspec

from everflow.federation.protocol.lineage import Epoch, Extent, Lineage
from everflow.federation.protocol.time import Moment

__all__ = [
    "Accept",
    "Ask",
    "Claim",
    "Conceded",
    "Cut",
    "Declined",
    "Handover",
    "Held",
    "Lacks",
    "Message",
    "Offer",
    "Recall",
    "Refuse",
    "Segment",
    "Unlease",
    "Unleased",
]


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What one reading of a run gives: entries from ``after`` on, what is beside, and how much.

    ``entries`` and ``side`` are opaque here. ``upto.seq`` is ``after`` and the entries' number.
    """

    after: int
    entries: tuple[object, ...]
    side: object
    upto: Extent


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The wish for a lease: the owner's own boot clock when it asked, echoed by the grant.

    ``term`` grows with each lease that an owner begins, so that one that was ended stays so.
    """

    term: int
    span: int
    at: Moment


class Segment(msgspec.Struct, frozen=True, kw_only=True, tag="segment"):
    """From the owner: what is new of a run; ``ask`` where its policy is a lease."""

    epoch: Epoch
    lineage: Lineage
    cut: Cut
    ask: Ask | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True, tag="held"):
    """From a replica: what it has by now, durably; ``granted``: the lease it was asked for."""

    epoch: Epoch
    have: Extent
    granted: Ask | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True, tag="offer"):
    """From the owner: would you take it?"""

    epoch: Epoch


class Accept(msgspec.Struct, frozen=True, kw_only=True, tag="accept"):
    """Yes; it binds nobody."""

    epoch: Epoch


class Refuse(msgspec.Struct, frozen=True, kw_only=True, tag="refuse"):
    """No; the owner goes on."""

    epoch: Epoch


class Handover(msgspec.Struct, frozen=True, kw_only=True, tag="handover"):
    """From the fenced owner: the rest of the run, which is the receiver's from here on.

    ``epoch`` is the one that it left, ``lineage`` ends with the receiver's, whose base is all
    that there is.
    """

    epoch: Epoch
    lineage: Lineage
    cut: Cut


class Lacks(msgspec.Struct, frozen=True, kw_only=True, tag="lacks"):
    """To the fenced owner: the handover began after what is here."""

    epoch: Epoch
    have: Extent


class Recall(msgspec.Struct, frozen=True, kw_only=True, tag="recall"):
    """From the fenced owner: decline ``next``, unless you have adopted it."""

    epoch: Epoch
    next: Epoch


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag="declined"):
    """To the fenced owner: ``next`` was not adopted and never will be; nor does a lease run."""

    next: Epoch


class Claim(msgspec.Struct, frozen=True, kw_only=True, tag="claim"):
    """The highest epoch that the sender knows, with its lineage; it needn't be the sender's own."""

    epoch: Epoch
    lineage: Lineage


class Conceded(msgspec.Struct, frozen=True, kw_only=True, tag="conceded"):
    """The claimed epoch is known here, durably."""

    epoch: Epoch


class Unlease(msgspec.Struct, frozen=True, kw_only=True, tag="unlease"):
    """From the owner: end the lease of that term."""

    epoch: Epoch
    term: int


class Unleased(msgspec.Struct, frozen=True, kw_only=True, tag="unleased"):
    """The lease of that term is over: it is never granted again, and nothing is taken by it."""

    epoch: Epoch
    term: int


Message = (
    Segment
    | Held
    | Offer
    | Accept
    | Refuse
    | Handover
    | Lacks
    | Recall
    | Declined
    | Claim
    | Conceded
    | Unlease
    | Unleased
)
