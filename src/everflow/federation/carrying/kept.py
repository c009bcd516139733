"""What an instance keeps of its part in a run: the standing, and what the carrying needs beside it.

It is the body of the run's tenure. One rule holds: it is written whole, with the version that was
read, together with what it speaks of.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from everflow.federation.carrying.letters import weight
from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.standing import OWNING, Role, Standing
from everflow.federation.protocol.trust import named
from everflow.federation.protocol.turns import Write
from everflow.store import OUTCOMES, Status
from everflow.store.handing import Tenure

__all__ = ["Kept", "after_write", "extent_of", "read_kept", "restless", "rests", "written"]

_COPIES = frozenset({Role.REPLICA, Role.HANDED_OFF})


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a tenure.

    ``origin`` is the peer that brought what is here, ``entries``, ``beside`` and ``aside`` the
    bytes that it brought: of entries, of what is beside them, and of what was set aside since.
    ``at``: when it last brought some. ``told``: the peer by whose word the epoch is known, empty
    where the run is this instance's. ``named``: whom standings here ever named. ``settled``: the
    run has ended, and whoever is to have it has all of it.
    """

    standing: Standing = Standing()
    named: tuple[str, ...] = ()
    origin: str = ""
    told: str = ""
    entries: int = 0
    beside: int = 0
    aside: int = 0
    at: int = 0
    settled: bool = False

    @property
    def size(self) -> int:
        """Bytes that count against its origin."""
        copied = self.entries + self.beside if self.standing.role in _COPIES else 0
        return copied + self.aside


def read_kept(tenure: Tenure) -> Kept:
    """What stands in a tenure; that of a run without one is empty."""
    return msgspec.json.decode(tenure.body, type=Kept) if tenure.body else Kept()


def written(kept: Kept) -> str:
    """The same as a body."""
    return msgspec.json.encode(kept).decode()


def after_write(kept: Kept, act: Write, sender: str, *, cuts: bool, at: int, new: bool) -> Kept:
    """What stands after a write. ``sender``: by whose word it is, empty for this instance's own.

    ``cuts``: something of what was here is set aside. ``new``: nothing stood before.
    """
    standing = act.standing
    names = tuple(sorted({*kept.named, *named(standing)}))
    after = replace(kept, standing=standing, named=names, settled=False)
    if new or standing.epoch != kept.standing.epoch:
        after = replace(after, told="" if standing.role in OWNING else sender)
    if cuts:
        lost = kept.entries + kept.beside if kept.origin else 0
        after = replace(after, aside=after.aside + lost, entries=0, beside=0)
    if act.cut is not None:
        entries, beside = weight(act.cut)
        entries += after.entries
        after = replace(after, origin=sender, entries=entries, beside=beside, at=at)
    return replace(after, entries=0, beside=0) if act.drop else after


def extent_of(tenure: Tenure) -> Extent:
    """How much of a run is here."""
    return Extent(tenure.seq, tenure.rev)


def rests(status: Status | None) -> bool:
    """Whether a run of that status goes on by itself at once."""
    return status in OUTCOMES or status in {Status.SUSPENDED, Status.PAUSED, Status.BLOCKED}


def restless(kept: Kept) -> bool:
    """Whether somebody has to look after it without being told: something is to be said or kept."""
    standing = kept.standing
    if kept.settled:
        return False
    ships = standing.replication is not None and standing.replication.when != "manual"
    gives = standing.role in {Role.OFFERING, Role.FENCED} or bool(standing.untold)
    owns = standing.role in OWNING and (ships or standing.lease is not None)
    return gives or owns or standing.grant is not None
