"""What others do between two statements of one call, which each see what stands as they begin."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from everflow.errors import ConfigurationError
from everflow.store import Hand, Store
from everflow.stores import boards
from everflow.stores.boards import Boards
from everflow.stores.locks import try_lock
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place
from everflow.testing.conformance.base import START, Scribe, begin
from tests.faults.outside import until
from tests.stores.postgres.spares import Spares

PATIENCE = 60.0
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


class Scene:
    """A store, and what holds a call up amid it until it is let go."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = cast("Store", PostgresStore.open(url))
        self._place = Place.read(url)
        self._line = psycopg.connect(self._place.conninfo, autocommit=True)

    def holding(self, *statements: str) -> psycopg.Connection[Any]:
        """A transaction that has executed these, with the store's tables on its path."""
        line = psycopg.connect(self._place.conninfo)
        line.execute(f"SET search_path = {self._place.schema}".encode())
        for statement in statements:
            line.execute(statement.encode())
        return line

    def met(self) -> None:
        """Wait until somebody waits for what another one holds."""
        until(lambda: self._line.execute(BLOCKED).fetchone() != (0,), PATIENCE)

    def close(self) -> None:
        self.store.close()
        self._line.close()


@pytest.fixture
def scene(spares: Spares) -> Iterator[Scene]:
    url = spares.take()
    made = Scene(url)
    yield made
    made.close()
    spares.give_back(url)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def hand(run: str, **standing: Any) -> Hand:
    seen = {"version": None, "seq": None, "rev": None, "body": "b", "here": False}
    return Hand(run=run, **(seen | standing))


def test_a_run_that_came_to_be_leased_is_not_claimed(
    scene: Scene, pool: ThreadPoolExecutor
) -> None:
    """Between the look for what may be claimed and the claim of it."""
    begin(scene.store, "a")
    one = Scribe(scene.store)
    with scene.holding("LOCK TABLE taken IN ACCESS EXCLUSIVE MODE"):
        told = pool.submit(scene.store.claim, one.id, now=START, limit=9)
        scene.met()
        assert scene.store.hand(hand("a", here=True, leased=True), at=START)
    assert told.result(PATIENCE) == []


def test_a_run_is_not_handed_while_one_writes_who_came_late(
    scene: Scene, pool: ThreadPoolExecutor
) -> None:
    """It enlists and claims as the hand waits for another run: its batch is waited for, too."""
    rows = [begin(scene.store, name) for name in "ab"]
    acts = [hand(row.id, seq=1) for row in rows]
    with scene.holding(f"SELECT FROM run WHERE no = {rows[0].no} FOR UPDATE"):
        told = pool.submit(scene.store.hand_all, acts, at=START)
        scene.met()
        late = Scribe(scene.store)
        assert [row.id for row in scene.store.claim(late.id, now=START, limit=9)] == ["b"]
        batch = scene.holding(
            f"UPDATE worker SET number = 1 WHERE id = {late.id}",
            f"INSERT INTO entry (era, run, seq, sum, body) VALUES (1, {rows[1].no}, 1, 0, '[]')",
        )
    scene.met()
    batch.commit()
    batch.close()
    assert not told.result(PATIENCE)
    assert [one.seq for one in scene.store.tenures(["a", "b"])] == [1, 2]


def test_of_two_fleets_that_open_a_new_store_one_names_it(
    scene: Scene, pool: ThreadPoolExecutor
) -> None:
    """The other one, which saw no name yet, is refused."""
    with scene.holding("UPDATE store SET fleet = 'one'"):
        told = pool.submit(PostgresStore.open, f"{scene.url}&fleet=other")
        scene.met()
    with pytest.raises(ConfigurationError, match="other"):
        told.result(PATIENCE)


def test_who_enlists_sweeps_no_board_of_one_who_is_about_to(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its board is up and locked, and its row isn't to be seen yet."""
    other: Any = PostgresStore.open(scene.url)
    call = other._call  # noqa: SLF001 - the step behind which the other one comes

    def between(*values: object) -> object:
        monkeypatch.setattr(other, "_call", call)
        Scribe(scene.store)
        return call(*values)

    monkeypatch.setattr(other, "_call", between)
    late = Scribe(cast("Store", other))
    other.flights(late.id, 600)[1] = 7
    assert scene.store.in_flight(late.id) == [7]
    assert not any(row.lost for row in scene.store.workers())
    other.close()


def test_a_board_that_was_swept_as_it_was_put_up_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would see it: another number is drawn."""
    mine, others = Boards(tmp_path), Boards(tmp_path)

    def swept(lock: int) -> bool:
        monkeypatch.undo()
        others.sweep(set())
        return try_lock(lock)

    monkeypatch.setattr(boards, "try_lock", swept)
    assert not mine.put_up(1)
    assert mine.put_up(2)
    others.sweep(set())
    assert others.look(2) == (0, False)
    mine.close()
    others.sweep({2})
    assert others.look(2) == (0, True)
    others.sweep(set())
    assert others.look(2) is None
