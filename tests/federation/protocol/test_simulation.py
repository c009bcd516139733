"""The protocol under simulation: whatever is lost, doubled, late, cut or dead, each claim holds."""

import pytest

from everflow.federation.protocol.states import TABLE
from everflow.testing.federation import Report, Simulation

CHANGES = {change[:3] for change in TABLE}
CHUNKS, SEEDS = 10, 600
LONG_CHUNKS, LONG_SEEDS = 40, 10_000


def held(simulation: Simulation, seed: int) -> Report:
    """The report, when every claim held; else its story, shrunk."""
    report = simulation.run(seed)
    assert report.untrue is None, simulation.shrink(report).story()
    return report


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_never_two_owners_nothing_lost_nobody_stuck(chunk: int) -> None:
    """6,000 schedules of two and three instances (B105 to B108)."""
    simulation = Simulation()
    reports = [held(simulation, seed) for seed in range(chunk * SEEDS, (chunk + 1) * SEEDS)]
    assert sum(report.takeovers for report in reports) > SEEDS // 4
    assert sum(report.deaths for report in reports) > SEEDS // 4
    assert any(report.forced for report in reports)
    assert set().union(*(report.changes for report in reports)) <= CHANGES


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("chunk", range(LONG_CHUNKS))
def test_the_same_in_the_long_run(chunk: int) -> None:
    """400,000 schedules, longer ones."""
    simulation = Simulation(length=150)
    for seed in range(chunk * LONG_SEEDS, (chunk + 1) * LONG_SEEDS):
        assert held(simulation, seed).changes <= CHANGES
