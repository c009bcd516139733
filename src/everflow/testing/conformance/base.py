"""What every part of the suite starts from: the hooks, and short ways to write runs and batches.

The hooks are all that a store's author fills in; no test looks behind the contract otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Literal

import pytest
from msgspec import structs

from everflow.store import (
    Answer,
    Batch,
    Cancel,
    Early,
    EntryRow,
    NewRun,
    QuestionOpened,
    QuestionQuery,
    QuestionRow,
    RunChange,
    RunRow,
    SideRow,
    Status,
    Store,
)

START = 1_700_000_000_000_000
HOUR = 3_600_000_000
PATIENCE = 30  # seconds
Closed = Literal["answered", "expired", "cancelled"]
DEFINITION = ("d1", '{"flow":"one"}')


def eventually(ask: Callable[[], bool]) -> None:
    """Wait until it is so; a store may tell a little later what others wrote."""
    never = Event()
    for _ in range(PATIENCE * 100):
        if ask():
            return
        never.wait(0.01)
    raise AssertionError(f"nothing came within {PATIENCE} s")


def entry(no: int, seq: int, body: str = "[]") -> EntryRow:
    """An entry with its checksum."""
    return no, seq, body, zlib.crc32(body.encode())


def new_run(name: str, **changes: Any) -> NewRun:
    """A run to be started, queued and unowned unless told otherwise."""
    body = changes.pop("body", '["start"]')
    run = NewRun(
        id=name, flow="f", definition="d1", body=body, sum=zlib.crc32(body.encode()), at=START
    )
    return structs.replace(run, **changes)


def begin(store: Store, name: str, **changes: Any) -> RunRow:
    """Start one run."""
    return store.start([new_run(name, **changes)], [DEFINITION])[0]


def standing(row: RunRow, status: Status, **changes: Any) -> RunChange:
    """The row's standing with another status."""
    now = {field: getattr(row, field) for field in RunChange.__struct_fields__}
    return RunChange(**(now | {"status": status} | changes))


def opened(row: RunRow, tag: str = "t", occurrence: int = 0, **changes: Any) -> QuestionOpened:
    """A question of that run."""
    question = QuestionOpened(
        no=row.no,
        tag=tag,
        occurrence=occurrence,
        op=f"0/{tag}~{occurrence}",
        position=tag,
        at=START,
        due=None,
        prompt="[1]",
    )
    return structs.replace(question, **changes)


def answer(row: RunRow, tag: str = "t", occurrence: int = 0, key: str = "k") -> Answer:
    """An answer to a question of that run."""
    return Answer(
        no=row.no, tag=tag, occurrence=occurrence, payload='"yes"', key=key, at=START, by="ann"
    )


def early(row: RunRow, tag: str = "t", key: str = "k", seen: int | None = None) -> Early:
    """An answer by tag alone."""
    return Early(no=row.no, tag=tag, payload='"soon"', key=key, at=START, by="ann", seen=seen)


def cancel(row: RunRow) -> Cancel:
    """The wish to end that run."""
    return Cancel(no=row.no, at=START, by="ann")


class Scribe:
    """A worker that numbers its own batches."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.row = store.enlist(host="here", pid=1, at=START)
        self.id = self.row.id
        self.number = 0

    def batch(self, **parts: Any) -> Batch:
        """The next batch, not yet written."""
        head = {"worker": self.id, "epoch": self.row.epoch, "number": self.number + 1, "at": START}
        return Batch(**(head | parts))

    def write(self, **parts: Any) -> list[int]:
        """Write the next batch."""
        refused = self.store.append(self.batch(**parts))
        self.number += 1
        return refused

    def run(self, name: str, status: Status = Status.RUNNING, **changes: Any) -> RunRow:
        """Start a run of the scribe's own and bring it to that standing."""
        row = begin(self.store, name, status=Status.RUNNING, owner=self.id)
        if status is not Status.RUNNING or changes:
            self.write(changes=[standing(row, status, **changes)])
        return self.store.rows([row.no])[0]

    def asking(self, name: str, tag: str = "t") -> RunRow:
        """Start a run of the scribe's own that waits for an answer."""
        row = self.run(name)
        self.write(opened=[opened(row, tag)], changes=[standing(row, Status.SUSPENDED)])
        return self.store.rows([row.no])[0]


def question_of(store: Store, row: RunRow, tag: str = "t") -> QuestionRow:
    """The run's only question of that tag."""
    (question,) = store.questions(QuestionQuery(no=row.no, tag=tag, open_only=False))
    return question


def inbox_of(store: Store, row: RunRow) -> Sequence[object]:
    """The messages in the run's inbox."""
    return [arrival.message for arrival in store.load([row.no])[0].arrivals]


class Hooks:
    """What the author of a store fills in."""

    def make_store(self, place: Path) -> Store:
        """A new, empty store; ``place`` is an empty folder of the test's own."""
        raise NotImplementedError

    def reopen(self, store: Store, place: Path) -> Store:
        """The same data after the store was closed, as a later process finds it."""
        raise NotImplementedError

    def another(self, store: Store, place: Path) -> Store:
        """The same data as another process sees it meanwhile; the store itself when it's alone."""
        raise NotImplementedError

    def open_backup(self, store: Store, backup: str) -> Store:
        """The copy that ``backup`` made at that place."""
        raise NotImplementedError

    def side_row(self, text: str) -> SideRow | None:
        """A side row that writes this text somewhere; None when the store takes none."""
        raise NotImplementedError

    def side_texts(self, store: Store) -> list[str]:
        """The texts of all side rows that were written."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """The store's folder."""
        place = tmp_path / "store"
        place.mkdir()
        return place

    @pytest.fixture
    def store(self, place: Path) -> Iterator[Store]:
        """A new, empty store."""
        store = self.make_store(place)
        yield store
        store.close()
