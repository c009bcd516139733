"""Exactly once: a node's own writes are committed with its result, whatever happens then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everflow import (
    Registry,
    Writes,
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
from everflow.engine.nodes.settling import commit
from everflow.errors import RunFailed, StatementFailed, StoreUnavailable
from everflow.store import OUTCOMES
from everflow.stores.memory import MemoryStore
from everflow.testing.harness import harness
from tests.engine.paying import INSERT, Killed, Payer, Troubled, at_work, inbox, ledger, troubled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Troubled]:
    with troubled(tmp_path) as store:
        yield store


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
