"""What of the log may be forgotten, and is, when somebody says so.

Laws: only what every trigger has decided about goes, and nothing that still waits for code or for a
guard. Of an activity that went it stays known that it came, so that it is never new again, whoever
delivers it and when. What was decided and fired goes before the activity does, so that a crash
leaves nothing that isn't found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from everflow.engine.asking.client import Client
from everflow.engine.records.audit import audit
from everflow.store import Put, Record, Store
from everflow.triggers.decisions import KIND as DECISION
from everflow.triggers.decisions import ROLL, roll_of
from everflow.triggers.log import ACTIVITY, head_of
from everflow.triggers.records import GROUP, cursors, read_all
from everflow.triggers.writing import FIRING, NEED, WAIT

__all__ = ["Pruned", "prune_activities"]

PAGE = 500


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """How much went: activities, records of decisions about them, firings."""

    activities: int
    decisions: int
    firings: int


def prune_activities(client: Client, *, before: int, dry: bool = False, by: str = "") -> Pruned:
    """Forget the activities from before a time (µs) that are decided about. ``dry``: only count."""
    store, at = client.store, client.clock.wall()
    old = set(_old(store, before))
    decisions = _all(store, DECISION, last=max(old, default=0))
    gone = {
        DECISION: [one.key for one in decisions if _first(one) in old],
        FIRING: [one.key for one in _all(store, FIRING) if _of(one) in old],
        ACTIVITY: [f"{no:016}" for no in sorted(old)],
    }
    if not dry:
        for kind in (WAIT, NEED):  # nobody waits for these any more
            left = [one.key for one in _waiting(store, kind, removed=True) if _of(one) in old]
            _delete(store, kind, left, at=at)
        for kind, keys in gone.items():
            _delete(store, kind, keys, at=at)
        _delete(store, ROLL, _rolls(store), at=at)
        if old:
            line = audit(
                "activity-prune",
                at=at,
                by=by,
                random=client.random,
                activities=len(old),
                before=before,
            )
            store.write([line], at=at)
    return Pruned(activities=len(old), decisions=len(gone[DECISION]), firings=len(gone[FIRING]))


def _old(store: Store, before: int) -> Iterator[int]:
    """The numbers of the activities that may go."""
    decided = min((stood.cursor.at for stood in cursors(store).values()), default=head_of(store))
    waits = {_of(record) for kind in (WAIT, NEED) for record in _waiting(store, kind)}
    for record in _all(store, ACTIVITY, last=decided):
        if record.at >= before:
            return
        if _first(record) not in waits:
            yield _first(record)


def _waiting(store: Store, kind: str, *, removed: bool = False) -> Iterator[Record]:
    """What waits for a trigger that is there, or for one that was removed."""
    there, broken = read_all(store)
    for record in _all(store, kind):
        name = record.key.split("/")[-2]
        if (name in there or name in broken) is not removed:
            yield record


def _rolls(store: Store) -> list[str]:
    """The rolls that no decision refers to which is left, and none will."""
    group = cursors(store).get(GROUP)
    marks = [] if group is None else [group.cursor.mark]
    used = next(filter(None, (roll_of(record) for record in _all(store, DECISION))), None)
    first = min([*marks, *([] if used is None else [used])], default=0)
    return [record.key for record in _all(store, ROLL) if _first(record) < first]


def _all(store: Store, kind: str, *, last: int | None = None) -> Iterator[Record]:
    """The records of a kind by key; where keys begin with numbers, those up to one."""
    after = ""
    while page := store.records(kind, after=after, limit=PAGE):
        for record in page:
            if last is not None and _first(record) > last:
                return
            yield record
        after = page[-1].key


def _delete(store: Store, kind: str, keys: Iterable[str], *, at: int) -> None:
    left = list(keys)
    for first in range(0, len(left), PAGE):
        puts = [Put(kind=kind, key=key, body=None) for key in left[first : first + PAGE]]
        store.write(puts, at=at)


def _of(record: Record) -> int:
    """The number that a record's key ends with."""
    return int(record.key.rpartition("/")[2])


def _first(record: Record) -> int:
    """The number that a record's key begins with."""
    return int(record.key.partition("/")[0])
