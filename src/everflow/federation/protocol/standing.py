"""Where an instance stands with one run: what it keeps, what it may forget, how it is set.

Only ``Standing`` is durable, and it is enough: whatever is in ``Memory`` may be lost at any moment
and costs no more than a question asked again. So a lease that is held counts as lost with it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from everflow.federation.protocol.lineage import NEVER, Epoch, Extent, Lineage
from everflow.federation.protocol.time import SECOND, Moment

__all__ = ["OWNING", "Grant", "Lease", "Memory", "Replication", "Role", "Settings", "Standing"]


class Role(StrEnum):
    """What an instance is to a run."""

    NONE = "none"  # it has nothing of it
    REPLICA = "replica"  # it has a copy, and never owned it
    OWNER = "owner"  # it runs it
    OFFERING = "offering"  # it runs it, and offers it to another
    FENCED = "fenced"  # it doesn't run it any more; the other may have it already
    HANDED_OFF = "handed_off"  # another one has it, and is named


OWNING = frozenset({Role.OWNER, Role.OFFERING})


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """Which peer gets copies, and when: on demand, at each suspension, or at every commit."""

    to: str
    when: Literal["manual", "suspension", "commit"]


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An owner's own word that it runs only while ``to`` grants it.

    ``least`` is what was acknowledged without it: a lease is asked for with no less. ``ending``:
    the owner asked for its end.
    """

    to: str
    term: int
    span: int
    least: Extent
    ending: bool = False


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A lessee's own word that it doesn't take the run before ``span`` has passed since ``at``."""

    term: int
    span: int
    at: Moment


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is durable: read before, and written on condition that nobody wrote since.

    ``lineage`` ends with ``epoch``, whose owner is the run's. ``next`` is the epoch that a fenced
    instance gave away, ``declined`` the highest that this one will never adopt, ``ended`` the last
    lease that it let end. ``untold``: instances that must hear of the epoch.
    """

    role: Role = Role.NONE
    epoch: Epoch = NEVER
    lineage: Lineage = ()
    to: str = ""  # whom it is offered to
    next: Epoch = NEVER
    recalling: bool = False
    declined: Epoch = NEVER
    replication: Replication | None = None
    lease: Lease | None = None
    terms: int = 0
    grant: Grant | None = None
    ended: tuple[Epoch, int] = (NEVER, 0)
    untold: tuple[str, ...] = ()


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What may be lost. ``acked``: what the peer of the replication is known to have.

    ``wanted``: what it should have; ``until``: the boot clock when a held lease ends;
    ``again``: when to say unanswered things again, for the ``tries``-th time.
    """

    acked: Extent | None = None
    wanted: Extent = Extent()
    until: Moment | None = None
    lacks: int = 0  # the entry from which a handover goes on
    again: int | None = None
    tries: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance is set, in microseconds; ``drift`` in millionths, the same for all."""

    willing: bool = True
    first_retry: int = SECOND
    longest_retry: int = 30 * SECOND
    drift: int = 10_000
