"""What depends on a state: patterns 16 to 18, 39 and 40."""

from datetime import timedelta
from typing import Any

from everflow import (
    after,
    choose,
    const,
    critical,
    dag,
    flow,
    it,
    loop,
    parallel,
    race,
    receive,
    saga,
    sleep,
    step,
    suspend,
)
from tests.patterns.steps import at_work, first, nodes_run, of, second, undo


def test_deferred_choice() -> None:
    """WCP-16 Deferred Choice: what happens first decides which branch is taken."""
    happened = race(agreed=receive("yes"), objected=receive("no"), late=sleep(timedelta(days=14)))
    branches = {"agreed": suspend("sign"), "objected": suspend("revise"), "late": suspend("remind")}
    with of(16, happened >> choose(it[0], branches)) as h:
        agreed, objected, late = h.start(), h.start(), h.start()
        h.signal(agreed, "yes", "by mail")
        h.signal(objected, "no", "too dear")
        assert [q.tag for run in (agreed, objected, late) for q in h.questions(run)] == [
            "sign",
            "revise",
        ]
        h.jump(days=15)
        assert [question.tag for question in h.questions(late)] == ["remind"]
        h.signal(late, "yes", "too late")
        assert at_work(h) == ["remind", "revise", "sign"]


def test_milestone() -> None:
    """WCP-18 Milestone: an activity can be begun, any number of times, in one state only."""
    changing = loop(receive("change") >> suspend("apply"), until=const(False))
    order = suspend("accept") >> race(suspend("pack"), changing) >> suspend("send")
    with of(18, parallel(order, suspend("pay"))) as h:
        run = h.start()
        h.signal(run, "change", "red")
        assert at_work(h) == ["accept", "pay"]
        h.answer(run, None, "accept")
        assert at_work(h) == ["apply", "pack", "pay"]
        h.answer(run, None, "apply")
        assert at_work(h) == ["pack", "pay"]
        h.signal(run, "change", "blue")
        h.answer(run, None, "apply")
        h.answer(run, None, "pack")
        h.signal(run, "change", "green")
        assert at_work(h) == ["pay", "send"]


def test_interleaved_parallel_routing() -> None:
    """WCP-17 Interleaved Parallel Routing: one at a time, in any order that the arrows allow."""
    graph = dag(
        receive=critical("hands", suspend("receive")),
        wash=after("receive", critical("hands", suspend("wash"))),
        clean=critical("hands", suspend("clean")),
    )
    with of(17, graph) as h:
        run = h.start()
        for name in ("receive", "clean", "wash"):
            assert at_work(h) == [name]
            h.answer(run, name)
        assert run.result() == {"receive": "receive", "wash": "wash", "clean": "clean"}


def test_critical_section() -> None:
    """WCP-39 Critical Section: of several regions one goes on at a time; a cancel makes room."""
    one = critical("bridge", suspend("a") >> suspend("b"))
    two = critical("bridge", suspend("c"))
    with of(39, parallel(race(one, receive("withdraw")), two, suspend("outside"))) as h:
        run = h.start()
        assert at_work(h) == ["a", "outside"]
        h.answer(run, None, "a")
        h.crash()
        assert at_work(h) == ["b", "outside"]
        h.signal(run, "withdraw", "turned back")
        assert at_work(h) == ["c", "outside"]


def test_interleaved_routing() -> None:
    """WCP-40 Interleaved Routing: each once and one at a time, in the order in which they come."""
    checks = [
        receive(name) >> critical("patient", suspend(name)) for name in ("blood", "eyes", "heart")
    ]
    with of(40, parallel(*checks)) as h:
        run = h.start()
        for name in ("heart", "blood", "eyes"):
            h.signal(run, name)
        for name in ("heart", "blood", "eyes"):
            assert at_work(h) == [name]
            h.answer(run, name)
        assert run.result() == ("blood", "eyes", "heart")


@flow
async def in_turn(done: list[str]) -> Any:
    """What a body awaits may be in a section, too."""
    return await step(critical("bridge", saga((first, undo), suspend("a"))), done)


def test_critical_section_in_a_body() -> None:
    """WCP-39 Critical Section: a body that is cancelled makes room once it is undone."""
    withdrawn = race(in_turn, receive("withdraw") >> const(0))
    other = suspend("come") >> critical("bridge", second >> suspend("b"))
    with of(39, parallel(withdrawn, other)) as h:
        run = h.start([])
        h.answer(run, [], "come")
        assert (at_work(h), nodes_run(h, run)) == (["a"], ["first"])
        h.signal(run, "withdraw")
        h.crash()
        assert at_work(h) == ["b"]
        assert nodes_run(h, run) == ["first", "undo", "second"]
