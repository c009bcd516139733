"""Exactly once: a node's own writes are committed with its result, whatever happens then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from everflow import (
    Registry,
    Writes,
    cached,
    fail,
    flow,
    identity,
    need,
    node,
    parallel,
    retry,
    saga,
    step,
    suspend,
    try_catch,
    wait_for,
)
from everflow.core.flow import Flow
from everflow.engine.settling import commit
from everflow.errors import RunFailed, StatementFailed, StoreUnavailable, WrongArgument
from everflow.store import OUTCOMES, Settlement, Store
from everflow.stores.layer import Layer
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.harness import Harness, harness

LEDGER = "CREATE TABLE ledger (who INTEGER PRIMARY KEY, sum INTEGER)"
INSERT = "INSERT INTO ledger VALUES ($1, $2)"


class Killed(BaseException):
    """The process that made the call is no more."""


class Troubled(Layer):
    """A store of which the next calls of ``settle`` go wrong, as they are told to.

    ``before``: nothing is written, ``after``: it was, all the same. ``calls`` counts.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.next: list[tuple[str, BaseException]] = []
        self.calls = 0

    def settle(self, *args: Any, **named: Any) -> Settlement | None:
        self.calls += 1
        when, error = self.next.pop(0) if self.next else ("", Killed())
        if when == "before":
            raise error
        done = self.inner.settle(*args, **named)
        if when == "after":
            raise error
        return done


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Troubled]:
    sqlite = SQLiteStore.open(tmp_path / "flows.db")
    store = Troubled(sqlite)
    done = Writes()
    done.execute(LEDGER)
    with at_work(suspend("never"), sqlite) as h:
        commit(h.client, done)
    yield store
    sqlite.close()


def ledger(store: Layer) -> list[tuple[object, ...]]:
    db = apsw.Connection(store.info().place)
    try:
        return list(db.execute("SELECT who, sum FROM ledger ORDER BY who"))
    finally:
        db.close()


class Payer:
    """A node that pays, and counts how often it was asked to."""

    def __init__(self, *, place: str = "thread") -> None:
        self.asked: list[int] = []
        self.raises: list[BaseException] = []
        self.meanwhile: Any = None

        def pay(x: int, *, writes: Writes = need(Writes)) -> int:
            return self.pay(x, writes)

        async def pay_later(x: int, *, writes: Writes = need(Writes)) -> int:
            return self.pay(x, writes)

        fn: Any = pay_later if place == "loop" else pay
        self.node = node(fn, name="pay")

    def pay(self, x: int, writes: Writes) -> int:
        self.asked.append(x)
        writes.execute(INSERT, x, len(self.asked))
        if self.meanwhile is not None:
            self.meanwhile()
        if self.raises:
            raise self.raises.pop(0)
        return x * 10


@contextmanager
def at_work(body: Any, store: Store, name: str = "f") -> Iterator[Harness[Any, Any]]:
    registry = Registry()
    made: Flow[Any, Any] = flow(name, body, registry=registry)
    with harness(made, store=store, registry=registry) as h:
        yield h


def inbox(h: Harness[Any, Any]) -> list[Any]:
    nos = [row.no for row in (h.client.row(run.id) for run in h.runs())]
    return [arrival for loaded in h.store.load(nos) for arrival in loaded.arrivals]


@pytest.mark.parametrize("place", ["thread", "loop"])
def test_the_writes_are_there_with_the_result(store: Troubled, place: str) -> None:
    """Both once; the journal looks as any other, and nothing is left in the inbox."""
    payer = Payer(place=place)
    with at_work(payer.node >> identity, store) as h:
        run = h.start(1)
        assert run.result() == 10
        assert [step.kind for step in h.journal(run)] == ["start", "result"]
        assert inbox(h) == []
    assert (payer.asked, ledger(store), store.calls) == ([1], [(1, 1)], 1)


def test_a_store_in_memory_keeps_them_as_a_list() -> None:
    """So a test looks at what would have been written."""
    payer, store = Payer(), MemoryStore()
    with at_work(payer.node, store) as h:
        assert h.start(7).result() == 70
    assert [(row.statement, row.values) for row in store.side] == [(INSERT, [7, 1])]


def test_a_node_is_called_with_its_own_in_a_test() -> None:
    """Calling the node calls the function."""
    payer, writes = Payer(), Writes()
    assert payer.node(3, writes=writes) == 30
    assert [statement.values for statement in writes.statements] == [(3, 1)]


def test_killed_after_the_commit_the_result_isnt_made_again(store: Troubled) -> None:
    """It stands in the inbox, and whoever takes the run over journals it (B080)."""
    payer = Payer()
    store.next = [("after", Killed())]
    with at_work(payer.node >> identity, store) as h:
        with pytest.raises(Killed):
            h.start(1)
        (waiting,) = inbox(h)
        assert waiting.message.payload == "10"
        h.crash()
        assert h.runs()[0].result() == 10
        assert inbox(h) == []
    assert (payer.asked, ledger(store), store.calls) == ([1], [(1, 1)], 1)


def test_killed_before_the_commit_nothing_was_written(store: Troubled) -> None:
    """The attempt is repeated, and its writes are there once."""
    payer = Payer()
    store.next = [("before", Killed())]
    with at_work(payer.node, store) as h:
        with pytest.raises(Killed):
            h.start(1)
        assert ledger(store) == []
        h.crash()
        assert h.runs()[0].result() == 10
    assert (payer.asked, ledger(store)) == ([1, 1], [(1, 2)])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", ["thread", "loop"])
def test_what_isnt_known_to_be_committed_is_sent_again(
    store: Troubled, when: str, place: str
) -> None:
    """The node isn't run again, and its writes are there once, whichever it was."""
    payer = Payer(place=place)
    away = StoreUnavailable("the line is cut")
    store.next = [(when, away), (when, away), (when, away)]
    with at_work(payer.node >> identity, store) as h:
        run = h.start(1)
        assert run.status not in OUTCOMES
        for _ in range(3):
            h.jump(seconds=2)
        assert run.result() == 10
        assert inbox(h) == []
    assert (payer.asked, ledger(store), store.calls) == ([1], [(1, 1)], 4)


def test_a_failing_statement_is_the_nodes_own_error(store: Troubled) -> None:
    """Reified, with its position and its code; nothing of the node is written."""

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        writes.execute(INSERT, x, 1)
        writes.execute("INSERT INTO nowhere VALUES (1)")
        return x

    shift = node(lambda x: x + 5, name="shift")
    with at_work(shift >> pay, store) as h, pytest.raises(RunFailed) as failed:
        h.start(1).result()
    error: Any = failed.value.error
    assert (error.code, error.position) == (StatementFailed.code, "./1")
    assert ledger(store) == []


def test_only_the_attempt_that_succeeds_writes(store: Troubled) -> None:
    """One raised, one was refused by the database: each attempt is an op of its own."""
    payer = Payer()
    payer.raises = [ValueError("no")]
    taken = Writes()
    taken.execute("INSERT INTO ledger VALUES (9, 0)")

    @node(name="clash")
    def clash(x: int, *, writes: Writes = need(Writes)) -> int:
        if len(payer.asked) < 2:
            writes.execute(INSERT, 9, 1)
        return payer.pay(x, writes)

    with at_work(retry(3, clash), store) as h:
        commit(h.client, taken)
        assert h.start(1).result() == 10
    assert (payer.asked, ledger(store)) == ([1, 1, 1], [(1, 3), (9, 0)])


def test_a_statements_error_is_caught_like_any(store: Troubled) -> None:
    """By its type's name, as ``try_catch`` takes it."""

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        writes.execute("nonsense")
        return x

    @node(name="seen")
    def seen(caught: Any) -> str:
        return str(caught.error.type)

    with at_work(try_catch(pay, seen), store) as h:
        assert h.start(1).result() == "StatementFailed"


def test_a_deposed_worker_commits_nothing(store: Troubled) -> None:
    """It was taken for dead while the node was being run: its heir runs it, once."""
    payer = Payer()
    with at_work(payer.node, store) as h:

        def deposed() -> None:
            payer.meanwhile = None
            worker = h.scheduler.ownership
            store.depose(worker.worker, worker.epoch)

        payer.meanwhile = deposed
        run = h.start(1)
        h.jump(seconds=2)
        assert run.result() == 10
    assert (payer.asked, ledger(store)) == ([1, 1], [(1, 2)])


def test_a_run_that_was_released_meanwhile_gets_nothing(store: Troubled) -> None:
    """Whoever owns it then runs the node."""
    payer = Payer()
    with at_work(payer.node, store) as h:

        def released() -> None:
            payer.meanwhile = None
            row = h.client.row(h.runs()[0].id)
            store.release(row.owner, [row.no])

        payer.meanwhile = released
        run = h.start(1)
        assert run.status not in OUTCOMES
        assert ledger(store) == []
        h.crash()
        assert run.result() == 10
    assert (payer.asked, ledger(store)) == ([1, 1], [(1, 2)])


def test_a_cancel_before_the_commit_leaves_nothing(store: Troubled) -> None:
    """The op was stopped: its gate is shut."""
    payer = Payer()
    with at_work(payer.node, store) as h:

        def cancelled() -> None:
            h.client.cancel(h.runs()[0].id)
            h.scheduler.turn()
            h.scheduler.turn()

        payer.meanwhile = cancelled
        assert str(h.start(1).status) == "cancelled"
    assert (payer.asked, ledger(store)) == ([1], [])


def test_what_was_committed_before_a_cancel_is_undone(store: Troubled) -> None:
    """Whoever takes the run over learns of the writes first, so that a saga undoes them."""
    payer = Payer()

    @node(name="unpay")
    def unpay(paid: tuple[int, int], *, writes: Writes = need(Writes)) -> None:
        writes.execute("DELETE FROM ledger WHERE who = $1", paid[0])

    store.next = [("after", Killed())]
    with at_work(saga((payer.node, unpay), (suspend("wait"), identity)), store) as h:
        with pytest.raises(Killed):
            h.start(1)
        assert ledger(store) == [(1, 1)]
        h.client.cancel(h.runs()[0].id)
        h.crash()
        assert str(h.runs()[0].status) == "cancelled"
    assert (payer.asked, ledger(store)) == ([1], [])


def test_a_node_that_waits_begins_anew(store: Troubled) -> None:
    """What it had told before its question isn't written; what it tells at last is, once."""

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> Any:
        writes.execute(INSERT, x, 1)
        answer: Any = wait_for("ok")
        return answer

    with at_work(pay, store) as h:
        run = h.start(1)
        assert ledger(store) == []
        h.answer(run, True)
        assert run.result() is True
    assert ledger(store) == [(1, 1)]


def test_direct_style_has_it_too(store: Troubled) -> None:
    """A step is a node like any."""
    payer, registry = Payer(), Registry()

    @flow(registry=registry)
    async def body(x: int) -> int:
        first: int = await step(payer.node, x)
        second: int = await step(payer.node, x + 1)
        return first + second

    with harness(body, store=store, registry=registry) as h:
        assert h.start(1).result() == 30
    assert ledger(store) == [(1, 1), (2, 2)]


def test_a_failure_value_is_a_result(store: Troubled) -> None:
    """The node returned: what it wrote stands."""

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> Any:
        writes.execute(INSERT, x, 1)
        return x

    with at_work(pay >> fail("too late"), store) as h:
        h.start(1)
    assert ledger(store) == [(1, 1)]


def test_siblings_write_each_their_own(store: Troubled) -> None:
    """Each node is a transaction of its own."""
    one, two = Payer(), Payer()
    other = node(two.node.require_fn(), name="other")
    shift = node(lambda x: x + 5, name="shift")
    with at_work(parallel(one.node, shift >> other), store) as h:
        assert h.start(1).result() == (10, 60)
    assert (ledger(store), store.calls) == ([(1, 1), (6, 1)], 2)


@pytest.mark.parametrize("setting", ["pure", "inline", "process"])
def test_it_is_refused_where_it_cant_be(setting: str) -> None:
    """At the definition, with the reason."""

    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        return x + len(writes.statements)

    options: Any = {setting: True}
    with pytest.raises(WrongArgument, match=f"can't be {setting}=True"):
        node(pay, name="pay", **options)


def test_it_isnt_cached_and_no_node_asks_twice() -> None:
    """A result that is kept writes nothing; one transaction is enough."""
    with pytest.raises(WrongArgument, match="pay writes with its result"):
        cached(Payer().node)

    def greedy(one: Writes = need(Writes), two: Writes = need(Writes)) -> None:
        one.execute("SELECT 1")
        two.execute("SELECT 1")

    with pytest.raises(WrongArgument, match="greedy needs 2"):
        node(greedy)


@pytest.mark.parametrize("sql", ["", "  ", 3])
def test_a_statement_is_a_text(sql: Any) -> None:
    """Told where it is written."""
    with pytest.raises(WrongArgument, match="a statement is a text"):
        Writes().execute(sql)


def told_by(seen: list[Any], registry: Registry) -> Flow[Any, Any]:
    def tell(x: int) -> int:
        seen.append(x)
        return x

    return flow("tell", node(tell, name="tell"), registry=registry)


def test_runs_are_started_with_the_result(store: Troubled) -> None:
    """What is to leave is a run of its own: there with the writes, and executed."""
    seen: list[Any] = []
    registry = Registry()
    told = told_by(seen, registry)

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        writes.execute(INSERT, x, 1)
        writes.start(told, x, key=f"paid {x}", labels={"by": "pay"})
        writes.start("tell", x + 1)
        return x

    paying = flow("f", pay, registry=registry)
    with harness(paying, store=store, registry=registry) as h:
        assert h.start(1).result() == 1
        rows = [row for row in (h.client.row(run.id) for run in h.runs()) if row.flow == "tell"]
        told_of = {(row.key, str(row.status), row.labels.get("by")) for row in rows}
        assert told_of == {("paid 1", "done", "pay"), (None, "done", None)}
    assert sorted(seen) == [1, 2]


@pytest.mark.parametrize("broken", ["statement", "value", "flow"])
def test_no_run_is_started_of_a_node_that_failed(store: Troubled, broken: str) -> None:
    """Neither where a statement is refused, nor where a start is: that is the node's error."""
    registry = Registry()
    told = told_by([], registry)

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        writes.execute(INSERT if broken != "statement" else "nonsense", x, 1)
        writes.start(told, object() if broken == "value" else x)
        if broken == "flow":
            writes.start("unknown", x)
        return x

    paying = flow("f", pay, registry=registry)
    with harness(paying, store=store, registry=registry) as h:
        assert str(h.start(1).status) == "failed"
        assert len(h.runs()) == 1
    assert ledger(store) == []


def test_started_once_whatever_is_sent_again(store: Troubled) -> None:
    """The commit was ambiguous, and the process killed: one run."""
    seen: list[Any] = []
    registry = Registry()
    told = told_by(seen, registry)

    @node(name="pay")
    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        writes.start(told, x)
        return x

    paying = flow("f", pay, registry=registry)
    store.next = [("after", StoreUnavailable("away")), ("after", Killed())]
    with harness(paying, store=store, registry=registry) as h:
        with pytest.raises(Killed):
            h.start(1)
        h.crash()
        assert len(h.runs()) == 2
    assert seen == [1]
