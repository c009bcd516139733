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
