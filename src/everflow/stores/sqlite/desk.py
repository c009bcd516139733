"""What all verbs share: the two lines, the boards, the queries, and the way of JSON in and out."""

from __future__ import annotations

import os
import time
import weakref
from typing import TypeVar

import apsw
import msgspec

from everflow.errors import StoreDamaged, StoreForeign
from everflow.stores.boards import Boards
from everflow.stores.queries import read_queries
from everflow.stores.sqlite.lines import Glass, Pen, Values
from everflow.stores.sqlite.opening import Place, Value, connect, examined, make
from everflow.stores.sqlite.presence import Presence
from everflow.stores.sqlite.trouble import RESTORE, in_words
from everflow.stores.sqlite.turnstile import Turnstile

T = TypeVar("T")
_BRIEFLY = 2.0  # seconds that a fork waits for calls that are under way

QUERIES = read_queries(
    "sqlite",
    "writing",
    "workers",
    "reading",
    "queueing",
    "keeping",
    "operating",
    "handing",
    "retaining",
)

_open_here: weakref.WeakSet[Desk] = weakref.WeakSet()
_held: list[Desk] = []  # amid a fork


def _before_fork() -> None:
    """Have no thread amid a call of SQLite: a lock that it had inside is never free in a child."""
    end = time.monotonic() + _BRIEFLY
    _held.extend(desk for desk in tuple(_open_here) if desk.hold(end))


def _after_fork() -> None:
    while _held:
        _held.pop().go_on()


def _in_child() -> None:
    _after_fork()
    while _open_here:
        _open_here.pop().forsake()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


class Desk:
    """An open store, without its verbs."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._name = str(place.path)
        self._id: str | None = None
        with in_words(self._name):
            place.folder.mkdir(exist_ok=True)
            self._presence = Presence(place.folder / "open", place.busy)
            turnstile = Turnstile(place.folder, patience=place.busy, place=self._name)
        self._pen = Pen(self._first_connection, self._name, turnstile)
        self._glass = Glass(self._second_connection, self._name)
        self._boards = Boards(place.folder)
        _open_here.add(self)

    def look(self) -> None:
        """Open both lines; who is alone makes the store if need be and examines it before."""
        with in_words(self._name):
            self._presence.enter()
            if not self._presence.alone:
                self._open_lines()
                return
            if not self._place.path.exists():
                make(self._place)
            with examined(self._place):
                self._open_lines()
            self._compare_with_witnesses()
            self._presence.share()

    def _compare_with_witnesses(self) -> None:
        """Refuse a store that lacks batches which its workers know to be written."""
        numbers = self._ask("numbers", dict[int, int])
        for worker, number in self._boards.witnessed().items():
            if number > numbers.get(worker, 0):
                raise StoreDamaged(
                    f"The store {self._name} is older than what was written to it: worker {worker} "
                    f"had written batch {number}, and the store knows {numbers.get(worker, 0)}. "
                    "Its log was lost, or an older copy was put in its place.",
                    hint=f"if an older copy was meant, delete the folder {self._place.folder}",
                )

    def _open_lines(self) -> None:
        self._pen.look()
        self._glass.look()

    def hold(self, end: float) -> bool:
        """Let no call in until ``go_on``; False where some are still under way at that instant."""
        if not self._glass.hold(end):
            return False
        if self._pen.turnstile.hold(end):
            return True
        self._glass.go_on()
        return False

    def go_on(self) -> None:
        """The end of ``hold``."""
        self._pen.turnstile.go_on()
        self._glass.go_on()

    def forsake(self) -> None:
        """In a forked child: let go of the locks that the kernel would count as the parent's."""
        self._boards.close()
        self._presence.leave()
        self._pen.turnstile.forsake()

    def close(self) -> None:
        """Let go of the file and of all own boards. Closing twice is no error."""
        _open_here.discard(self)
        if not self._pen.is_ours:
            return
        self._boards.close()
        self._glass.close()
        self._pen.close()
        self._presence.leave()

    def _first_connection(self) -> apsw.Connection:
        return self._recognized(connect(self._place, self._pen.tell))

    def _second_connection(self) -> apsw.Connection:
        return self._recognized(connect(self._place))

    def _recognized(self, db: apsw.Connection) -> apsw.Connection:
        """The connection, if it leads to the store that was opened."""
        found = str(db.execute("SELECT id FROM store").get)
        if self._id not in {None, found}:
            db.close(force=True)
            raise StoreForeign(
                f"The store {self._name} was replaced by another one while it was open.",
                hint="open it again if that was meant",
            )
        self._id = found
        return db

    def _ask(self, query: str, kind: type[T], values: Values = ()) -> T:
        """What a query that gives one JSON text says."""
        return self._decoded(self._glass.text(QUERIES[query], values), kind)

    def _ask_filtered(self, query: str, kind: type[T], filters: dict[str, Value], limit: int) -> T:
        """The same of a query with filters: those that are asked for, by name."""
        wanted = [QUERIES[f"filter_{name}"] for name in filters] or ["TRUE"]
        statement = QUERIES[query].replace("/* filters */", "\n    AND ".join(wanted))
        values = filters | {"limit": max(limit, 0)}
        return self._decoded(self._glass.text(statement, values), kind)

    def _decoded(self, text: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError as error:
            raise StoreDamaged(
                f"The store {self._name} has a row that can't be read: {error}.", hint=RESTORE
            ) from error
