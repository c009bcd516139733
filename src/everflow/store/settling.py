"""Settling: a node's own writes and its result, committed together, once.

What the node gave stands in its run's inbox from that commit on, as a ``Settled`` message: so it
goes wherever the run goes (to another worker, another instance, another store), and whoever owns
the run journals it and deletes it in one, instead of running the node again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from everflow.store.messages import Settled
from everflow.store.rows import NewRun, RunRow, SideRow


class Settlement(msgspec.Struct, kw_only=True):
    """What was settled: the id of the message in the inbox (0: there is none), and the starts."""

    id: int
    started: list[RunRow]


class StartStatement(msgspec.Struct):
    """Given to ``settle`` as ``within``, it is told the statement by which one run is started.

    ``{}`` stands in it for each of its values. Whoever executes it gets the run's id.
    """

    sql: str = ""
    values: list[str] = []


class Settling(Protocol):
    """The verb by which an application's own writes are committed."""

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
        """Execute statements and put what a node gave into its run's inbox, in one transaction.

        Without ``settled`` they are an application's own, and bear no fence. Else ``Fenced`` for a
        stale epoch, or a worker that is gone or unknown; None, and nothing is written, for a run
        that isn't the worker's own or has ended. Sent again it is without effect as long as the
        message of that run and op is in the inbox: its id is given, so that an ambiguous commit is
        simply sent again. Whoever sends may do so until the message is journaled, and not after.

        The statements are executed in their order; the first that fails raises ``StatementFailed``
        with its place, and nothing is written. So does one that would end the transaction, or that
        names a table of the store's own. ``starts`` are started as ``start`` does it.

        ``within`` is an open transaction of this store's own, where it has such, see ``begin``: all
        of this is written in it, and it is the caller who commits. With a ``StartStatement``
        nothing is written here at all.
        """


class OpenTransaction(Protocol):
    """A transaction that a node has while it is run; ``connection`` is the driver's own."""

    @property
    def connection(self) -> Any:
        """The driver's connection."""

    @property
    def undone(self) -> bool:
        """Whether trouble of the store ended it, and nothing that its node did: try again."""

    def execute(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """The rows that a statement gives; StatementFailed where it fails.

        StoreError where that isn't the statement's fault: the transaction is undone.
        """

    def revoke(self) -> None:
        """Let it execute nothing more: its node was given up."""

    def commit(self) -> None:
        """Commit it. StoreError when that isn't known to be done."""

    def close(self) -> None:
        """Let go of it: what isn't committed never was. Closing twice is no error."""


@runtime_checkable
class Transacting(Protocol):
    """What a store has that gives nodes transactions of their own, for ``settle`` within them."""

    def begin(self, worker: int, epoch: int, no: int, op: str) -> OpenTransaction:
        """A transaction for a node of a run; Fenced where the worker is gone."""

    def settled(self, worker: int, epoch: int, no: int, op: str) -> int:
        """The id of the op's message in the inbox, 0 if no commit of it went through, or will.

        Fenced as ``settle``.
        """
