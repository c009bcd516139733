"""What a node may be given to write to its own database in the transaction of its result.

Two rules hold here. A node asks for it as for any dependency, so that its type is its result's and
a test hands it one of its own. What a ``Writes`` was told is executed only after the node returned,
so that a node that raises has written nothing. Twin: "transactional outbox" (Hohpe and Woolf's
guaranteed delivery), DBOS's transactions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Unpack

from everflow.core.queueing import Turn
from everflow.errors import WrongArgument

if TYPE_CHECKING:
    from everflow.core.flow import Flow

__all__ = [
    "AsyncTransaction",
    "Begun",
    "Settles",
    "Statement",
    "Transaction",
    "Writes",
    "settles_of",
]

In = TypeVar("In")


class Statement(NamedTuple):
    """One SQL statement and its values."""

    sql: str
    values: tuple[object, ...]


class Begun(NamedTuple):
    """A run that is to be started in the same transaction."""

    flow: Flow[Any, Any] | str
    value: Any
    key: str | None
    labels: Mapping[str, str] | None
    turn: Turn


class Settles:
    """What is committed with a node's result. A node may ask for one such, by ``need``."""

    def __init__(self) -> None:
        self.starts: list[Begun] = []

    def start(
        self,
        flow: Flow[In, Any] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **turn: Unpack[Turn],
    ) -> None:
        """Start a run in the same transaction: it is there when the result is, or not at all.

        So whatever must leave (a mail, a webhook) is a run of a durable flow. Without a ``key`` it
        is a run of its own; with the key of one that is there, it is that one. It may wait in a
        ``queue``, with a ``lane`` and a ``priority``.
        """
        self.starts.append(Begun(flow, value, key, labels, turn))


class Writes(Settles):
    """Statements that are executed with a node's result, in one transaction, on every store.

    ``def pay(order: Order, *, writes: Writes = need(Writes)) -> Receipt`` gets a new one for each
    attempt. ``statements`` and ``starts`` are what it was told so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[Statement] = []

    def execute(self, sql: str, *values: object) -> None:
        """Have a statement executed once the node has returned.

        Values stand for ``$1``, ``$2`` and so on, on every store (or ``?``, where that is SQLite).
        """
        if not isinstance(sql, str) or not sql.strip():
            raise WrongArgument(f"a statement is a text in SQL, not {sql!r:.60}")
        self.statements.append(Statement(sql, values))


Perform = Callable[[str, tuple[object, ...]], list[tuple[Any, ...]]]


class Transaction(Settles):
    """The very transaction in which a node's result is committed, on a store in PostgreSQL.

    ``def pay(order: Order, *, db: Transaction = need(Transaction)) -> Receipt`` gets a new one for
    each attempt. It is committed once the node has returned, with its result; a node that raises,
    or whose time is over, leaves nothing. ``connection`` is psycopg's, for what needs it (COPY,
    another library); it refuses to commit, to roll back and to close.
    """

    def __init__(self, perform: Perform, connection: Any = None) -> None:
        super().__init__()
        self._perform = perform
        self.connection = connection

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement now; the rows that it gives. ``$1`` is the first of the values.

        StatementFailed where the database refuses it: then the transaction is lost, whatever the
        node makes of that.
        """
        return self._perform(sql, values)


class AsyncTransaction(Settles):
    """The same for async nodes: each statement is awaited."""

    def __init__(self, perform: Callable[..., Awaitable[list[tuple[Any, ...]]]]) -> None:
        super().__init__()
        self._perform = perform

    async def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """See ``Transaction.execute``."""
        return await self._perform(sql, values)


def settles_of(
    name: object, needs: Iterable[type[Any]], refused: Iterable[str], *, is_async: bool
) -> bool:
    """Whether a node with such needs settles its own writes.

    WrongArgument where it asks for two such, or is executed as one can't be.
    """
    asked = [kind for kind in needs if isinstance(kind, type) and issubclass(kind, Settles)]
    if len(asked) > 1:
        raise WrongArgument(f"{name} needs {len(asked)} of what is committed with its result")
    settings = [setting for setting in refused if asked]
    if settings:
        raise WrongArgument(
            f"{name} needs {asked[0].__name__}, so it can't be {settings[0]}=True:"
            " its transaction is committed from the worker's own process, off its scheduler",
            hint="leave pure=, inline= and process= away",
        )
    wrong, right = (Transaction, AsyncTransaction) if is_async else (AsyncTransaction, Transaction)
    if wrong in asked:
        raise WrongArgument(
            f"{name} is {'async' if is_async else 'a plain def'} and needs {wrong.__name__}",
            hint=f"need({right.__name__}) is the one for it",
        )
    return bool(asked)
