"""What all verbs share: the two lines, the boards, the queries, and the way of JSON in and out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import apsw
import msgspec

from everflow.errors import StoreDamaged
from everflow.stores.queries import read_queries
from everflow.stores.sqlite.boards import Boards
from everflow.stores.sqlite.lines import Glass, Pen, Values
from everflow.stores.sqlite.opening import Place, connect
from everflow.stores.sqlite.trouble import RESTORE, of_system
from everflow.stores.sqlite.turnstile import Turnstile

T = TypeVar("T")

_FOUND = read_queries("sqlite", "writing", "workers", "reading", "keeping")
QUERIES = {name: text.replace("/* filters */", _FOUND["filters"]) for name, text in _FOUND.items()}
_encode = msgspec.json.Encoder().encode


def as_json(value: object) -> str:
    """A value as the JSON text that a statement takes."""
    return _encode(value).decode()


class Desk:
    """An open store, without its verbs."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._name = str(place.path)
        try:
            turnstile = Turnstile(place.folder, patience=place.busy, place=self._name)
        except OSError as error:
            raise of_system(error, self._name) from error
        self._pen = Pen(lambda: connect(place, self._pen.tell), self._name, turnstile)
        self._glass = Glass(self._second_connection, self._name)
        self._boards = Boards(place.folder)

    def _second_connection(self) -> apsw.Connection:
        """One that reads. It comes in by the turnstile too: opening asks that nobody writes."""
        self._pen.turnstile.enter()
        try:
            return connect(self._place)
        finally:
            self._pen.turnstile.leave()

    def look(self) -> None:
        """Open both lines, and with that refuse a file that isn't whole."""
        with self._files():
            self._pen.look()
            self._glass.look()

    def _ask(self, query: str, kind: type[T], values: Values = ()) -> T:
        """What a query that gives one JSON text says."""
        return self._decoded(self._glass.text(QUERIES[query], values), kind)

    def _decoded(self, text: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError as error:
            raise StoreDamaged(
                f"The store {self._name} has a row that can't be read: {error}.", hint=RESTORE
            ) from error

    @contextmanager
    def _files(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise of_system(error, self._name) from error
