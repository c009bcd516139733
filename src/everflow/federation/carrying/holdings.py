"""What is here of runs that several instances have: a line for each, for people and programs."""

from __future__ import annotations

import msgspec

from everflow.federation.carrying.host import Host
from everflow.federation.carrying.kept import extent_of, read_kept
from everflow.federation.protocol.standing import OWNING, Role
from everflow.store import RunRow, Status, Store
from everflow.store.handing import TENURE, Tenure

__all__ = ["Holding", "holding_of", "holdings"]

PAGE = 500


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Where this instance stands with a run.

    ``epoch`` is the highest ownership that is known here, and ``owner`` the id of who has it.
    ``entries`` are here, ``whole`` with all that is beside them. ``to`` has copies, ``when`` by its
    policy; ``lag`` is how many entries it lacks, None where this process doesn't know.
    ``at``: when a copy here grew last; ``size``: bytes of it.
    """

    run: str
    flow: str
    status: Status | None
    role: Role
    epoch: int
    owner: str
    entries: int
    whole: bool
    offered: str = ""
    to: str = ""
    when: str = ""
    lease: str = ""
    lag: int | None = None
    at: int = 0
    size: int = 0


def holding_of(store: Store, host: Host, run: str) -> Holding | None:
    """Of one run; None where it never moved."""
    (tenure,) = store.tenures([run])
    return _holding(tenure, store.find(run), host) if tenure.version else None


def holdings(store: Store, host: Host) -> list[Holding]:
    """Of all runs that ever moved, by id."""
    found: list[Holding] = []
    after = ""
    while True:
        page = [record.key for record in store.records(TENURE, after=after, limit=PAGE)]
        here = store.tenures(page)
        found += [_holding(tenure, store.find(tenure.run), host) for tenure in here]
        if len(page) < PAGE:
            return found
        after = page[-1]


def _holding(tenure: Tenure, row: RunRow | None, host: Host) -> Holding:
    kept = read_kept(tenure)
    standing, have = kept.standing, extent_of(tenure)
    replication, acked = standing.replication, host.acked(tenure.run)
    fenced = standing.role is Role.FENCED
    return Holding(
        run=tenure.run,
        flow=row.flow if row else "",
        status=row.status if row else None,
        role=standing.role,
        epoch=standing.epoch.number,
        owner=standing.epoch.owner,
        entries=have.seq,
        whole=bool(have.seq and have.rev),
        offered=standing.next.owner if fenced else standing.to,
        to=replication.to if replication else "",
        when=replication.when if replication else "",
        lease=standing.lease.to if standing.lease else "",
        lag=max(have.seq - acked.seq, 0) if acked and standing.role in OWNING else None,
        at=kept.at,
        size=kept.size,
    )
