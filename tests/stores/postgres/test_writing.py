"""Two that write at once: whatever one of them waits for, both are told the truth.

The first has done its part and hasn't committed; the second meets what it holds, which the server
tells. Then the first commits, or is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, cast

import psycopg
import pytest

from everflow.store import (
    KEPT,
    ChildEnded,
    Letter,
    Put,
    QuestionClosed,
    QuestionQuery,
    RunRow,
    Signal,
    Status,
    Store,
    Verdict,
)
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.calling import Given
from everflow.stores.postgres.place import Place
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    entry,
    inbox_of,
    opened,
    question_of,
    standing,
)
from tests.faults.outside import until
from tests.stores.postgres.servers import Server

PATIENCE = 60.0
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


class Undone(Exception):
    """What the first of two was told when it was undone."""


class Slow(PostgresStore):
    """A store whose calls of functions are committed when they are told to, or undone."""

    def hold(self) -> None:
        self.done, self.go, self.undo = Event(), Event(), False

    def _do(self, function: str, *values: Given) -> list[int]:
        if not hasattr(self, "go"):
            return super()._do(function, *values)
        statement = self._calling(function, len(values))
        with psycopg.connect(self._place.conninfo) as line:
            ((told,),) = line.execute(statement.encode(), values).fetchall()
            self.done.set()
            assert self.go.wait(PATIENCE)
            if self.undo:
                line.rollback()
                raise Undone
        return told or []


class Pair:
    """Two stores over one schema."""

    def __init__(self, url: str) -> None:
        self.slow = cast("Slow", Slow.open(url))
        self.quick = PostgresStore.open(url)
        self.store = cast("Store", self.quick)
        self.scribe = Scribe(self.store)
        self.line = psycopg.connect(Place.read(url).conninfo, autocommit=True)

    def both(
        self, first: Callable[[Store], Any], second: Callable[[Store], Any], *, undo: bool = False
    ) -> tuple[Any, Any]:
        """What the two give; the second has met what the first holds."""
        self.slow.hold()
        self.slow.undo = undo
        with ThreadPoolExecutor(2) as pool:
            told: Future[Any] = pool.submit(first, cast("Store", self.slow))
            assert self.slow.done.wait(PATIENCE)
            other: Future[Any] = pool.submit(second, self.store)
            until(lambda: self.line.execute(BLOCKED).fetchone() != (0,) or other.done(), PATIENCE)
            assert not other.done(), "it met nothing"
            self.slow.go.set()
            try:
                said = told.result(PATIENCE)
            except Undone:
                said = None
            return said, other.result(PATIENCE)

    def run(self, name: str = "a") -> RunRow:
        return self.scribe.run(name)


@pytest.fixture(scope="module")
def stores(postgres: Server) -> Iterator[Pair]:
    found = Pair(postgres.url("t_writing"))
    yield found
    found.slow.close()
    found.quick.close()
    found.line.execute("DROP SCHEMA t_writing CASCADE")
    found.line.close()


@pytest.fixture
def pair(stores: Pair) -> Pair:
    """The two, with nothing in them and a worker of the test's own."""
    tables = "run, entry, question, inbox, heard, record"
    stores.line.execute(f"SET search_path = t_writing; TRUNCATE {tables}".encode())
    stores.scribe = Scribe(stores.store)
    return stores


def letter(to: str, number: int = 0) -> Letter:
    """A signal to a run."""
    message = Signal(no=0, name="s", payload="1", key=f"k{number}", at=START)
    return Letter(run=to, message=message)


@pytest.mark.parametrize("told", [False, True], ids=["alone", "with a letter"])
def test_a_cancel_that_comes_while_a_run_ends_comes_too_late(pair: Pair, told: bool) -> None:
    """B064: the outcome was first, and the cancel's sender is told so."""
    row = pair.run()
    pair.run("other")
    letters = [letter("other")] if told else []
    batch = pair.scribe.batch(changes=[standing(row, Status.DONE)], letters=letters)
    said = pair.both(lambda s: s.append(batch), lambda s: s.accept([cancel(row)]))
    assert said == ([], [Verdict.DONE])
    assert not pair.store.rows([row.no])[0].cancel


def test_an_outcome_that_comes_while_a_cancel_is_accepted_is_refused(pair: Pair) -> None:
    """B064: the cancel was first."""
    row = pair.run()
    batch = pair.scribe.batch(changes=[standing(row, Status.DONE)])
    said = pair.both(lambda s: s.accept([cancel(row)]), lambda s: s.append(batch))
    assert said == ([Verdict.ACCEPTED], [row.no])
    assert pair.store.append(batch) == [row.no]
    (after,) = pair.store.rows([row.no])
    assert (after.status, after.cancel) == (Status.RUNNING, True)


def test_a_cancel_that_was_undone_refuses_nothing(pair: Pair) -> None:
    """Its sender was never told."""
    row = pair.run()
    batch = pair.scribe.batch(changes=[standing(row, Status.DONE)])
    said = pair.both(lambda s: s.accept([cancel(row)]), lambda s: s.append(batch), undo=True)
    assert said == (None, [])


def test_a_pause_that_comes_after_a_cancel_is_none(pair: Pair) -> None:
    """The owner, who didn't know, writes that the run is paused: it is queued."""
    row = pair.run()
    batch = pair.scribe.batch(changes=[standing(row, Status.PAUSED, reason="paused")])
    pair.both(lambda s: s.accept([cancel(row)]), lambda s: s.append(batch))
    (after,) = pair.store.rows([row.no])
    assert (after.status, after.reason) == (Status.QUEUED, "")


def test_one_of_two_answers_at_once_wins(pair: Pair) -> None:
    """B049: and the other is told."""
    row = pair.scribe.asking("a")
    said = pair.both(
        lambda s: s.accept([answer(row, key="1")]), lambda s: s.accept([answer(row, key="2")])
    )
    assert said == ([Verdict.ACCEPTED], [Verdict.ANSWERED])
    assert question_of(pair.store, row).key == "1"


def test_an_answer_that_comes_while_its_question_expires_is_late(pair: Pair) -> None:
    """And one that was first stays."""
    row = pair.scribe.asking("a")
    closed = QuestionClosed(no=row.no, tag="t", occurrence=0, state="expired")
    batch = pair.scribe.batch(closed=[closed])
    said = pair.both(lambda s: s.append(batch), lambda s: s.accept([answer(row)]))
    assert said == ([], [Verdict.EXPIRED])


def test_an_early_answer_meets_the_question_that_opens_meanwhile(pair: Pair) -> None:
    """Whoever is first, the question is answered and nothing is kept."""
    one, two = pair.run("a"), pair.run("b")
    batch = pair.scribe.batch(opened=[opened(one)], changes=[standing(one, Status.SUSPENDED)])
    said = pair.both(lambda s: s.append(batch), lambda s: s.accept([early(one)]))
    assert said == ([], [Verdict.ACCEPTED])
    pair.scribe.number += 1
    batch = pair.scribe.batch(opened=[opened(two)])
    said = pair.both(lambda s: s.accept([early(two)]), lambda s: s.append(batch))
    assert said == ([Verdict.ACCEPTED], [])
    for row in (one, two):
        assert question_of(pair.store, row).state == "answered"
        assert [type(message).__name__ for message in inbox_of(pair.store, row)] == ["Answer"]
    assert not pair.store.questions(QuestionQuery(occurrence=KEPT))


def test_a_batch_sent_again_while_it_is_written_is_written_once(pair: Pair) -> None:
    """Its answer was lost, and nobody knows how far it got: the number tells."""
    row = pair.run()
    pair.store.accept([cancel(row)])
    batch = pair.scribe.batch(entries=[entry(row.no, 1)], changes=[standing(row, Status.DONE)])
    said = pair.both(lambda s: s.append(batch), lambda s: s.append(batch))
    assert said == ([row.no], [row.no])
    assert len(pair.store.journal(row.no)) == 2


def test_a_batch_sent_again_after_it_was_undone_is_written(pair: Pair) -> None:
    """As if it had never been sent."""
    row = pair.run()
    batch = pair.scribe.batch(entries=[entry(row.no, 1)])
    pair.both(lambda s: s.append(batch), lambda s: s.append(batch), undo=True)
    assert len(pair.store.journal(row.no)) == 2


@pytest.mark.parametrize("undo", [False, True], ids=["committed", "undone"])
@pytest.mark.parametrize(
    ("names", "given"),
    [(("a", "b"), {"key": "k"}), (("a", "a"), {}), (("a", "a"), {"no": 7})],
    ids=["key", "id", "number"],
)
def test_one_of_two_starts_at_once_is_the_run(
    pair: Pair, names: tuple[str, str], given: dict[str, Any], undo: bool
) -> None:
    """B061: by key; and by id, with its number or without, as it is sent again."""
    one, two = pair.both(
        lambda s: begin(s, names[0], **given), lambda s: begin(s, names[1], **given), undo=undo
    )
    assert two == one if one else two.id == names[1]
    assert len(pair.store.journal(two.no)) == 1


def test_of_many_starts_those_that_are_there_are_given(pair: Pair) -> None:
    """One is about to be written by another; the others are new."""
    said = pair.both(
        lambda s: begin(s, "b"), lambda s: [begin(s, name).id for name in ("a", "b", "c")]
    )
    assert said[1] == ["a", "b", "c"]


@pytest.mark.parametrize("there", [False, True], ids=["absent", "there"])
@pytest.mark.parametrize("undo", [False, True], ids=["committed", "undone"])
def test_one_of_two_writes_under_one_version_wins(pair: Pair, there: bool, undo: bool) -> None:
    """Also where the record mustn't be there."""
    version = 0
    if there:
        pair.store.write([Put(kind="x", key="a", body="0")], at=START)
        version = pair.store.records("x")[0].version

    def write(store: Store, body: str) -> list[RunRow] | None:
        return store.write([Put(kind="x", key="a", body=body, expect=version)], at=START)

    said = pair.both(lambda s: write(s, "1"), lambda s: write(s, "2"), undo=undo)
    assert said == ((None, []) if undo else ([], None))
    assert [r.body for r in pair.store.records("x")] == ["2" if undo else "1"]


@pytest.mark.parametrize("there", [False, True], ids=["absent", "there"])
def test_two_batches_put_one_record_at_once(pair: Pair, there: bool) -> None:
    """They expect nothing, so the later one stays."""
    if there:
        pair.store.write([Put(kind="x", key="a", body="0")], at=START)
    other = Scribe(pair.store)
    batches = [
        scribe.batch(puts=[Put(kind="x", key="a", body=body)])
        for scribe, body in ((pair.scribe, "1"), (other, "2"))
    ]
    said = pair.both(lambda s: s.append(batches[0]), lambda s: s.append(batches[1]))
    assert said == ([], [])
    assert [record.body for record in pair.store.records("x")] == ["2"]


def test_two_that_write_to_each_other_do_not_wait_in_a_ring(pair: Pair, postgres: Server) -> None:
    """Batches of two workers, each with letters to the other's runs, in opposite orders."""
    before = postgres.said().count("deadlock")
    scribes = [pair.scribe, Scribe(pair.store)]
    rows = [[scribe.run(f"{n}{i}") for i in range(3)] for n, scribe in enumerate(scribes)]

    def write(mine: int) -> None:
        own, others = rows[mine], rows[1 - mine]
        for number in range(20):
            order = own if mine else own[::-1]
            scribes[mine].write(
                changes=[standing(row, Status.RUNNING, deaths=number) for row in order],
                letters=[letter(row.id, number) for row in (others if mine else others[::-1])],
            )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (0, 1)))
    for row in (*rows[0], *rows[1]):
        assert len(inbox_of(pair.store, row)) == 20
        assert pair.store.standing(row.no) == (Status.RUNNING, 20)
    assert postgres.said().count("deadlock") == before


def test_what_waits_is_counted_right_while_it_is_applied(pair: Pair) -> None:
    """Signals and news come in while the owner takes out what is there."""
    row = pair.run()

    def send(sender: int) -> None:
        for number in range(15):
            key = f"{sender}-{number}"
            signal = Signal(no=row.no, name="s", payload="1", key=key, at=START)
            news = ChildEnded(no=row.no, op=key, kind="result", payload="1", at=START)
            assert pair.store.accept([signal, news]) == [Verdict.ACCEPTED] * 2

    applied = 0
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(send, sender) for sender in range(3)]
        while not all(one.done() for one in sent):
            ids = [arrival.id for arrival in pair.store.load([row.no])[0].arrivals]
            pair.scribe.write(arrivals=ids)
            applied += len(ids)
        for one in sent:
            one.result()
    assert pair.store.standing(row.no) == (Status.RUNNING, 90 - applied)
    assert len(inbox_of(pair.store, row)) == 90 - applied
