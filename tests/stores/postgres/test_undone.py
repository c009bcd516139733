"""A node's transaction that the store's own trouble undoes is begun anew: no run fails by that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from everflow import AsyncTransaction, Registry, Transaction, flow, need, node
from everflow.errors import StoreUnavailable
from everflow.stores.postgres import PostgresStore
from everflow.testing.harness import harness
from tests.stores.postgres.servers import Server

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s"
DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$"


class Troubles:
    """What happens amid a node the first time; the second time nothing does."""

    def __init__(self, server: Server) -> None:
        self.asked = 0
        self._server = server

    def begin(self) -> bool:
        """Whether this is the first time."""
        self.asked += 1
        return self.asked == 1

    def cut(self, pid: int) -> None:
        """The server hangs up."""
        with psycopg.connect(self._server.dsn, autocommit=True) as line:
            line.execute(ENDED, [pid])


def _cut(troubles: Troubles) -> Any:
    def cut(x: int, *, db: Transaction = need(Transaction)) -> int:
        if troubles.begin():
            troubles.cut(db.connection.info.backend_pid)
        db.execute("SELECT 1")
        return x

    return cut


def _cut_and_unheeded(troubles: Troubles) -> Any:
    def unheeded(x: int, *, db: Transaction = need(Transaction)) -> int:
        if troubles.begin():
            troubles.cut(db.connection.info.backend_pid)
            with pytest.raises(psycopg.OperationalError):
                db.connection.execute("SELECT 1")
        return x

    return unheeded


def _deadlocked(troubles: Troubles) -> Any:
    def deadlocked(x: int, *, db: Transaction = need(Transaction)) -> int:
        if troubles.begin():
            with pytest.raises(StoreUnavailable):
                db.execute(DEADLOCK)
        return x

    return deadlocked


def _deadlocked_awaited(troubles: Troubles) -> Any:
    async def awaited(x: int, *, db: AsyncTransaction = need(AsyncTransaction)) -> int:
        if troubles.begin():
            await db.execute(DEADLOCK)
        return x

    return awaited


@pytest.mark.parametrize("way", [_cut, _cut_and_unheeded, _deadlocked, _deadlocked_awaited])
def test_a_transaction_that_was_undone_is_begun_anew(
    way: Callable[[Troubles], Any], postgres: Server, fresh_url: str
) -> None:
    """The node is run again, and the run is done."""
    troubles, registry = Troubles(postgres), Registry()
    made = flow("f", node(way(troubles), name="pay"), registry=registry)
    store: Any = PostgresStore.open(fresh_url)
    with harness(made, store=store, registry=registry) as h:
        assert h.start(1).result() == 1
    assert troubles.asked == 2
    store.close()
