"""Suspects: what was in flight when a worker died begins again, so that a deadly run is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from everflow import Config, Run, parallel, suspend, wait_for
from everflow.engine.cells.draft import Draft
from everflow.engine.owning.suspects import Suspects
from everflow.engine.records.flights import DOUBT, FIRST, FREE, put_on_trial, slots
from everflow.errors import RunBlocked
from everflow.store import Put
from tests.engine.support import PATIENT, World, plus_one, settle, step, until

PLACES = 64
LONG = 600.0  # seconds of a trial: a machine that stalls doesn't end it
Runs = Sequence[Run[Any]]


def start(world: World, flow: str, count: int = 1) -> list[Run[Any]]:
    """Runs of which nothing is begun."""
    with world.connect() as outside:
        return [outside.start(flow, number) for number in range(count)]


def take(world: World, begun: Runs, tried: Runs = (), times: int = 0) -> Callable[[], None]:
    """A worker takes all there is, with these begun, and those on trial; give its death.

    ``times``: so many died before with these begun.
    """
    store: Any = world.where
    now = world.clock.wall()
    worker = store.enlist(host="elsewhere", pid=1, at=now)
    known = {row.id: row.no for row in store.claim(worker.id, now=now, limit=500)}
    board = store.flights(worker.id, slots(PLACES))
    for slot, run in enumerate(begun, FIRST):
        board[slot] = known[run.id]
    put_on_trial(board, PLACES, [known[run.id] for run in tried])
    doubts = [Put(kind=DOUBT, key=str(known[run.id]), body=str(times)) for run in begun if times]
    store.write(doubts, at=now)
    return lambda: store.depose(worker.id, worker.epoch)


def die(world: World, begun: Runs, tried: Runs = (), times: int = 0) -> None:
    """The same, and it dies at once."""
    take(world, begun, tried, times)()


def doubts(world: World) -> list[str]:
    """For how many deaths each of those that are doubted is, as the store has it."""
    store: Any = world.where
    return [record.body for record in store.records(DOUBT)]


def test_a_first_death_holds_up_nobody(memory: World) -> None:
    """Most are no run's fault: suspects and others run beside each other, at once (B067)."""
    meet = threading.Barrier(9, timeout=PATIENT)
    memory.flow("meet", step(lambda x: meet.wait() and x, name="meet"))
    runs = start(memory, "meet", 9)
    die(memory, runs[:8])
    with memory.engine(lease_s=LONG) as engine:
        for run in runs:
            engine.run(run.id).result(PATIENT)
    assert doubts(memory) == []


@pytest.mark.parametrize("place", ["inline", "thread"])
def test_who_is_doubted_is_on_disk_before_it_begins(memory: World, place: str) -> None:
    """One that kills at once is known for it; one that survives is forgiven."""
    seen: list[list[str]] = []
    work = step(lambda x: seen.append(doubts(memory)), name="work", inline=place == "inline")
    memory.flow("f", work)
    (run,) = start(memory, "f")
    for times in range(2):
        die(memory, [run], times=times)
    with memory.engine(lease_s=LONG) as engine:
        engine.run(run.id).result(PATIENT)
        until(lambda: doubts(memory) == [])
    assert seen == [["2"]]


@pytest.mark.parametrize("place", ["inline", "thread"])
def test_suspects_of_two_deaths_are_tried_in_parts(memory: World, place: str) -> None:
    """A quarter of them at a time; nothing runs beside them, and others after them (B067)."""
    boards: list[list[int]] = []
    store: Any = memory.where

    def works(x: int) -> int:
        boards.append(store.in_flight(store.workers()[-1].id))
        return x

    memory.flow("f", step(works, inline=place == "inline"))
    runs = start(memory, "f", 12)
    die(memory, runs[:8], times=1)
    with memory.engine(lease_s=LONG) as engine:
        nos = [engine.run(run.id).row().no for run in runs]
        for run in runs:
            engine.run(run.id).result(PATIENT)
    tried = [{-no for no in board if no < 0} for board in boards]
    assert len(boards) == 12
    for number in range(8):
        pair = number // 2 * 2
        assert tried[number] == set(nos[pair : pair + 2])
        assert {no for no in boards[number] if no > 0} <= tried[number]
    assert tried[8:] == [set()] * 4


def test_a_death_among_others_is_nobodys(memory: World) -> None:
    """Not that of a part, nor of one that was on trial alone while something else went on."""
    memory.flow("f", plus_one)
    runs = start(memory, "f", 3)
    die(memory, runs[:2], tried=runs[:2], times=9)
    die(memory, runs[1:], tried=runs[1:2], times=9)
    die(memory, runs[:1], tried=runs[:2], times=9)
    with memory.engine(alone_deaths=1, lease_s=LONG) as engine:
        assert [engine.run(run.id).result(PATIENT) for run in runs] == [1, 2, 3]
        assert [engine.run(run.id).row().deaths for run in runs] == [0, 0, 0]


def test_who_was_on_trial_at_the_death_is_tried_first(memory: World) -> None:
    """And the others that were in flight then after it."""
    memory.flow("f", step(memory.seen.append, name="sees"))
    runs = start(memory, "f", 4)
    die(memory, runs, tried=runs[2:3], times=3)
    with memory.engine(lease_s=LONG) as engine:
        for run in runs:
            engine.run(run.id).result(PATIENT)
    assert memory.seen == [2, 0, 1, 3]


def test_a_survived_death_alone_is_forgiven(memory: World) -> None:
    """It counts for nothing once the node has ended, and others go on after it."""
    memory.flow("f", step(memory.seen.append, name="sees"))
    runs = start(memory, "f", 4)
    die(memory, runs[3:], tried=runs[3:], times=3)
    with memory.engine(lease_s=LONG) as engine:
        for run in runs:
            engine.run(run.id).result(PATIENT)
        assert engine.run(runs[3].id).row().deaths == 0
    assert memory.seen[0] == 3


@pytest.mark.parametrize("times", [1, 4])
def test_a_trial_has_its_time(memory: World, times: int) -> None:
    """After that the others go on beside it; the more deaths, the longer it is."""
    go = threading.Event()
    memory.flow("hangs", step(lambda x: go.wait(PATIENT), name="hangs"))
    memory.flow("f", plus_one)
    (suspect,) = start(memory, "hangs")
    die(memory, [suspect], times=times)
    (other,) = start(memory, "f")
    with memory.engine(lease_s=LONG) as engine:
        until(lambda: doubts(memory) == [str(times + 1)])
        memory.clock.jump(LONG * 2 ** (times - 1) - 60)
        assert engine.run(other.id).wait(0.05) != "done"
        memory.clock.jump(61)
        assert engine.run(other.id).result(PATIENT) == 1
        go.set()
        assert engine.run(suspect.id).result(PATIENT) is True


@pytest.mark.parametrize("late", [False, True])
def test_a_trial_waits_for_what_is_begun_here(memory: World, late: bool) -> None:
    """So that a deadly run takes nothing else along; but no longer than a lease."""
    go = threading.Event()

    def works(x: int) -> None:
        memory.seen.append("begun")
        go.wait(PATIENT)

    memory.flow("long", step(works, name="long"))
    memory.flow("f", step(lambda x: memory.seen.append(go.is_set()), name="sees"))
    (suspect,) = start(memory, "f")
    death = take(memory, [suspect], times=1)
    with memory.engine(lease_s=LONG) as engine:
        long: Run[Any] = engine.start("long", 1)
        until(lambda: memory.seen == ["begun"])
        death()
        assert engine.run(suspect.id).wait(0.05) != "done"
        if late:
            memory.clock.jump(LONG + 1)
        else:
            go.set()
        engine.run(suspect.id).result(PATIENT)
        go.set()
        long.result(PATIENT)
    assert memory.seen == ["begun", not late]


def test_amid_a_trial_others_take_the_rest(memory: World) -> None:
    """What waits beside it is given back to who has a place; suspects stay, wherever they wait."""
    go = threading.Event()
    memory.flow("hangs", step(lambda x: go.wait(PATIENT), name="hangs"))
    memory.flow("f", step(memory.seen.append, name="sees"))
    suspects, others = start(memory, "hangs", 8), start(memory, "f", 4)
    die(memory, suspects, times=1)
    with memory.engine(lease_s=1e6, threads=1) as one:
        until(lambda: sorted(doubts(memory)) == ["1"] * 6 + ["2"] * 2)
        with memory.engine(lease_s=1e6) as two:

            def are_done() -> bool:
                memory.clock.jump(1)
                return all(two.run(run.id).status == "done" for run in others)

            until(are_done)
            owners = {one.run(run.id).row().owner for run in suspects}
            assert owners == {one.worker}
            go.set()
            for run in suspects:
                one.run(run.id).result(PATIENT)


def test_a_part_that_is_cancelled_is_not_waited_for(memory: World) -> None:
    """Its trial would be of nobody: the next part has its turn, and it is doubted no more."""
    go = threading.Event()
    memory.flow("hangs", step(lambda x: go.wait(PATIENT), name="hangs"))
    runs = start(memory, "hangs", 8)
    die(memory, runs, times=1)
    with memory.engine(lease_s=LONG) as engine:
        until(lambda: "2" in doubts(memory))
        for run in runs[2:4]:
            engine.cancel(run.id)
            assert settle(engine.run(run.id)) == "cancelled"
        go.set()
        for run in runs[4:]:
            assert engine.run(run.id).result(PATIENT) is True
        until(lambda: doubts(memory) == [])


def test_a_worker_that_is_taken_for_dead_amid_a_trial_begins_anew(memory: World) -> None:
    """Nothing of the trial is left: what it held goes on, here or elsewhere."""
    go = threading.Event()
    memory.flow("hangs", step(lambda x: go.wait(PATIENT), name="hangs"))
    runs = start(memory, "hangs", 8)
    die(memory, runs, times=1)
    store: Any = memory.where
    with memory.engine(lease_s=LONG) as engine:
        until(lambda: "2" in doubts(memory))
        store.depose(engine.worker, 1)
        go.set()
        for run in runs:
            assert engine.run(run.id).result(PATIENT) is True
        until(lambda: doubts(memory) == [])


def test_what_is_told_of_before_a_worker_began_anew_holds_nothing_up() -> None:
    """A commit of the old worker's may be told once the new one has suspects of its own."""
    dispatcher: Any = SimpleNamespace(trial=None, begun_for=set)
    dispatcher.set_trial = lambda cells: setattr(dispatcher, "trial", cells)
    recorder: Any = SimpleNamespace(draft=Draft())
    parts: Any = SimpleNamespace(config=Config(), dispatcher=dispatcher, recorder=recorder)
    cell: Any = SimpleNamespace(no=1, row=SimpleNamespace(deaths=0), dropped=False)
    op: Any = SimpleNamespace(id="0")
    cell.machine = SimpleNamespace(state=SimpleNamespace(ops={}))
    suspects = Suspects(parts, parking=parts)
    suspects.add(cell, [op], FREE)
    (told_late,) = recorder.draft.after
    suspects.clear()
    recorder.draft = Draft()
    suspects.add(cell, [op], FREE)
    told_late()
    suspects.look(0)
    assert dispatcher.trial == []
    recorder.draft.after[0]()
    suspects.look(0)
    assert dispatcher.trial is None


def test_deaths_of_trials_that_were_survived_count_no_more(memory: World) -> None:
    """Whoever is doubted for the first time again has none to its account."""
    go = threading.Event()
    memory.flow("hangs", step(lambda x: go.wait(PATIENT), name="hangs"))
    runs = start(memory, "hangs")
    die(memory, runs, tried=runs, times=3)
    store: Any = memory.where
    with memory.engine(lease_s=LONG, grace_s=0.02, drain_s=0.02) as engine:
        run = engine.run(runs[0].id)
        until(lambda: run.row().deaths == 1)
    store.write([Put(kind=DOUBT, key=str(runs[0].row().no), body=None)], at=0)
    die(memory, runs)
    with memory.engine(lease_s=LONG) as engine:
        until(lambda: doubts(memory) == ["1"])
        assert engine.run(runs[0].id).row().deaths == 0
        go.set()
        assert engine.run(runs[0].id).result(PATIENT) is True


def test_a_run_that_died_alone_too_often_is_set_aside(memory: World) -> None:
    """Until an operator has seen to it; an answer doesn't wake it, a cancel ends it (B067)."""
    memory.flow("f", parallel(step(lambda x: x, name="deadly"), suspend("ok")))
    (run,) = start(memory, "f")
    die(memory, [run], tried=[run], times=3)
    with memory.engine(alone_deaths=1, lease_s=LONG) as engine:
        found = engine.run(run.id)
        until(lambda: found.status == "blocked")
        with pytest.raises(RunBlocked, match=r"(?s)until operator: .*died 1 times.*deadly"):
            found.result(PATIENT)
        assert engine.join(PATIENT)
        assert doubts(memory) == []
        engine.cancel(run.id)
        assert settle(found) == "cancelled"


def test_a_death_before_a_suspect_began_is_not_its_own(memory: World) -> None:
    """Its turn had come, but nothing of it ran: kill after kill can't set it aside."""
    memory.flow("f", plus_one)
    (run,) = start(memory, "f")
    die(memory, [], tried=[run])
    with memory.engine(alone_deaths=1, lease_s=LONG) as engine:
        assert engine.run(run.id).result(PATIENT) == 1


def test_a_suspect_that_waits_for_an_answer_lets_the_others_go_on(memory: World) -> None:
    """Its node left its thread by asking: that is survived, too."""
    memory.flow("asks", step(lambda x: wait_for("ok"), name="asks"))
    memory.flow("f", plus_one)
    (suspect,) = start(memory, "asks")
    die(memory, [suspect], tried=[suspect], times=3)
    (other,) = start(memory, "f")
    with memory.engine(lease_s=LONG) as engine:
        assert engine.run(other.id).result(PATIENT) == 1
        assert settle(engine.run(suspect.id)) == "suspended"
        engine.resume(suspect.id, 5)
        assert engine.run(suspect.id).result(PATIENT) == 5
