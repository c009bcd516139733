"""Cancellation: patterns 19, 20 and 25."""

import pytest

from everflow import Status, parallel, race, receive, saga, suspend
from everflow.errors import RunCancelled
from tests.patterns.steps import at_work, first, nodes_run, of, undo


def test_cancel_activity() -> None:
    """WCP-19 Cancel Activity: one that goes on is withdrawn, and what follows it goes on."""
    with of(19, race(suspend("a"), receive("withdraw")) >> suspend("next")) as h:
        run = h.start()
        h.signal(run, "withdraw", "no need")
        [question] = h.questions()
        assert (question.tag, h.prompt(question)) == ("next", "no need")


def test_cancel_case() -> None:
    """WCP-20 Cancel Case: the whole run is withdrawn, and undoes what it says how to undo."""
    with of(20, saga((first, undo), parallel(suspend("a"), suspend("b")))) as h:
        run = h.start([])
        assert at_work(h) == ["a", "b"]
        h.cancel(run)
        assert (run.status, at_work(h)) == (Status.CANCELLED, [])
        assert nodes_run(h, run) == ["first", "undo"]
        with pytest.raises(RunCancelled):
            run.result()


def test_cancel_region() -> None:
    """WCP-25 Cancel Region: several activities are withdrawn together, those around them aren't."""
    region = parallel(suspend("a") >> suspend("b"), suspend("c"))
    flow = parallel(race(region, receive("withdraw")), suspend("outside"))
    with of(25, flow) as h:
        run = h.start()
        h.answer(run, 1, "a")
        assert at_work(h) == ["b", "c", "outside"]
        h.signal(run, "withdraw", "gone")
        assert at_work(h) == ["outside"]
        h.answer(run, "kept")
        assert run.result() == ("gone", "kept")
