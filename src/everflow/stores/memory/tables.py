"""The tables: plain dicts, found by number, id and key, and the one lock over all of them.

A verb holds the lock from its first line to its last, so that each is a transaction.
"""

from __future__ import annotations

import copy
import functools
import secrets
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Concatenate, ParamSpec, TypeVar

from msgspec.structs import replace

from everflow.errors import StoreDamaged
from everflow.store import (
    ORDERS,
    Arrival,
    EntryRow,
    Message,
    QuestionRow,
    Record,
    RunRow,
    SideRow,
    Status,
    StoreInfo,
    WorkerRow,
)

FORMAT = 1
RESTING = frozenset({Status.SUSPENDED, Status.WAITING})
TIMED = RESTING | {Status.CANCELLING}  # an undo may wait as well

T = TypeVar("T", bound="Tables")
P = ParamSpec("P")
R = TypeVar("R")


def locked(verb: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Make a verb a transaction."""

    @functools.wraps(verb)
    def under_the_lock(store: T, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with store.lock:
            return verb(store, *args, **kwargs)

    return under_the_lock


def age(run: RunRow) -> tuple[int, int]:
    """The order of runs: by creation, then by number."""
    return run.created, run.no


def copied(run: RunRow) -> RunRow:
    """A row of its own, labels included."""
    return replace(run, labels=dict(run.labels))


def wake(run: RunRow) -> None:
    """End the pause of a run whose cancel was accepted: whoever takes it ends it.

    A copy that was imported does nothing before somebody adopts it, not even undo.
    """
    if run.status is Status.PAUSED and not run.until:
        run.status, run.reason = Status.QUEUED, ""


class Tables:
    """What a store in memory keeps, and how its rows are found.

    ``side`` holds the side rows, ``backups`` the copies by place.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.side: list[SideRow] = []
        self.backups: dict[str, Tables] = {}
        self._info = StoreInfo(
            id=secrets.token_hex(16),
            format=FORMAT,
            created=time.time_ns() // 1000,
            highest=0,
            place="memory",
            name="memory",
        )
        self._version = 0
        self._last_no = 0
        self._last_arrival = 0
        self._runs: dict[int, RunRow] = {}
        self._ids: dict[str, int] = {}
        self._keys: dict[tuple[str, str], int] = {}
        self._entries: dict[int, dict[int, EntryRow]] = {}
        self._questions: dict[tuple[int, str, int], QuestionRow] = {}  # in order of opening
        self._inbox: dict[int, Arrival] = {}  # in order of arrival
        self._heard: dict[int, list[tuple[str, str]]] = {}  # keys of signals, by run
        self._records: dict[tuple[str, str], Record] = {}
        self._record_keys: dict[str, list[str]] = defaultdict(list)  # sorted, by kind
        self._record_dues: dict[str, list[tuple[int, str]]] = defaultdict(list)  # sorted, by kind
        self._last_record = 0
        self._definitions: dict[str, str] = {}
        self._workers: dict[int, WorkerRow] = {}
        self._refused: dict[int, list[int]] = {}  # the answer to a worker's last batch
        self._boards: dict[int, list[int]] = {}
        self._revs: dict[int, tuple[int, str]] = {}  # see ``handing``
        self._taken: dict[int, dict[int, str]] = {}  # by worker: runs that were taken from it
        self._unfit: dict[int, dict[int, int]] = {}  # by run: workers with the code that isn't fit

    def _lives(self, worker: int) -> bool:
        return worker in self._workers and not self._workers[worker].gone

    def _owned(self, worker: int) -> list[RunRow]:
        return [run for run in self._runs.values() if run.owner == worker]

    def _define(self, definitions: Iterable[tuple[str, str]]) -> None:
        for hash_, body in definitions:
            self._definitions.setdefault(hash_, body)

    def _add(self, row: RunRow) -> None:
        """Number the row if it has no number, and put it where it is found."""
        if not row.no:
            self._last_no += 1
            row.no = self._last_no
        self._runs[row.no] = row
        self._ids[row.id] = row.no
        self._entries[row.no] = {}
        self._heard[row.no] = []
        if row.key is not None:
            self._keys[row.flow, row.key] = row.no

    def _delete(self, run: RunRow) -> None:
        del self._runs[run.no], self._ids[run.id], self._entries[run.no], self._heard[run.no]
        self._unfit.pop(run.no, None)
        self._revs.pop(run.no, None)
        if run.key is not None:
            del self._keys[run.flow, run.key]
        self._questions = {at: q for at, q in self._questions.items() if q.no != run.no}
        self._inbox = {id_: a for id_, a in self._inbox.items() if a.no != run.no}

    def _post(self, message: Message) -> None:
        self._last_arrival += 1
        arrival = Arrival(id=self._last_arrival, no=message.no, message=copy.copy(message))
        self._inbox[arrival.id] = arrival
        if isinstance(message, ORDERS):
            self._unfit.pop(message.no, None)
        self._version += 1

    def _today(self, question: QuestionRow) -> QuestionRow:
        """A copy with the definition that the run has by now."""
        return replace(question, definition=self._runs[question.no].definition)

    def _entry(self, no: int, seq: int) -> EntryRow:
        entry = self._entries.get(no, {}).get(seq)
        run = self._runs[no].id if no in self._runs else str(no)
        if entry is None:
            raise StoreDamaged(f"entry {seq} is missing", run=run, hint="restore a backup")
        if zlib.crc32(entry[2].encode()) != entry[3]:
            raise StoreDamaged(f"entry {seq} is damaged", run=run, hint="restore a backup")
        return entry

    def _arrivals(self, nos: Container[int]) -> Iterator[Arrival]:
        """Copies of what is in the inboxes of these runs, in order of arrival."""
        for arrival in self._inbox.values():
            if arrival.no in nos:
                yield replace(arrival, message=copy.copy(arrival.message))
