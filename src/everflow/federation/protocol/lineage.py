"""Epochs of ownership between instances, and how far two branches of one run are the same.

An epoch bears its owner, so that no two instances can ever own one. A run's lineage lists the
epochs that wrote its journal, each with the extent at which it began: two copies are the same up
to where their lineages part, without a look at any entry (source: the leader epochs by which
replicas of a log truncate, Apache Kafka KIP-101).
"""

from __future__ import annotations

import msgspec

__all__ = ["NEVER", "Epoch", "Extent", "Lineage", "Link", "limit", "reached", "within"]

_UNBOUNDED = 1 << 62


class Epoch(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Who owns a run, for the how many-th time; of two the higher one counts."""

    number: int
    owner: str


class Extent(msgspec.Struct, frozen=True, array_like=True):
    """How much of a run there is: entries, and the revision of what is beside them.

    Beside them are the run's row, its questions, inbox, definitions and values kept aside, shipped
    whole. A revision below 0 means that none of it can be kept.
    """

    seq: int = 0
    rev: int = 0

    def covers(self, other: Extent) -> bool:
        """Whether all of the other is in this one, of the same branch."""
        return self.seq >= other.seq and self.rev >= other.rev


class Link(msgspec.Struct, frozen=True, array_like=True):
    """An epoch, and the extent of the run when it began."""

    epoch: Epoch
    base: Extent = Extent()


Lineage = tuple[Link, ...]
NEVER = Epoch(0, "")


def reached(lineage: Lineage, have: Extent) -> Lineage:
    """The epochs that wrote what is here: a copy may know of later ones that it has nothing of."""
    return tuple(link for link in lineage if have.covers(link.base))


def limit(mine: Lineage, other: Lineage) -> Extent:
    """How much of my branch may be the other's, too, at most."""
    if not mine:
        return Extent(_UNBOUNDED, _UNBOUNDED)
    shared = 0
    while shared < min(len(mine), len(other)) and mine[shared] == other[shared]:
        shared += 1
    if shared == len(mine):
        return other[shared].base if shared < len(other) else Extent(_UNBOUNDED, _UNBOUNDED)
    bases = [line[shared].base.seq for line in (mine, other) if shared < len(line)]
    return Extent(min(bases), -1)


def within(have: Extent, most: Extent) -> Extent:
    """What may be kept of an extent: all of it, or its first entries with nothing beside them."""
    return have if most.covers(have) else Extent(min(have.seq, most.seq), 0)
