"""Advanced branching and synchronization: patterns 6 to 9, 28 to 33, 37, 38, 41 and 42."""

import pytest

from everflow import (
    after,
    at_least,
    branch,
    const,
    dag,
    each,
    it,
    loop,
    parallel,
    race,
    receive,
    sequence,
    suspend,
)
from everflow.testing.harness import Harness
from tests.patterns.steps import at_work, double, nodes_run, of, token

skipped = const(None)
chosen = parallel(
    branch(it["flight"], suspend("flight"), skipped),
    branch(it["hotel"], suspend("hotel"), skipped),
    branch(it["car"], suspend("car"), skipped),
)


def test_multi_choice() -> None:
    """WCP-6 Multi-Choice: each branch is taken or not by a condition of its own."""
    with of(6, chosen) as h:
        h.start({"flight": True, "hotel": False, "car": True})
        assert at_work(h) == ["car", "flight"]


@pytest.mark.parametrize("taken", [[], ["car"], ["car", "flight", "hotel"]], ids=len)
def test_structured_synchronizing_merge(taken: list[str]) -> None:
    """WCP-7 Structured Synchronizing Merge: what follows waits for just the branches taken."""
    with of(7, chosen >> suspend("next")) as h:
        run = h.start({name: name in taken for name in ("flight", "hotel", "car")})
        for name in taken:
            assert "next" not in at_work(h)
            h.answer(run, name, name)
        assert at_work(h) == ["next"]


def test_multi_merge() -> None:
    """WCP-8 Multi-Merge: what follows is run once for each branch that comes to it, unjoined."""
    follow = suspend("next")
    with of(8, parallel(suspend("a") >> follow, suspend("b") >> follow)) as h:
        run = h.start()
        h.answer(run, 1, "a")
        assert at_work(h) == ["b", "next"]
        h.answer(run, 2, "b")
        assert at_work(h) == ["next", "next"]
        assert [h.prompt(question) for question in h.questions()] == [1, 2]


def test_structured_discriminator() -> None:
    """WCP-9 Structured Discriminator: the first branch goes on, the others end without a trace."""
    branches = (suspend("a"), suspend("b"), suspend("c"))
    with of(9, parallel(*branches, join=at_least(1, then=suspend("next")))) as h:
        run = h.start()
        h.answer(run, 2, "b")
        assert at_work(h) == ["a", "c", "next"]
        h.answer(run, 1, "a")
        h.answer(run, "through", "next")
        assert at_work(h) == ["c"]
        h.answer(run, 3, "c")
        assert run.result() == "through"


def rounds(k: int) -> Harness[int, int]:
    """Two rounds of three branches, each triggered by a signal; k of the three go on."""
    parts = [receive(name, int) for name in ("a", "b", "c")]
    joined = parallel(*parts, join=at_least(k, then=suspend("next")))
    return of(28 if k == 1 else 31, loop(joined, until=it == 2))


def test_blocking_discriminator() -> None:
    """WCP-28 Blocking Discriminator: a branch that comes again waits for the next round."""
    with rounds(1) as h:
        run = h.start(0)
        h.signal(run, "a", 1)
        h.signal(run, "a", 10)
        assert at_work(h) == ["next"]
        h.answer(run, 1, "next")
        h.signal(run, "b", 1)
        assert at_work(h) == []
        h.signal(run, "c", 1)
        [question] = h.questions()
        assert (question.occurrence, h.prompt(question)) == (2, [10])


def test_cancelling_discriminator() -> None:
    """WCP-29 Cancelling Discriminator: the first branch goes on, the others are cancelled."""
    first_good = parallel(suspend("a"), suspend("b"), join="first")
    first_of_all = race(suspend("c"), suspend("d"))
    with of(29, first_good >> first_of_all) as h:
        run = h.start()
        h.answer(run, 2, "b")
        assert at_work(h) == ["c", "d"]
        h.answer(run, 3, "c")
        assert run.result() == 3


def test_structured_partial_join() -> None:
    """WCP-30 Structured Partial Join: n of m branches go on, the others end without a trace."""
    branches = (suspend("a"), suspend("b"), suspend("c"), suspend("d"))
    with of(30, parallel(*branches, join=at_least(2, then=suspend("next")))) as h:
        run = h.start()
        h.answer(run, 4, "d")
        assert at_work(h) == ["a", "b", "c"]
        h.answer(run, 1, "a")
        assert at_work(h) == ["b", "c", "next"]
        for name in ("b", "next", "c"):
            h.answer(run, name, name)
        assert run.result() == "next"


def test_blocking_partial_join() -> None:
    """WCP-31 Blocking Partial Join: branches that come again wait until the join is reset."""
    with rounds(2) as h:
        run = h.start(0)
        for name, value in (("a", 1), ("a", 10), ("c", 3)):
            h.signal(run, name, value)
        h.answer(run, 1, "next")
        h.signal(run, "c", 30)
        assert at_work(h) == []
        h.signal(run, "b", 2)
        [question] = h.questions()
        assert (question.occurrence, h.prompt(question)) == (2, [10, 30])


def test_cancelling_partial_join() -> None:
    """WCP-32 Cancelling Partial Join: n of m branches go on, the others are cancelled."""
    branches = (suspend("a"), suspend("b"), suspend("c"))
    with of(32, parallel(*branches, join=at_least(2)) >> suspend("next")) as h:
        run = h.start()
        h.answer(run, 3, "c")
        h.answer(run, 1, "a")
        [question] = h.questions()
        assert (question.tag, h.prompt(question)) == ("next", [1, 3])


def test_generalised_and_join() -> None:
    """WCP-33 Generalised AND-Join: each branch may come many times; the n-th of each are paired."""
    pairs = parallel(receive("left", int), receive("right", int)) >> suspend("next")
    with of(33, loop(pairs, until=it == "enough")) as h:
        run = h.start("")
        for number in (1, 2, 3):
            h.signal(run, "left", number)
        assert at_work(h) == []
        h.signal(run, "right", 10)
        assert [h.prompt(question) for question in h.questions()] == [(1, 10)]
        h.signal(run, "right", 20)
        h.answer(run, "more", "next")
        assert [h.prompt(question) for question in h.questions()] == [(2, 20)]
        h.answer(run, "enough", "next")
        assert run.result() == "enough"


def test_local_synchronizing_merge() -> None:
    """WCP-37 Local Synchronizing Merge: a merge of an unstructured net tells by what came to it."""
    graph = dag(
        order=suspend("order"),
        paint=after("order", branch(it["paint"], suspend("paint"), skipped)),
        dry=after("paint", branch(it == None, skipped, suspend("dry"))),  # noqa: E711 - an expression
        bill=after("order", suspend("bill")),
        send=after("dry", "bill", suspend("send")),
        give="send",
    )
    with of(37, graph) as h:
        run = h.start()
        h.answer(run, {"paint": False}, "order")
        assert at_work(h) == ["bill"]
        h.answer(run, 9, "bill")
        assert at_work(h) == ["send"]
        run = h.start()
        h.answer(run, {"paint": True}, "order")
        h.answer(run, 9, "bill")
        h.answer(run, "red", "paint")
        assert at_work(h) == ["dry", "send"]  # the one to send is the first run's


def test_general_synchronizing_merge() -> None:
    """WCP-38 General Synchronizing Merge: it waits while anything may still come, and no longer."""
    rework = loop(suspend("rework"), until=it == "good")
    checked = branch(it, rework, skipped)
    with of(38, parallel(checked, suspend("other")) >> suspend("next")) as h:
        calm, busy = h.start(False), h.start(True)
        for run in (calm, busy):
            h.answer(run, 1, "other")
        assert at_work(h) == ["next", "rework"]
        h.answer(busy, "bad", "rework")
        assert at_work(h) == ["next", "rework"]
        h.answer(busy, "good", "rework")
        assert at_work(h) == ["next", "next"]


def test_thread_merge() -> None:
    """WCP-41 Thread Merge: the threads of one branch become one."""
    with of(41, each(suspend("a")) >> suspend("next")) as h:
        run = h.start([1, 2, 3])
        for question in h.questions():
            assert "next" not in at_work(h)
            h.answer(token(question), h.prompt(question) * 10)
        assert [h.prompt(question) for question in h.questions()] == [[10, 20, 30]]
        h.answer(run, "merged")
        assert run.result() == "merged"


def test_thread_split() -> None:
    """WCP-42 Thread Split: one thread becomes several of the same branch."""
    split = sequence(const([1, 2, 3]), each(double))
    with of(42, split) as h:
        run = h.start()
        assert run.result() == [2, 4, 6]
        assert nodes_run(h, run) == ["double"] * 3
