"""An application's own statements in PostgreSQL, and transactions that nodes have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, cast

import psycopg
import pytest

from everflow.errors import Fenced, StatementFailed, StoreError, StoreUnavailable
from everflow.store import RunRow, SideRow, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place
from everflow.testing.conformance.base import Scribe, inbox_of, new_run
from everflow.testing.conformance.settling import settled
from tests.faults.outside import until


def said(sql: str, *values: object) -> SideRow:
    return SideRow(statement=sql, values=list(values))


class Bank:
    """A store, a ledger of the application's in the same database, and a worker with a run."""

    def __init__(self, url: str) -> None:
        self.place = Place.read(url)
        self.ledger = f"{self.place.schema}_ledger"
        self.line = psycopg.connect(self.place.conninfo, autocommit=True)
        self.line.execute(f"CREATE TABLE {self.ledger} (id text PRIMARY KEY, sum int)".encode())
        self.store: Any = PostgresStore.open(url)
        self.scribe = Scribe(cast("Store", self.store))
        self.row: RunRow = self.scribe.run("a")
        self.insert = f"INSERT INTO {self.ledger} VALUES ($1, $2)"
        self.mine: Any = {"worker": self.scribe.id, "epoch": self.scribe.row.epoch}

    @property
    def paid(self) -> list[tuple[object, ...]]:
        rows = f"SELECT id, sum FROM {self.ledger} ORDER BY id"
        return list(self.line.execute(rows.encode()).fetchall())

    def settle(self, *statements: SideRow, op: str = "./pay") -> None:
        self.store.settle(settled(self.row, op), statements, **self.mine)

    def close(self) -> None:
        self.store.close()
        self.line.execute(f"DROP TABLE {self.ledger}".encode())
        self.line.execute(f"DROP SCHEMA {self.place.schema} CASCADE".encode())
        self.line.close()


@pytest.fixture
def bank(fresh_url: str) -> Iterator[Bank]:
    bank = Bank(fresh_url)
    yield bank
    bank.close()


def test_values_are_given_by_number_or_as_psycopg_does(bank: Bank) -> None:
    """``$1`` is the way that SQLite has, too; ``%s`` is the driver's."""
    bank.settle(
        said(bank.insert, "a", 1),
        said(f"INSERT INTO {bank.ledger} VALUES ($2, $1), ($3, $1)", 2, "b", "c"),
        said(f"INSERT INTO {bank.ledger} VALUES (%s, %s)", "d", 3),
    )
    assert bank.paid == [("a", 1), ("b", 2), ("c", 2), ("d", 3)]


@pytest.mark.parametrize(
    ("sql", "values", "why"),
    [
        ("COMMIT", (), "begin or end a transaction"),
        ("  rollback ", (), "begin or end a transaction"),
        ("INSERT INTO L VALUES ('x', 1); COMMIT", (), "cannot insert multiple commands"),
        ("DELETE FROM S.run", (), "a table of the store's own"),
        ('UPDATE "S" . run SET owner = 0', (), "a table of the store's own"),
        ("INSERT INTO L VALUES ('taken', 2)", (), "duplicate key"),
        ("INSERT INTO nowhere VALUES (1)", (), "does not exist"),
        ("INSERT INTO L VALUES ($1, $2)", ("a",), "bind message supplies 1 parameters"),
        ("INSERT INTO L VALUES ($1, $2)", ("a", object()), "cannot adapt"),
        ("INSERT INTO L VALUES ($1, $2)", ("a", "text"), "invalid input syntax"),
        ("nonsense", (), "syntax error"),
    ],
)
def test_what_fails_or_may_not_be_is_told(
    bank: Bank, sql: str, values: tuple[object, ...], why: str
) -> None:
    """By its place and with the reason; nothing of the whole is written."""
    bank.settle(said(bank.insert, "taken", 1), op="./first")
    sql = sql.replace("L", bank.ledger, 1) if " L " in sql else sql
    broken = said(sql.replace("S", bank.place.schema, 1) if "S.run" in sql else sql, *values)
    broken.statement = broken.statement.replace('"S"', f'"{bank.place.schema}"')
    with pytest.raises(StatementFailed, match=why) as failed:
        bank.store.settle(
            settled(bank.row),
            [said(bank.insert, "first", 1), broken],
            starts=[new_run("b")],
            **bank.mine,
        )
    assert failed.value.place == 1
    assert bank.paid == [("taken", 1)]
    assert bank.store.find("b") is None
    assert len(inbox_of(bank.store, bank.row)) == 1


def test_a_nodes_transaction_sees_what_it_wrote(bank: Bank) -> None:
    """It is committed with the result, and nobody sees it before."""
    opened = bank.store.begin(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay")
    assert opened.execute(bank.insert, ("a", 1)) == []
    assert opened.execute(f"SELECT sum FROM {bank.ledger}", ()) == [(1,)]
    done = bank.store.settle(settled(bank.row), starts=[new_run("b")], within=opened, **bank.mine)
    assert done is not None
    assert (bank.paid, inbox_of(bank.store, bank.row), bank.store.find("b")) == ([], [], None)
    opened.commit()
    opened.close()
    assert bank.paid == [("a", 1)]
    assert inbox_of(bank.store, bank.row) == [settled(bank.row)]
    assert bank.store.find("b") == done.started[0]
    known = bank.store.settled(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay")
    assert known == done.id


def test_what_isnt_committed_never_was(bank: Bank) -> None:
    """Closed without a commit, it leaves nothing, and its op may begin anew."""
    for _ in range(2):
        opened = bank.store.begin(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay")
        opened.execute(bank.insert, ("a", 1))
        opened.close()
    assert bank.paid == []
    assert bank.store.settled(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay") == 0


def test_a_transaction_of_a_deposed_worker_isnt_committed(bank: Bank) -> None:
    """Neither is one begun by it, nor one that it had begun, which was ended with the worker."""
    worker, epoch = bank.scribe.id, bank.scribe.row.epoch
    opened = bank.store.begin(worker, epoch, bank.row.no, "./pay")
    opened.execute(bank.insert, ("a", 1))
    assert bank.store.depose(worker, epoch)
    with pytest.raises(StoreUnavailable):
        bank.store.settle(settled(bank.row), within=opened, **bank.mine)
    assert opened.undone
    opened.close()
    with pytest.raises(Fenced):
        bank.store.begin(worker, epoch, bank.row.no, "./pay")
    assert bank.paid == []


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_node_doesnt_end_its_transaction(bank: Bank, end: str) -> None:
    """Neither by a statement nor behind our back: then nothing is settled."""
    opened = bank.store.begin(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay")
    with pytest.raises(StatementFailed, match="begin or end"):
        opened.execute(end, ())
    opened.connection.execute(f"{end}; BEGIN".encode())
    with pytest.raises(StatementFailed, match="ended by a statement of its own"):
        bank.store.settle(settled(bank.row), within=opened, **bank.mine)
    opened.close()
    assert inbox_of(bank.store, bank.row) == []


def test_one_that_is_revoked_executes_nothing_more(bank: Bank) -> None:
    """Its node was given up: whatever its thread does then comes to nothing."""
    opened = bank.store.begin(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay")
    opened.execute(bank.insert, ("a", 1))
    opened.revoke()
    with pytest.raises(StatementFailed, match="its time is over"):
        opened.execute(bank.insert, ("b", 1))
    opened.close()
    assert bank.paid == []


def test_an_op_that_was_settled_has_no_transaction_more(bank: Bank) -> None:
    """Its result stands in the inbox."""
    bank.settle(said(bank.insert, "a", 1))
    with pytest.raises(StoreError, match="settled already"):
        bank.store.begin(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./pay")


def test_what_a_dead_workers_node_has_open_holds_up_nobody(bank: Bank) -> None:
    """A process that stands lets go of no row by itself; whoever takes its runs over may go on."""
    bank.settle(said(bank.insert, "a", 1))
    change = said(f"UPDATE {bank.ledger} SET sum = sum + 1")
    opened = bank.store.begin(bank.scribe.id, bank.scribe.row.epoch, bank.row.no, "./more")
    opened.execute(change.statement, [])
    heir = bank.store.enlist(host="there", pid=2, at=0)
    assert bank.store.depose(bank.scribe.id, bank.scribe.row.epoch)
    (row,) = bank.store.claim(heir.id, now=0, limit=10)
    bank.store.settle(settled(row, "./more"), [change], worker=heir.id, epoch=heir.epoch)
    assert bank.paid == [("a", 2)]
    with pytest.raises((StoreError, StatementFailed)):
        opened.execute(change.statement, [])
    opened.close()


def test_a_transaction_whose_line_is_cut_in_half_is_ended(bank: Bank) -> None:
    """Its worker begins the node again: what went before it hears nothing, and is given up."""
    worker, epoch = bank.scribe.id, bank.scribe.row.epoch
    silent = bank.store.begin(worker, epoch, bank.row.no, "./pay")
    silent.execute(bank.insert, ["a", 1])
    again = bank.store.begin(worker, epoch, bank.row.no, "./pay")
    again.execute(bank.insert, ["a", 2])
    bank.store.settle(settled(bank.row), within=again, **bank.mine)
    again.commit()
    again.close()
    silent.close()
    assert bank.paid == [("a", 2)]


LOCK = "SELECT pg_advisory_lock(1, 7)"
WAITS = "SELECT pg_advisory_xact_lock(1, 7)"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def _transacting(bank: Bank) -> None:
    opened = bank.store.begin(*bank.mine.values(), bank.row.no, "./pay")
    opened.execute(WAITS, [])
    opened.close()


@pytest.mark.parametrize("act", [_transacting, lambda bank: bank.settle(said(WAITS))])
def test_what_the_server_is_at_work_on_may_take_long(
    bank: Bank, act: Callable[[Bank], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than ``patience``: it is asked, on another connection, and its node isn't undone."""
    store, asked, free = bank.store, list[bool](), Event()

    def works(line: Any) -> bool:
        """What it says of who waits for the lock; other waits take their time on a busy machine."""
        waits = bank.line.execute(WAITING).fetchone() == (1,)
        found = bool(is_at_work(line))
        if waits and not free.is_set():
            asked.append(found)
        return found or not waits or free.is_set()

    patience = store._apart.patience  # noqa: SLF001 - there is no other way to hurry it alone
    is_at_work = patience._works  # noqa: SLF001 - the same way
    monkeypatch.setattr(patience, "_works", works)
    monkeypatch.setattr(patience, "_seconds", 0.2)
    bank.line.execute(LOCK)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(act, bank)
        until(lambda: len(asked) > 1 or done.done())
        free.set()
        bank.line.execute("SELECT pg_advisory_unlock_all()")
        done.result()
    assert all(asked)


def test_a_connection_that_no_server_works_for_is_given_up(bank: Bank) -> None:
    """One that stands still, or isn't known; and behind a pooler nobody knows."""
    store = bank.store
    with psycopg.connect(bank.place.conninfo) as line:
        works = store._apart.patience._works  # noqa: SLF001 - what is shown
        assert not works(line)
        store._lines.prepares = False  # noqa: SLF001 - as it is behind a pooler
        assert not works(line)
    store._lines.prepares = True  # noqa: SLF001 - as it was before
    with psycopg.connect(bank.place.conninfo) as line:
        store.close()
        assert not works(line)
