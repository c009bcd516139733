"""Others of a call: who may go on with it if its run becomes theirs, and who had the run before.

One rule holds: a call names its heirs as soon as its run has any, so that whoever takes the run
over finds the call that is under way, and doesn't have it made twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from everflow.engine.asking.client import Client
from everflow.engine.records.errands import Errand
from everflow.federation.carrying.kept import read_kept
from everflow.federation.words import MOST_OTHERS, Ask
from everflow.store import Store

__all__ = ["NONE", "Others", "ask_of", "is_safe", "others_of"]


class Others(NamedTuple):
    """Ids of instances, at most ``MOST_OTHERS`` of each."""

    heirs: list[str]
    before: list[str]


NONE = Others([], [])


def others_of(store: Store, runs: Iterable[str], me: str) -> dict[str, Others]:
    """By run; those that never moved, and that nobody has a copy of, are left out."""
    moved = [tenure for tenure in store.tenures(sorted(runs)) if tenure.version]
    if not moved:
        return {}
    found = {}
    for tenure in moved:
        standing = read_kept(tenure).standing
        copied = {standing.replication.to} if standing.replication else set()
        leased = {standing.lease.to} if standing.lease else set()
        owners = dict.fromkeys(link.epoch.owner for link in reversed(standing.lineage))
        before = [owner for owner in owners if owner != me]
        found[tenure.run] = Others(sorted(copied | leased - {me}), before[:MOST_OTHERS])
    return found


def is_safe(client: Client, run: str) -> bool:
    """Whether a run's lessee has all that is here of it, if it is leased."""
    row = client.store.find(run)
    return row is None or client.leases is None or client.leases.is_safe(row)


def ask_of(errand: Errand, others: Others, expires: int) -> bytes:
    """The call of an errand, as it is sent."""
    ask = Ask(
        function=errand.function,
        input=errand.input,
        expires=expires,
        depth=errand.depth,
        heirs=others.heirs,
        before=others.before,
    )
    return msgspec.json.encode(ask)
