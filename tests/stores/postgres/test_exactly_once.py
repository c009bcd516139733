"""Exactly-once nodes over PostgreSQL: statements that are told, and transactions of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import psycopg
import pytest

from everflow import (
    AsyncTransaction,
    Registry,
    Transaction,
    Writes,
    flow,
    identity,
    need,
    node,
    retry,
    timeout,
)
from everflow.core.flow import Flow
from everflow.errors import (
    MissingDependency,
    RunFailed,
    StatementFailed,
    StoreUnavailable,
    WrongArgument,
)
from everflow.store import OUTCOMES, Store
from everflow.stores.memory import MemoryStore
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.settling import NodeTransaction
from everflow.testing.harness import Harness, harness
from tests.engine.support import PATIENT, World


class Bank:
    """A store, a ledger of the application's in the same database, and what was asked of nodes."""

    def __init__(self, url: str) -> None:
        place = Place.read(url)
        self.url = url
        self.schema = place.schema
        self.ledger = f"{place.schema}_ledger"
        self.insert = f"INSERT INTO {self.ledger} VALUES ($1, $2)"
        self.line = psycopg.connect(place.conninfo, autocommit=True)
        self.line.execute(f"CREATE TABLE {self.ledger} (who int PRIMARY KEY, sum int)".encode())
        self.store: Any = PostgresStore.open(url)
        self.asked: list[int] = []
        self.raises: list[BaseException] = []
        self.meanwhile: Any = None

    def pay(self, x: int, execute: Any) -> int:
        self.asked.append(x)
        execute(self.insert, x, len(self.asked))
        if self.meanwhile is not None:
            self.meanwhile()
        if self.raises:
            raise self.raises.pop(0)
        return x * 10

    def told(self) -> Any:
        def told(x: int, *, writes: Writes = need(Writes)) -> int:
            return self.pay(x, writes.execute)

        return node(told, name="pay")

    def own(self) -> Any:
        def own(x: int, *, db: Transaction = need(Transaction)) -> int:
            paid = self.pay(x, db.execute)
            rows = db.execute(f"SELECT sum FROM {self.ledger} WHERE who = $1", x)
            assert rows == [(len(self.asked),)]
            return paid

        return node(own, name="pay")

    def awaited(self) -> Any:
        async def awaited(x: int, *, db: AsyncTransaction = need(AsyncTransaction)) -> int:
            self.asked.append(x)
            await db.execute(self.insert, x, len(self.asked))
            rows = await db.execute(f"SELECT sum FROM {self.ledger} WHERE who = $1", x)
            assert rows == [(len(self.asked),)]
            if self.meanwhile is not None:
                self.meanwhile()
            if self.raises:
                raise self.raises.pop(0)
            return x * 10

        return node(awaited, name="pay")

    @property
    def paid(self) -> list[tuple[object, ...]]:
        rows = f"SELECT who, sum FROM {self.ledger} ORDER BY who"
        return list(self.line.execute(rows.encode()).fetchall())

    def at_work(self, body: Any) -> Harness[Any, Any]:
        registry = Registry()
        made: Flow[Any, Any] = flow("f", body, registry=registry)
        return harness(made, store=self.store, registry=registry)

    def close(self) -> None:
        self.store.close()
        self.line.execute(f"DROP TABLE {self.ledger}".encode())
        self.line.execute(f"DROP SCHEMA {self.schema} CASCADE".encode())
        self.line.close()


@pytest.fixture
def bank(fresh_url: str) -> Iterator[Bank]:
    bank = Bank(fresh_url)
    yield bank
    bank.close()


WAYS = pytest.mark.parametrize("way", ["told", "own", "awaited"])
OWN = pytest.mark.parametrize("way", ["own", "awaited"])


@WAYS
def test_the_writes_are_there_with_the_result(bank: Bank, way: str) -> None:
    """Both once; nothing is left in the inbox."""
    with bank.at_work(getattr(bank, way)() >> identity) as h:
        run = h.start(1)
        assert run.result() == 10
        assert [step.kind for step in h.journal(run)] == ["start", "result"]
        (loaded,) = bank.store.load([h.client.row(run.id).no])
        assert loaded.arrivals == []
    assert (bank.asked, bank.paid) == ([1], [(1, 1)])


@WAYS
def test_only_the_attempt_that_succeeds_writes(bank: Bank, way: str) -> None:
    """A node that raises rolls back."""
    bank.raises = [ValueError("no"), ValueError("no")]
    with bank.at_work(retry(3, getattr(bank, way)())) as h:
        assert h.start(1).result() == 10
    assert (bank.asked, bank.paid) == ([1, 1, 1], [(1, 3)])


@WAYS
def test_a_deposed_worker_commits_nothing(bank: Bank, way: str) -> None:
    """Its heir runs the node, once."""
    with bank.at_work(getattr(bank, way)()) as h:

        def deposed() -> None:
            bank.meanwhile = None
            worker = h.scheduler.ownership
            assert bank.store.depose(worker.worker, worker.epoch)

        bank.meanwhile = deposed
        run = h.start(1)
        h.jump(seconds=2)
        assert run.result() == 10
    assert (bank.asked, bank.paid) == ([1, 1], [(1, 2)])


@pytest.mark.parametrize("committed", [False, True])
@OWN
def test_a_commit_that_isnt_known_is_looked_up(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, way: str, committed: bool
) -> None:
    """It was lost with its connection: the op's row tells whether it went through."""
    whole = NodeTransaction.commit

    def cut(opened: NodeTransaction) -> None:
        monkeypatch.setattr(NodeTransaction, "commit", whole)
        if committed:
            whole(opened)
        opened.connection.close()
        raise StoreUnavailable("the line is cut")

    monkeypatch.setattr(NodeTransaction, "commit", cut)
    with bank.at_work(getattr(bank, way)() >> identity) as h:
        assert h.start(1).result() == 10
    asked = [1] if committed else [1, 1]
    assert (bank.asked, bank.paid) == (asked, [(1, len(asked))])


@OWN
def test_killed_after_the_commit_the_result_isnt_made_again(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whoever takes the run over finds it in the inbox (B080)."""

    class Killed(BaseException):
        """The process is no more."""

    whole = NodeTransaction.commit

    def killed(opened: NodeTransaction) -> None:
        whole(opened)
        monkeypatch.setattr(NodeTransaction, "commit", whole)
        raise Killed

    monkeypatch.setattr(NodeTransaction, "commit", killed)
    with bank.at_work(getattr(bank, way)() >> identity) as h:
        with pytest.raises(Killed):
            h.start(1)
        assert bank.paid == [(1, 1)]
        h.crash()
        assert h.runs()[0].result() == 10
    assert (bank.asked, bank.paid) == ([1], [(1, 1)])


def test_a_statement_that_failed_loses_the_transaction(bank: Bank) -> None:
    """Also where the node makes nothing of it: its result isn't recorded without its writes."""

    def careless(x: int, *, db: Transaction = need(Transaction)) -> int:
        db.execute(bank.insert, x, 1)
        with pytest.raises(StatementFailed):
            db.execute("SELECT 1 / 0")
        return x

    with bank.at_work(node(careless, name="pay")) as h, pytest.raises(RunFailed, match="aborted"):
        h.start(1).result()
    assert bank.paid == []


@pytest.mark.parametrize("act", ["commit", "rollback", "close", "statement"])
def test_a_node_doesnt_end_its_transaction(bank: Bank, act: str) -> None:
    """It returns to commit, and raises to roll back."""

    def hasty(x: int, *, db: Transaction = need(Transaction)) -> int:
        db.execute(bank.insert, x, 1)
        if act == "statement":
            db.execute("COMMIT")
        else:
            getattr(db.connection, act)()
        return x

    with bank.at_work(node(hasty, name="pay")) as h, pytest.raises(RunFailed) as failed:
        h.start(1).result()
    error: Any = failed.value.error
    assert error.code == "statement_failed"
    assert bank.paid == []


def test_the_drivers_connection_is_there(bank: Bank) -> None:
    """For what ``execute`` can't do: COPY, say."""

    def copies(x: int, *, db: Transaction = need(Transaction)) -> int:
        with (
            db.connection.cursor() as cursor,
            cursor.copy(f"COPY {bank.ledger} FROM STDIN") as copy,
        ):
            copy.write_row((x, 5))
        return x

    with bank.at_work(node(copies, name="pay")) as h:
        assert h.start(1).result() == 1
    assert bank.paid == [(1, 5)]


@pytest.mark.parametrize("way", ["told", "own"])
def test_runs_are_started_in_it(bank: Bank, way: str) -> None:
    """There with the writes, and executed."""
    registry = Registry()
    seen: list[int] = []
    tell: Any = flow("tell", node(seen.append, name="tell"), registry=registry)
    kind: Any = Writes if way == "told" else Transaction

    def pay(x: int, *, db: Any = need(kind)) -> int:
        db.execute(bank.insert, x, 1)
        db.start(tell, x, key=f"paid {x}")
        return x

    made: Flow[Any, Any] = flow("f", node(pay, name="pay"), registry=registry)
    with harness(made, store=bank.store, registry=registry) as h:
        assert h.start(1).result() == 1
        assert [h.client.row(run.id).key for run in h.runs()].count("paid 1") == 1
    assert (bank.paid, seen) == ([(1, 1)], [1])


def test_a_thread_that_is_given_up_executes_nothing_more(bank: Bank) -> None:
    """Its timeout was journaled: the statement after that is refused, and all is rolled back."""
    world = World(cast("Store", bank.url))
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    after: list[BaseException] = []

    def slow(x: int, *, db: Transaction = need(Transaction)) -> int:
        db.execute(bank.insert, x, 1)
        begun.set()
        assert go_on.wait(PATIENT)
        try:
            db.execute(bank.insert, x + 1, 1)
        except StatementFailed as error:
            after.append(error)
        ended.set()
        return x

    late = world.flow("f", timeout(timedelta(hours=1), node(slow, name="pay")))
    with world.engine() as engine:
        run = engine.start(late, 1)
        assert begun.wait(PATIENT)
        world.clock.jump(3601)
        with pytest.raises(RunFailed, match="FlowTimeout"):
            run.result(PATIENT)
        go_on.set()
        assert ended.wait(PATIENT)
    assert len(after) == 1
    assert bank.paid == []


def test_other_stores_have_no_transactions() -> None:
    """Told before anything is started, with the way that there is."""

    def own(x: int, *, db: Transaction = need(Transaction)) -> int:
        return len(db.execute("SELECT 1")) + x

    world = World(MemoryStore())
    world.flow("f", node(own, name="pay"))
    with pytest.raises(MissingDependency, match=r"(?s)needs db: Transaction.*need\(Writes\)"):
        world.engine().open()


def test_a_stand_in_is_what_a_test_gives() -> None:
    """Over any store: the node gets it as it is."""

    def own(x: int, *, db: Transaction = need(Transaction)) -> int:
        return len(db.execute("SELECT 1")) + x

    made: Flow[Any, Any] = flow("f", node(own, name="pay"), registry=Registry())
    fake = Transaction(lambda _sql, _values: [(1,), (2,)])
    with harness(made, provide={Transaction: fake}) as h:
        assert h.start(1).result() == 3
        assert h.runs()[0].status in OUTCOMES


def test_each_kind_of_node_has_its_own() -> None:
    """An async node awaits its statements, a plain one doesn't."""

    def plain(db: AsyncTransaction = need(AsyncTransaction)) -> object:
        return db

    async def later(db: Transaction = need(Transaction)) -> object:
        return db

    with pytest.raises(WrongArgument, match="plain def and needs AsyncTransaction"):
        node(plain)
    with pytest.raises(WrongArgument, match="async and needs Transaction"):
        node(later)
