"""Multiple instances: patterns 12 to 15, 26, 27 and 34 to 36."""

from typing import Any

from everflow import (
    Flow,
    NodeRun,
    Registry,
    at_least,
    call,
    const,
    each,
    flow,
    it,
    loop,
    need,
    node,
    parallel,
    race,
    receive,
    step,
    suspend,
)
from everflow.testing.harness import Harness
from tests.patterns.steps import at_work, of, token

KIT = Registry()  # so that no engine of another test is asked for what these nodes need


part = flow("an instance of pattern 12", suspend("instance"))


def test_instances_in_runs_of_their_own() -> None:
    """WCP-12 Multiple Instances without Synchronization: the run may end long before they do."""
    with of(12, each(call(part, detached=True)) >> suspend("next")) as h:
        run = h.start([1, 2, 3])
        assert at_work(h) == ["instance"] * 3 + ["next"]
        h.answer(run, "through", "next")
        assert run.result() == "through"
        for question in h.questions():
            h.answer(token(question), None)
        assert {str(run.status) for run in h.runs()} == {"done"}


def test_instances_without_synchronization() -> None:
    """WCP-12 Multiple Instances without Synchronization: what follows doesn't wait for them."""
    with of(12, parallel(each(suspend("instance")), suspend("next"))) as h:
        run = h.start([1, 2, 3])
        assert at_work(h) == ["instance"] * 3 + ["next"]
        h.answer(run, "through", "next")
        assert at_work(h) == ["instance"] * 3


def test_instances_known_when_the_flow_is_written() -> None:
    """WCP-13 Multiple Instances with a priori Design-Time Knowledge: three become one again."""
    with of(13, parallel(*[suspend("instance")] * 3) >> suspend("next")) as h:
        run = h.start()
        assert at_work(h) == ["instance"] * 3
        for question in h.questions():
            h.answer(token(question), question.occurrence)
        assert [h.prompt(question) for question in h.questions(run)] == [(1, 2, 3)]


def test_instances_known_when_they_begin() -> None:
    """WCP-14 Multiple Instances with a priori Run-Time Knowledge: as many as the list is long."""
    with of(14, each(suspend("instance"), limit=2) >> suspend("next")) as h:
        for count in (0, 1, 3):
            run = h.start(list(range(count)))
            while questions := [q for q in h.questions(run) if q.tag == "instance"]:
                assert len(questions) <= 2
                h.answer(token(questions[0]), 0)
            assert [h.prompt(question) for question in h.questions(run)] == [[0] * count]


@flow
async def arriving(_: Any = None) -> list[Any]:
    """An instance for each signal, while those before it go on, until one says that it was all."""
    new = await receive("new", int | None)
    if new is None:
        return []
    one, others = await parallel(step(suspend("instance"), new), arriving)
    return [one, *others]


def test_instances_that_nobody_foresaw() -> None:
    """WCP-15 Multiple Instances without a priori Run-Time Knowledge: more while they go on."""
    with of(15, arriving >> suspend("next")) as h:
        run = h.start()
        h.signal(run, "new", 7)
        assert at_work(h) == ["instance"]
        h.signal(run, "new", 8)
        assert at_work(h) == ["instance", "instance"]
        h.answer(token(h.questions()[0]), "seven")
        h.signal(run, "new", 9)
        h.crash()
        h.signal(run, "new", None)
        assert at_work(h) == ["instance", "instance"]
        for question, end in zip(h.questions(), ("eight", "nine"), strict=True):
            h.answer(token(question), end)
        assert [h.prompt(question) for question in h.questions()] == [["seven", "eight", "nine"]]


def test_cancelling_all_instances() -> None:
    """WCP-26 Cancel Multiple Instance Activity: all that go on are withdrawn, ended ones stay."""
    with of(26, race(each(suspend("instance")), receive("withdraw")) >> suspend("next")) as h:
        run = h.start([1, 2, 3])
        h.answer(token(h.questions()[1]), "two")
        h.signal(run, "withdraw", "no more")
        assert at_work(h) == ["next"]
        assert [entry.value for entry in h.journal(run) if entry.kind == "answer"] == ["two"]


class Runs:
    """How a node reaches its own run: a connection, in an application."""

    def __init__(self) -> None:
        self.h: Harness[Any, Any] | None = None

    def tell(self, run: NodeRun, value: int) -> None:
        assert self.h is not None
        self.h.client.signal(run.id, "done", value, key=run.idempotency_key)


@node
def tell(value: int, run: NodeRun, *, runs: Runs = need(Runs)) -> int:
    runs.tell(run, value)
    return value


def telling(pattern: int, body: Flow[Any, Any]) -> Harness[Any, Any]:
    """A harness whose nodes can signal to their own run."""
    runs = Runs()
    named = flow(f"pattern {pattern}", body, registry=KIT)
    runs.h = Harness(named, provide={Runs: lambda: runs}, registry=KIT)
    return runs.h


@flow
async def ended_so_far(_: Any) -> list[int]:
    """What the instances have given, once it is told that this is enough."""
    found: list[int] = []
    while True:
        what, value = await race(done=receive("done", int), told=receive("complete", int))
        if what == "told":
            return found
        found.append(value)


def test_completing_all_instances() -> None:
    """WCP-27 Complete Multiple Instance Activity: it goes on with what has ended when told so."""
    instances = each(suspend("instance", int) >> tell)
    with telling(27, race(instances, ended_so_far) >> suspend("next")) as h:
        run = h.start([1, 2, 3])
        for question in h.questions()[:0:-1]:
            h.answer(token(question), 10 * question.occurrence)
        assert at_work(h) == ["instance"]
        h.signal(run, "complete", 0)
        assert [h.prompt(question) for question in h.questions()] == [[30, 20]]


@flow
async def two_of_all(items: list[int]) -> Any:
    """What follows two instances, of as many as there are."""
    instances = [step(suspend("instance"), item) for item in items]
    return await parallel(*instances, join=at_least(2, then=suspend("next")))


def test_a_partial_join_of_instances() -> None:
    """WCP-34 Static Partial Join for Multiple Instances: n of m go on, the others just end."""
    with of(34, two_of_all) as h:
        run = h.start([1, 2, 3])
        questions = h.questions()
        h.answer(token(questions[2]), "c")
        assert at_work(h) == ["instance", "instance"]
        h.answer(token(questions[0]), "a")
        assert at_work(h) == ["instance", "next"]
        h.answer(run, "through", "next")
        h.answer(run, "b")
        assert run.result() == "through"


def test_a_cancelling_partial_join_of_instances() -> None:
    """WCP-35 Cancelling Partial Join for Multiple Instances: n of m go on, the others are gone."""
    with of(35, each(suspend("instance"), join=at_least(2)) >> suspend("next")) as h:
        run = h.start([1, 2, 3, 4])
        for question in h.questions()[1:3]:
            h.answer(token(question), question.occurrence)
        assert [h.prompt(question) for question in h.questions(run)] == [[2, 3]]


@flow
async def measuring(_: Any) -> Any:
    """An instance for each signal, each of which tells what it found."""
    new = await receive("new", int)
    await parallel(step(suspend("instance", int) >> tell, new), measuring)


def test_a_dynamic_partial_join_of_instances() -> None:
    """WCP-36 Dynamic Partial Join for Multiple Instances: a condition is asked at each one's end.

    The instances that go on then are gone, and until then more may come.
    """
    total = const(0) >> loop(receive("done", int).keep() >> (it[0] + it[1]), until=it >= 10)
    with telling(36, race(measuring, total) >> suspend("next")) as h:
        run = h.start()
        for number in (1, 2, 3):
            h.signal(run, "new", number)
        h.answer(token(h.questions()[0]), 6)
        assert at_work(h) == ["instance", "instance"]
        h.signal(run, "new", 4)
        assert at_work(h) == ["instance"] * 3
        h.answer(token(h.questions()[1]), 5)
        assert [h.prompt(question) for question in h.questions()] == [11]
        h.answer(run, "enough")
        assert run.result() == "enough"
