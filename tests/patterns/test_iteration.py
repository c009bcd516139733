"""Iteration: patterns 10, 21 and 22."""

from itertools import pairwise

import pytest

from everflow import branch, call, choose, flow, identity, it, loop, parallel, step, suspend
from everflow.testing.harness import Harness
from tests.patterns.steps import at_work, double, of


@pytest.mark.parametrize(
    "walk",
    [["write", "check", "write", "check", "print", "done"], ["check", "write", "dropped"]],
    ids=len,
)
def test_arbitrary_cycles(walk: list[str]) -> None:
    """WCP-10 Arbitrary Cycles: a cycle of any ways in and out, whose state is the next place."""
    places = {name: suspend(name) for name in ("write", "check", "print")}
    with of(10, loop(choose(it, places), until=(it == "done") | (it == "dropped"))) as h:
        run = h.start(walk[0])
        for place, then in pairwise(walk):
            assert at_work(h) == [place]
            h.answer(run, then)
        assert run.result() == walk[-1]


def test_structured_loop() -> None:
    """WCP-21 Structured Loop: a body is repeated until a condition holds."""
    with of(21, loop(double, until=it >= 100)) as h:
        assert h.start(3).result() == 192


@flow
async def while_below(number: int) -> int:
    """Tests before the body is run, as a ``loop`` does after it."""
    while number < 100:
        number = await step(double, number)
    return number


def test_structured_loop_that_tests_first() -> None:
    """WCP-21 Structured Loop: the body may also be run no time at all."""
    with of(21, while_below) as h:
        assert [h.start(number).result() for number in (3, 200)] == [192, 200]


@flow
async def halves(numbers: list[int]) -> int:
    """The sum of a list, by itself."""
    if len(numbers) < 2:
        return sum(numbers)
    middle = len(numbers) // 2
    left, right = await parallel(step(halves, numbers[:middle]), step(halves, numbers[middle:]))
    return left + right


def test_recursion() -> None:
    """WCP-22 Recursion: a flow stands in itself, as deep as its data say, crashes or not."""
    with of(22, halves >> suspend("next")) as h:
        run = h.start([1, 2, 3, 4, 5])
        h.crash()
        assert [h.prompt(question) for question in h.questions(run)] == [15]


down = flow("pattern 22 by call", branch(it > 0, (it - 1) >> call("pattern 22 by call"), identity))


def test_recursion_by_runs() -> None:
    """WCP-22 Recursion: a flow calls itself by its name, each time in a run of its own."""
    with Harness(down) as h:
        assert h.start(5).result() == 0
        assert len(h.runs()) == 6
