"""Settling: an application's own statements, in a transaction of the store's one writer.

While they are executed nothing may be done that isn't theirs: SQLite asks ``_Guard`` for each
statement, triggers included, what it is about to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

import apsw

from everflow.errors import Fenced, StatementFailed, StoreError
from everflow.store import NewRun, RunRow, Settled, Settlement, SideRow
from everflow.stores.documents import as_json
from everflow.stores.sqlite.desk import QUERIES
from everflow.stores.sqlite.opening import Value
from everflow.stores.sqlite.writing import SOME_WERE_THERE, Writing, births, born

_NUMBERED = re.compile(r"\$\d")
_OURS = frozenset(
    {"store", "worker", "taken", "run", "entry", "question", "inbox", "heard", "record"}
    | {"definition", "refusal"}
)
_TABLE = frozenset(
    {
        apsw.SQLITE_INSERT,
        apsw.SQLITE_UPDATE,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_READ,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_VIEW,
    }
)
_ON_TABLE = frozenset(  # where the second name is the table's
    {
        apsw.SQLITE_ALTER_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_DROP_TRIGGER,
    }
)
_NEVER = {
    apsw.SQLITE_TRANSACTION: "begin or end a transaction: the store commits it with the result",
    apsw.SQLITE_SAVEPOINT: "set a savepoint: what fails is undone whole",
    apsw.SQLITE_ATTACH: "attach a file",
    apsw.SQLITE_DETACH: "detach a file",
    apsw.SQLITE_PRAGMA: "change a setting of the store's",
}
_OF_THE_STORE = (  # trouble that no statement is to blame for
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.ReadOnlyError,
)


class _Guard:
    """What SQLite asks about each thing that a statement would do; ``said`` is why one may not."""

    def __init__(self) -> None:
        self.said = ""

    def __call__(
        self, act: int, one: str | None, two: str | None, where: str | None, _by: str | None
    ) -> int:
        table = one if act in _TABLE else two if act in _ON_TABLE else None
        if act in _NEVER:
            self.said = f"it would {_NEVER[act]}"
        elif (table or "").lower() in _OURS:
            self.said = f"{table} is a table of the store's own"
        elif where == "temp":
            self.said = f"{one} is temporary, and such are the store's own"
        else:
            return apsw.SQLITE_OK
        return apsw.SQLITE_DENY


class Settling(Writing):
    """``settle``."""

    def settle(
        self,
        settled: Settled | None,
        statements: Sequence[SideRow] = (),
        *,
        worker: int = 0,
        epoch: int = 0,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        within: object = None,
    ) -> Settlement | None:
        """Execute the statements, put the result into the inbox, start the runs; then commit."""
        if within is not None:
            raise StoreError("SQLite has one writer: nobody's transaction is open beside it.")
        with self._pen.transaction() as db:
            known = 0 if settled is None else self._fence(db, settled, worker, epoch)
            if known is None:
                return None
            if not known:
                _execute(db, statements)
            started = self._begin_all(db, starts, definitions)
            if settled is not None and not known:
                known = self._post(db, settled)
        rows = self._started(starts) if started is None else started
        return Settlement(id=known, started=rows)

    def _fence(self, db: apsw.Connection, settled: Settled, worker: int, epoch: int) -> int | None:
        """The id of the message if it is there already, 0 if not; None where it may not be."""
        values: dict[str, Value] = {
            "worker": worker,
            "epoch": epoch,
            "no": settled.no,
            "op": settled.op,
        }
        lives, owned, known = self._decoded(
            str(db.execute(QUERIES["may_settle"], values).get), tuple[bool, bool, int]
        )
        if not lives:
            raise Fenced(
                f"The store {self._name} refused a node's result: its worker was deposed.",
                hint="enlist again",
            )
        return known if owned else None

    def _post(self, db: apsw.Connection, settled: Settled) -> int:
        values: dict[str, Value] = {"no": settled.no, "message": as_json(settled)}
        return cast("int", db.execute(QUERIES["post_settled"], values).get)

    def _begin_all(
        self,
        db: apsw.Connection,
        starts: Sequence[NewRun],
        definitions: Sequence[tuple[str, str]],
    ) -> list[RunRow] | None:
        """The rows of runs that were all new; None where some were there."""
        if not starts:
            return []
        given, nos = births(starts)
        told = self._pen.told = list[int]()
        db.execute(QUERIES["start"], (*given, as_json(definitions)))
        return None if SOME_WERE_THERE in told else born(starts, nos, told)


def _execute(db: apsw.Connection, statements: Sequence[SideRow]) -> None:
    """Execute statements in their order; StatementFailed for the first that can't be."""
    guard = _Guard()
    before = db.authorizer
    db.authorizer = guard
    try:
        for nth, side in enumerate(statements):
            try:
                for _ in db.execute(side.statement, _values(side), can_cache=False):
                    """What it gives is nobody's."""
            except _OF_THE_STORE:
                raise
            except (apsw.Error, TypeError, ValueError, OverflowError) as error:
                said = f"the statement {side.statement!r:.200} failed: {guard.said or error}"
                raise StatementFailed(said, place=nth) from error
    finally:
        db.authorizer = before


def _values(side: SideRow) -> tuple[Value, ...] | Mapping[str, Value]:
    """By number where the statement says $1, as PostgreSQL does; else in their order."""
    values = cast("list[Value]", side.values)
    if _NUMBERED.search(side.statement):
        return {str(nth): value for nth, value in enumerate(values, 1)}
    return tuple(values)
