"""Triggers: patterns 23 and 24."""

import pytest

from everflow import receive, suspend
from everflow.errors import NotWaiting
from tests.patterns.steps import at_work, of


def test_transient_trigger() -> None:
    """WCP-23 Transient Trigger: one that comes while nobody waits for it is lost, and told so."""
    with of(23, suspend("before") >> suspend("trigger") >> suspend("next")) as h:
        run = h.start()
        trigger = f"{run.id}.trigger.1"
        with pytest.raises(NotWaiting):
            h.answer(trigger, "too early")
        h.answer(run, None, "before")
        assert at_work(h) == ["trigger"]
        h.answer(trigger, "in time")
        assert at_work(h) == ["next"]


def test_persistent_trigger() -> None:
    """WCP-24 Persistent Trigger: one that comes before it is waited for is kept, crash or not."""
    with of(24, suspend("before") >> receive("trigger").keep() >> receive("trigger")) as h:
        run = h.start()
        h.signal(run, "trigger", "first")
        h.signal(run, "trigger", "second")
        h.crash()
        h.answer(run, None, "before")
        assert run.result() == "second"
