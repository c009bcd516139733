"""What depends on a state: patterns 16 and 18."""

from datetime import timedelta

from everflow import choose, const, it, loop, parallel, race, receive, sleep, suspend
from tests.patterns.steps import at_work, of


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
