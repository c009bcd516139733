"""The simulation is itself under test: every planted mistake is found."""

import pytest

from everflow.testing.federation import Simulation
from tests.federation.protocol.planted import BUGS, WITHIN, Bug


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_mistake_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a bounded number of seeds some claim breaks."""
    bug.plant(monkeypatch)
    simulation = Simulation()
    found = (simulation.run(seed).untrue for seed in (bug.seed, *range(WITHIN)))
    assert any(untrue is not None for untrue in found), f"{WITHIN} seeds don't find it"


def test_a_failure_is_told_with_its_seed_and_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shrinks to the steps that are needed; what held stays as it is."""
    simulation = Simulation()
    whole = simulation.run(0)
    assert simulation.shrink(whole) is whole
    next(bug for bug in BUGS if bug.name == "skips_the_fence").plant(monkeypatch)
    report = next(
        report for report in map(simulation.run, range(WITHIN)) if report.untrue is not None
    )
    small = simulation.shrink(report)
    assert small.story().startswith(f"seed {report.seed}: a run never has two owners")
    assert len(small.plan) <= min(len(report.plan), 12)
