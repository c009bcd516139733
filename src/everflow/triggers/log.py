"""The activity log: append-only, in the order of arrival, each activity once.

Laws: the head, the activity and its identity are written by one transaction, on condition that
nobody else appended since; so numbers have no gaps, and an activity that comes again, in whatever
form and to whichever process, is the one that is there. One of the same identity with other content
is a conflict: what came first stays, and the audit says so. Nothing is ever changed, and only
pruning takes what is old away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from everflow.engine.asking.client import Client
from everflow.engine.operating.intake import Group
from everflow.errors import StoreUnavailable
from everflow.store import Put, Record, Store
from everflow.triggers.activity import Activity, activity_of
from everflow.triggers.decisions import CONFLICT, Decision, decision_put

__all__ = [
    "Activities",
    "Appended",
    "Arrival",
    "activities_after",
    "head_of",
    "key_of",
    "known_number",
    "numbered",
]

ACTIVITY, IDENTITY, HEAD = "activity", "activity-id", "activity-head"  # kinds of records
ONLY = "log"  # the key of the head
MOST = 500  # activities that one transaction appends
TRIES = 100  # of one append against others


class Arrival(StrEnum):
    """What became of an activity that came."""

    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Appended:
    """``no`` is the number in the log of the activity of that identity."""

    no: int
    arrival: Arrival


class _Known(msgspec.Struct, frozen=True):
    """What the record of an identity holds."""

    no: int
    cid: str


class Activities:
    """The activity log of a store. ``stir`` is called once something was appended."""

    def __init__(self, client: Client, stir: Callable[[], None] = lambda: None) -> None:
        self._store = client.store
        self._clock = client.clock
        self._stir = stir
        self._group = Group(self._send, MOST)

    def append(self, activity: object, *, actor: str) -> Appended:
        """Append an activity by an actor who was verified; it is durable when this returns.

        ``activity``: JSON as text or bytes, or plain data. ActivityRefused says what is wrong with
        it. The same activity again is ``KNOWN``, other content under its id a ``CONFLICT``.
        """
        return self._group(activity_of(activity, actor))

    def append_all(self, activities: Iterable[tuple[object, str]]) -> list[Appended]:
        """Append (activity, actor) in their order, in few transactions; none if one is refused."""
        return self._group.all([activity_of(given, actor) for given, actor in activities])

    def head(self) -> int:
        """The number of the newest activity; 0 when there is none."""
        return head_of(self._store)

    def get(self, no: int) -> Activity | None:
        """The activity of that number."""
        found = self._store.records(ACTIVITY, keys=[key_of(no)], limit=1)
        return _activity(found[0]) if found else None

    def after(self, no: int = 0) -> Iterator[Activity]:
        """The activities after a number, oldest first, read a page at a time."""
        while page := activities_after(self._store, no, MOST):
            yield from page
            no = page[-1].no

    def at(self, moment: int) -> int:
        """The number of the last activity that was appended before a time in microseconds."""
        low, high = 0, self.head()
        while low < high:
            middle = (low + high + 1) // 2
            found = self.get(middle)
            if found is None or found.at < moment:
                low = middle
            else:
                high = middle - 1
        return low

    def _send(self, items: Sequence[Activity]) -> list[Appended]:
        for _ in range(TRIES):
            found = self._try(items)
            if found is not None:
                return found
        raise StoreUnavailable(
            f"others appended {TRIES} times meanwhile", hint="append it again: it is safe"
        )

    def _try(self, items: Sequence[Activity]) -> list[Appended] | None:
        """One attempt; None when somebody else appended meanwhile."""
        now = self._clock.wall()
        heads = self._store.records(HEAD, keys=[ONLY], limit=1)
        last = int(heads[0].body) if heads else 0
        known = self._identities([item.identity for item in items])
        puts: list[Put] = []
        found: list[Appended] = []
        for item in items:
            there = known.get(item.identity)
            if there is None:
                last += 1
                known[item.identity] = _Known(last, item.cid)
                puts += _puts(replace(item, no=last, at=now))
                found.append(Appended(last, Arrival.NEW))
            elif there.cid == item.cid:
                found.append(Appended(there.no, Arrival.KNOWN))
            else:
                puts.append(_conflict(replace(item, no=there.no, at=now)))
                found.append(Appended(there.no, Arrival.CONFLICT))
        if any(one.arrival is Arrival.NEW for one in found):
            expect = heads[0].version if heads else 0
            puts.append(Put(kind=HEAD, key=ONLY, body=str(last), expect=expect))
        if puts and self._store.write(puts, at=now) is None:
            return None
        if puts:
            self._stir()
        return found

    def _identities(self, keys: Sequence[str]) -> dict[str, _Known]:
        records = self._store.records(IDENTITY, keys=keys, limit=len(keys))
        return {record.key: msgspec.json.decode(record.body, type=_Known) for record in records}


def key_of(no: int) -> str:
    """The key of the activity of that number: the order of texts is that of numbers."""
    return f"{no:016}"


def head_of(store: Store) -> int:
    """The number of the newest activity; 0 when there is none."""
    heads = store.records(HEAD, keys=[ONLY], limit=1)
    return int(heads[0].body) if heads else 0


def known_number(store: Store, item: Activity) -> int:
    """The number of the activity of that identity; 0 when there is none."""
    found = store.records(IDENTITY, keys=[item.identity], limit=1)
    return msgspec.json.decode(found[0].body, type=_Known).no if found else 0


def activities_after(store: Store, no: int, limit: int) -> list[Activity]:
    """At most so many activities after a number, in their order."""
    return [_activity(found) for found in store.records(ACTIVITY, after=key_of(no), limit=limit)]


def numbered(store: Store, numbers: Sequence[int]) -> dict[int, Activity]:
    """The activities of these numbers."""
    keys = [key_of(no) for no in numbers]
    found = store.records(ACTIVITY, keys=keys, limit=len(keys))
    return {one.no: one for one in map(_activity, found)}


def _activity(record: Record) -> Activity:
    return msgspec.json.decode(record.body, type=Activity)


def _puts(item: Activity) -> list[Put]:
    known = msgspec.json.encode(_Known(item.no, item.cid)).decode()
    body = msgspec.json.encode(item).decode()
    return [
        Put(kind=ACTIVITY, key=key_of(item.no), body=body, expect=0),
        Put(kind=IDENTITY, key=item.identity, body=known, expect=0),
    ]


def _conflict(item: Activity) -> Put:
    """The audit's record of other content under a known identity."""
    line = Decision(trigger="", outcome=CONFLICT, detail=f"other content: {item.cid}")
    return decision_put(item, [line], at=item.at, part=item.cid)
