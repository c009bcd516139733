"""What a node may tell its writes: where it can't be, and runs that are started with its result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everflow import (
    Registry,
    Writes,
    cached,
    flow,
    need,
    node,
)
from everflow.core.flow import Flow
from everflow.errors import StoreUnavailable, WrongArgument
from everflow.testing.harness import harness
from tests.engine.paying import INSERT, Killed, Payer, Troubled, ledger, troubled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Troubled]:
    with troubled(tmp_path) as store:
        yield store


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
        writes.start("tell", x + 1, queue="mails", lane="ann", priority=3)
        return x

    paying = flow("f", pay, registry=registry)
    with harness(paying, store=store, registry=registry) as h:
        h.client.queues.declare("mails", limit=1)
        assert h.start(1).result() == 1
        rows = [row for row in (h.client.row(run.id) for run in h.runs()) if row.flow == "tell"]
        told_of = {(row.key, str(row.status), row.labels.get("by")) for row in rows}
        assert told_of == {("paid 1", "done", "pay"), (None, "done", None)}
        waited = {(row.queue, row.lane, row.priority) for row in rows}
        assert waited == {("", "", 0), ("mails", "ann", 3)}
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
