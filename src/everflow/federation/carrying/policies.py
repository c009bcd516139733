"""Policies: which peer gets copies of the runs of a flow, and when.

One rule holds: a policy is a record, so that it counts for every process on the store, whoever
wrote it: code at its start, or a person. A run follows the policy of its flow from when it is
seen, and its own standing after that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from everflow.engine.operating.elsewhere import LEASED
from everflow.store import Put, Store

__all__ = ["REPLICATION", "Policy", "When", "declare", "forget", "policies"]

REPLICATION = "replication"  # the kind of their records, by the flow's name
When = Literal["manual", "suspension", "commit"]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of ``flow`` are copied to a peer, by its name, id or address.

    ``when``: at each commit, at each suspension and end, or when somebody says so. With a ``lease``
    of so many seconds they run, and are acknowledged, only while that peer grants it, who takes
    them over when it ends; then each commit is copied.
    """

    flow: str
    to: str
    when: When = "commit"
    lease: float = 0.0


def policies(store: Store) -> dict[str, Policy]:
    """The policies of a store, by flow."""
    found: dict[str, Policy] = {}
    after = ""
    while True:
        page = store.records(REPLICATION, after=after)
        found.update({one.key: msgspec.json.decode(one.body, type=Policy) for one in page})
        if not page:
            return found
        after = page[-1].key


def declare(store: Store, given: Iterable[Policy], *, at: int) -> None:
    """Write policies, where they aren't as they stand."""
    known = policies(store)
    puts = [put for new in given if known.get(new.flow) != new for put in _puts(new)]
    if puts:
        store.write(puts, at=at)


def forget(store: Store, flow: str, *, at: int) -> bool:
    """Remove the policy of a flow; False where there is none. Runs that follow it go on so."""
    if flow not in policies(store):
        return False
    store.write([Put(kind=kind, key=flow, body=None) for kind in (REPLICATION, LEASED)], at=at)
    return True


def _puts(policy: Policy) -> list[Put]:
    """The policy, and for whoever starts runs whether they are leased."""
    body = msgspec.json.encode(policy).decode()
    leased = Put(kind=LEASED, key=policy.flow, body="true" if policy.lease else None)
    return [Put(kind=REPLICATION, key=policy.flow, body=body), leased]
