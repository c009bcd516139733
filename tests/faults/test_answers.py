"""RELIABILITY 4 and 10: many answer at once, or some cancel: all are told the truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from everflow import Engine, Reply, RunQuery, Status, connect
from everflow.engine.faces.connect import Connection
from everflow.errors import AlreadyDone, RunCancelled
from tests.faults.asking import again, once
from tests.faults.outside import Process, until

PROCESSES = 4


def test_of_sixteen_clients_in_four_processes_one_is_accepted(tmp_path: Path) -> None:
    """The others are told, and the run has the answer of the one (B049)."""
    place = tmp_path / "store.db"
    with Engine(place) as engine:
        clients = [Process("asking", place, str(number + 1)) for number in range(PROCESSES)]
        for client in clients:
            assert client.line() == "ready"
        for _ in range(25):
            run = engine.start(once, 0)
            run.wait(10)
            for client in clients:
                client.tell(f"{run.id}.go.1")
            told = [said.split(":") for client in clients for said in client.line().split()]
            accepted = [int(value) for value, reply in told if reply == Reply.ANSWERED]
            assert accepted == [run.result(10)]
            assert len(told) == 16
            assert [reply for _, reply in told].count(Reply.ALREADY_ANSWERED) == 15
        for client in clients:
            client.stop()


def _asking(engine: Engine, count: int) -> list[str]:
    """So many runs that ask."""
    runs = [run.id for run in engine.start_all(once, [0] * count)]
    until(lambda: engine.client.store.count(RunQuery(status=(Status.SUSPENDED,), limit=1)))
    assert engine.join(60)
    return runs


def race(place: Path, count: int) -> tuple[int, int]:
    """An answer and a cancel race for each run; how many runs were cancelled, how many done."""

    def answer(run: str) -> str:
        try:
            return engine.answer(f"{run}.go.1", 7)
        except RunCancelled:
            return Reply.CANCELLED

    def cancel(client: Connection, run: str) -> bool:
        try:
            client.cancel(run)
        except AlreadyDone:
            return False
        return True

    with Engine(place) as engine, connect(place) as client, ThreadPoolExecutor(2) as threads:
        runs = _asking(engine, count)
        for first in range(0, count, 10):
            some = runs[first : first + 10]  # they meet in the middle
            answered = threads.submit(lambda runs: [answer(run) for run in runs], some)
            told = threads.submit(lambda runs: [cancel(client, run) for run in runs], some[::-1])
            replies = zip(some, answered.result(), told.result()[::-1], strict=True)
            for run, reply, cancelled in replies:
                _is_true(engine, run, reply, cancelled=cancelled)
        counts = engine.client.store.count(RunQuery())
        assert set(counts) <= {Status.CANCELLED, Status.DONE}
        return counts.get(Status.CANCELLED, 0), counts.get(Status.DONE, 0)


def _is_true(engine: Engine, run: str, reply: str, *, cancelled: bool) -> None:
    """What both were told is what became of the run."""
    status = engine.run(run).wait(10)
    if cancelled:
        assert status is Status.CANCELLED
        assert reply in {Reply.ANSWERED, Reply.CANCELLED}
    else:
        assert reply == Reply.ANSWERED
        assert engine.run(run).result(10) == 7


def test_a_thousand_answers_race_with_cancels(tmp_path: Path) -> None:
    """An accepted cancel ends the run as cancelled; a refused one finds it done (B064)."""
    cancelled, done = race(tmp_path / "store.db", 1000)
    assert cancelled + done == 1000
    print(f"{cancelled} cancelled, {done} done")  # noqa: T201 - the figure is reported


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_answers_race_with_cancels(tmp_path: Path) -> None:
    """The same, a hundred times as often."""
    for number in range(20):
        race(tmp_path / f"{number}.db", 5000)


def test_a_doubled_answer_does_not_reach_the_next_question(tmp_path: Path) -> None:
    """A thousand questions asked again and again, each answered twice at once (B048)."""
    with Engine(tmp_path / "store.db") as engine, ThreadPoolExecutor(2) as threads:
        runs = engine.start_all(again, [[]] * 250)
        for occurrence in range(1, 5):
            assert engine.join(60)
            for run in runs:
                token = f"{run.id}.go.{occurrence}"
                both = threads.map(lambda value, t=token: engine.answer(t, value), (1, 2))
                assert sorted(both) == [Reply.ALREADY_ANSWERED, Reply.ANSWERED]
        for run in runs:
            assert len(run.result(10)) == 4
