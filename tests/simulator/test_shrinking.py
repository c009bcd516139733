"""A broken claim comes with a small story."""

import pytest

from everflow.testing.simulator import Fault, Simulation, Step, Untrue, simulate
from everflow.testing.simulator.shrink import shrunk
from tests.simulator.planted import stores


def broken(patch: pytest.MonkeyPatch) -> int:
    """A seed that finds a planted bug."""
    stores.answers_are_not_deduplicated(patch)
    simulation = Simulation()
    return next(seed for seed in range(100) if simulation.run(seed).untrue is not None)


def test_a_report_shrinks_to_what_breaks_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far fewer steps break the same claim, and the text tells them with the seed."""
    seed = broken(monkeypatch)
    whole, small = Simulation().run(seed), simulate(seed)
    assert whole.untrue is not None
    assert small.untrue is not None
    assert small.untrue.sentence == whole.untrue.sentence
    assert len(small.steps) <= min(len(whole.steps), 12)
    assert f"seed {seed}, {len(small.steps)} steps: {small.untrue}" in small.text


def test_a_broken_claim_is_raised_with_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """``check`` raises what broke, in words."""
    report = Simulation().run(broken(monkeypatch))
    with pytest.raises(AssertionError, match=r"seed \d+, \d+ steps: .*\n  "):
        report.check()


def test_what_holds_stays_as_it_is() -> None:
    """A report without a broken claim has nothing to shrink."""
    simulation = Simulation()
    report = simulation.run(1)
    assert simulation.shrink(report) is report
    report.check()


STEPS = [Step("turn", n, n, Fault.FAIL, 1) for n in range(40)]


def test_only_what_is_needed_is_left() -> None:
    """Of forty steps the two that matter are left, and only the fault that matters."""

    def breaks(steps: list[Step]) -> bool:
        faulty = any(step.pick == 7 and step.fault is Fault.FAIL for step in steps)
        return faulty and any(step.pick == 31 for step in steps)

    left = shrunk(STEPS, breaks)
    assert [(step.pick, step.fault) for step in left] == [(7, Fault.FAIL), (31, Fault.NONE)]


def test_shrinking_is_bounded() -> None:
    """No more trials are made than allowed."""
    trials = 0

    def breaks(steps: list[Step]) -> bool:
        nonlocal trials
        trials += 1
        return False

    shrunk(STEPS, breaks, trials=5)
    assert trials == 5


def test_a_claim_names_its_sentence() -> None:
    """An untrue claim is its sentence and where it failed."""
    assert str(Untrue("no run is stuck", 7)) == "no run is stuck: 7"
    assert str(Untrue("no run is stuck")) == "no run is stuck"
