"""Batches of more than the server takes in one call, of any kind of row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from everflow.store import Letter, Put, QuestionClosed, QuestionQuery, RunRow, Signal, Status
from everflow.stores.postgres import PostgresStore, heavy, writing
from everflow.testing.conformance.base import (
    START,
    Scribe,
    cancel,
    entry,
    inbox_of,
    new_run,
    opened,
    standing,
)

BODY = '["' + "x" * 100 + '"]'


@pytest.fixture
def store(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store whose server takes no more than a few rows at once."""
    monkeypatch.setattr(writing, "HEAVY", 300)
    monkeypatch.setattr(heavy, "HEAVY", 300)
    made = PostgresStore.open(fresh_url)
    yield made
    made.close()


def everything(rows: list[RunRow]) -> dict[str, Any]:
    """What a batch may bear, of each kind more than is taken at once."""
    return {
        "entries": [entry(row.no, seq, BODY) for row in rows for seq in (1, 2)],
        "changes": [
            standing(row, Status.DONE, ended=START, outcome=f"{row.no}{BODY}") for row in rows
        ],
        "opened": [opened(row, f"t{nth}", prompt=BODY) for row in rows for nth in range(2)],
        "closed": [QuestionClosed(rows[0].no, "t0", 0, "expired")],
        "starts": [new_run(f"child{nth}", body=BODY) for nth in range(5)],
        "puts": [Put(kind="blob", key=str(nth), body=BODY) for nth in range(5)],
        "letters": [
            Letter(
                run="parent",
                message=Signal(no=0, name="s", payload=BODY, key=f"k{row.no}", at=START),
                of=row.no,
            )
            for row in rows
        ],
    }


def test_a_batch_of_more_than_a_call_takes_is_written_whole(store: Any) -> None:
    """RELIABILITY 1: rows of many runs together are never a batch that can't be written."""
    scribe = Scribe(store)
    parent = scribe.run("parent", Status.WAITING)
    rows = [scribe.run(f"r{nth}") for nth in range(5)]
    assert scribe.write(**everything(rows)) == []

    for row, after in zip(rows, store.rows([row.no for row in rows]), strict=True):
        assert (after.status, after.outcome) == (Status.DONE, f"{row.no}{BODY}")
    (loaded,) = store.load([rows[3].no])
    assert [body for _, _, body, _ in loaded.entries][1:] == [BODY, BODY]
    states = [q.state for q in store.questions(QuestionQuery(no=rows[0].no, open_only=False))]
    assert sorted(states) == ["expired", "open"]
    assert all(store.find(f"child{nth}") is not None for nth in range(5))
    assert [record.body for record in store.records("blob")] == [BODY] * 5
    assert len(inbox_of(store, parent)) == 5


def test_it_is_written_once_and_what_is_refused_of_it_is_told_each_time(store: Any) -> None:
    """RELIABILITY 1, B064: sent again it gives the same answer and writes nothing."""
    scribe = Scribe(store)
    parent = scribe.run("parent", Status.WAITING)
    rows = [scribe.run(f"r{nth}") for nth in range(5)]
    store.accept([cancel(rows[2])])
    batch = scribe.batch(**everything(rows))

    assert store.append(batch) == [rows[2].no]
    assert store.append(batch) == [rows[2].no]

    after = store.rows([row.no for row in rows])
    assert [row.outcome is None for row in after] == [False, False, True, False, False]
    assert len(inbox_of(store, parent)) == 4, "its ending wasn't taken, so nobody is told"
    assert len(store.records("blob")) == 5


def test_a_batch_that_fails_in_its_middle_leaves_nothing(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY 1: all or nothing, and the next try is the same batch."""
    scribe = Scribe(store)
    scribe.run("parent", Status.WAITING)
    rows = [scribe.run(f"r{nth}") for nth in range(5)]
    whole = heavy.beside

    def cut(*given: Any) -> Iterator[Any]:
        steps = list(whole(*given))
        yield from steps[: len(steps) // 2]
        raise ConnectionError

    monkeypatch.setattr(writing, "beside", cut)
    batch = scribe.batch(**everything(rows))
    with pytest.raises(ConnectionError):
        store.append(batch)
    assert all(row.status is Status.RUNNING for row in store.rows([row.no for row in rows]))
    monkeypatch.setattr(writing, "beside", whole)
    assert store.append(batch) == []
    assert len(store.records("blob")) == 5
