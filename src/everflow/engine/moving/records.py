"""What isn't a run's, where everything goes.

What is only looked up (limits of queues, pauses, which definitions are in force, cached results) is
there before the runs are. What acts by itself (schedules, runs to come) or tells what was done
comes after them, a part at a time: deleted at the source, on condition that nobody wrote it since,
before it is at the target.
"""

from __future__ import annotations

from collections.abc import Iterator

from everflow.engine.moving.ledger import BY, LEDGER, Leaving
from everflow.engine.moving.parcels import Parcels
from everflow.engine.records.flights import DOUBT
from everflow.engine.records.retentions import RETENTION, let_of, letting
from everflow.store import BRANCH, COPY, Put, Record, Store
from everflow.stores.aside import BLOB
from everflow.stores.layer import innermost

__all__ = [
    "QUIET",
    "STAYING",
    "copy_definitions",
    "copy_first",
    "kinds_of",
    "lift_pauses",
    "move_records",
    "paused_queues",
]

STAYING = frozenset({BLOB, COPY, DOUBT, RETENTION})  # of this store alone
FIRST = ("current", "queue", "pause", "cache")
# What a living worker may write meanwhile; a store with any other kind is one that others know.
QUIET = frozenset({
    *FIRST, *LEDGER, BLOB, DOUBT, RETENTION, "acknowledged", "audit", "debounce", "debounced",
    "erased", "schedule", "token",
})  # fmt: skip
RECORDS = 200  # in one transaction
DEFINITIONS = 200


def kinds_of(store: Store) -> list[str]:
    """The kinds of records that move."""
    return [kind for kind in store.kinds() if kind not in {*FIRST, *LEDGER, *STAYING}]


def pages(store: Store, kind: str) -> Iterator[list[Record]]:
    """All records of a kind, by key."""
    after = ""
    while page := store.records(kind, after=after, limit=RECORDS):
        yield page
        after = page[-1].key


def copy_definitions(parcels: Parcels) -> None:
    """All of them: which ones a sealed run awaits isn't to be seen."""
    after = ""
    while found := parcels.source.definitions(after=after, limit=DEFINITIONS):
        parcels.target.write([], at=parcels.clock.wall(), definitions=found)
        after = found[-1][0]


def copy_first(parcels: Parcels) -> None:
    """What has to be there before the runs are, where everything goes."""
    source, target, at = parcels.source, parcels.target, parcels.clock.wall()
    for kind in FIRST:
        for page in pages(source, kind):
            _copy(target, page, at)
    for kind in ("pause", "queue"):
        known = {record.key for page in pages(source, kind) for record in page}
        gone = [one.key for page in pages(target, kind) for one in page if one.key not in known]
        if gone:
            target.write([Put(kind=kind, key=key, body=None) for key in gone], at=at)
    told = let_of(source)
    if told is not None:  # who asks for a run that went is told so there, too
        target.write(letting(target, told), at=at)
    if source.records(BRANCH, limit=1):
        # The values aside of what was set aside: of runs they come with their entries.
        for page in pages(innermost(source), BLOB):
            _copy(innermost(target), page, at)


def _copy(target: Store, records: list[Record], at: int) -> None:
    puts = [
        Put(kind=one.kind, key=one.key, body=one.body, due=one.due, at=one.at) for one in records
    ]
    target.hand_all([], at=at, puts=puts)


def move_records(parcels: Parcels) -> int:
    """Move all other records; how many."""
    moved = 0
    for kind in kinds_of(parcels.source):
        while page := parcels.source.records(kind, limit=RECORDS):
            key, leaving = parcels.key(), Leaving(records=page)
            gone = [Put(kind=kind, key=one.key, body=None, expect=one.version) for one in page]
            puts = [*gone, *parcels.leave(key, leaving)]
            if parcels.source.write(puts, at=parcels.clock.wall()) is None:
                continue
            parcels.deliver(key, leaving)
            moved += len(page)
    return moved


def paused_queues(store: Store, at: int) -> list[Put]:
    """The pauses of all queues that nobody paused: neither side is to admit more than there may."""
    names = {record.key for page in pages(store, "queue") for record in page} | set(store.waiting())
    paused = {record.key for page in pages(store, "pause") for record in page}
    keys = [f"queue:{name}" for name in sorted(names)]
    body = f'{{"by":"{BY}","at":{at}}}'
    return [Put(kind="pause", key=key, body=body) for key in keys if key not in paused]


def lift_pauses(store: Store, at: int) -> None:
    """End the pauses that a move made."""
    for page in pages(store, "pause"):
        puts = [
            Put(kind="pause", key=one.key, body=None, expect=one.version)
            for one in page
            if f'"by":"{BY}"' in one.body
        ]
        if puts:
            store.write(puts, at=at)
