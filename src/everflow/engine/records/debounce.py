"""Debounced starts: a further start before the time replaces the input and pushes the time back.

Until then the run is a record and not a row: what it will begin with may still change, and a
journal never does. Its id is fixed by the first start, so that everybody who started it holds the
same run. The record and the row change places in one transaction.

However often it is pushed back, it begins ``LONGEST`` times the debounce after the first start.
Twins: Inngest's debounce, Trigger.dev's debounced triggers.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from everflow.core.entries import Entry, decode_body, row_of
from everflow.errors import StoreDamaged, StoreRefused, StoreUnavailable, WrongArgument
from everflow.store import NewRun, Put, Record, RunRow, Store, row_of_new

__all__ = ["Debounced", "begin_due", "dropped", "put_off", "to_come"]

_log = logging.getLogger("everflow.engine")
KIND = "debounce"  # key: flow and key; due when the run begins
NAMES = "debounced"  # key: the run's id; body: the key of the record above
LONGEST = 10
MOST = 100  # runs that begin in one turn
PUT_OFF = 600_000_000  # microseconds until what the store refused is tried again
_TRIES = 20
_MICRO = timedelta(microseconds=1)


class Debounced(msgspec.Struct, kw_only=True):
    """A run that is still to begin, with its definition and the time of its first start."""

    run: NewRun
    definition: tuple[str, str]
    first: int


def put_off(store: Store, run: NewRun, definition: tuple[str, str], debounce: timedelta) -> RunRow:
    """Have a run begin when nothing more came for so long; its key says what is the same."""
    if not isinstance(debounce, timedelta) or not timedelta(0) < debounce <= timedelta(days=366):
        raise WrongArgument("debounce is a timedelta, longer than nothing and a year at most")
    if run.key is None:
        raise WrongArgument("a debounced start needs a key", hint="it says which starts are one")
    span, key = debounce // _MICRO, f"{run.flow}\0{run.key}"
    for _ in range(_TRIES):
        record = next(iter(store.records(KIND, keys=[key])), None)
        before = None if record is None else _read(record)
        first = run.at if before is None else before.first
        mine = run if before is None else _under(run, before.run.id)
        body = Debounced(run=replace(mine, key=None), definition=definition, first=first)
        due = min(run.at + span, first + LONGEST * span)
        version = 0 if record is None else record.version
        text = msgspec.json.encode(body).decode()
        puts = [Put(kind=KIND, key=key, body=text, expect=version, due=due)]
        puts.append(Put(kind=NAMES, key=mine.id, body=msgspec.json.encode(key).decode()))
        if store.write(puts, at=run.at) is not None:
            return row_of_new(body.run, 0)
    raise StoreUnavailable(f"others started {run.key!r:.80} {_TRIES} times", hint="try again")


def _under(run: NewRun, id_: str) -> NewRun:
    """The same run under the id that it was given first: its first entry bears it, too."""
    entry: Entry = decode_body(run.body)
    _, _, body, checksum = row_of(0, msgspec.structs.replace(entry, note=id_))
    return replace(run, id=id_, body=body, sum=checksum)


def _read(record: Record) -> Debounced:
    try:
        return msgspec.json.decode(record.body, type=Debounced)
    except msgspec.DecodeError as error:
        raise StoreDamaged(f"a debounced start can't be read: {error}") from error


def _record_of(store: Store, run: str) -> Record | None:
    name = next(iter(store.records(NAMES, keys=[run])), None)
    if name is None:
        return None
    keys = [msgspec.json.decode(name.body, type=str)]
    return next(iter(store.records(KIND, keys=keys)), None)


def to_come(store: Store, run: str) -> RunRow | None:
    """A run that is still to begin, as it will be: queued, and without a number."""
    record = _record_of(store, run)
    return None if record is None else row_of_new(_read(record).run, 0)


def dropped(store: Store, run: str, at: int) -> bool:
    """Have a run that is still to begin never begin. False when it began, or is unknown."""
    record = _record_of(store, run)
    if record is None:
        return False
    return store.write(_gone(record, run), at=at) is not None


def _gone(record: Record, run: str) -> list[Put]:
    return [
        Put(kind=KIND, key=record.key, body=None, expect=record.version),
        Put(kind=NAMES, key=run, body=None),
    ]


def begin_due(store: Store, now: int) -> int | None:
    """Have those begin whose time has come; when the next one's comes."""
    due = store.next_record_due(KIND)
    if due is None or due > now:
        return due
    for record in store.due_records(KIND, now=now, limit=MOST):
        try:
            waiting = _read(record)
        except StoreDamaged as error:
            _log.warning("%s is set aside: %s", record.key, error)
            kept = Put(kind=KIND, key=record.key, body=record.body, expect=record.version)
            store.write([kept], at=now)
            continue
        new = replace(waiting.run, at=max(now, waiting.run.at))
        gone, made = _gone(record, new.id), [waiting.definition]
        try:
            store.write(gone, at=now, starts=[new], definitions=made)
        except StoreRefused as error:
            _log.error("the run %s can't begin, and is looked at later: %s", new.id, error)
            later = Put(kind=KIND, key=record.key, body=record.body, expect=record.version)
            store.write([replace(later, due=now + PUT_OFF)], at=now)
    return store.next_record_due(KIND)
