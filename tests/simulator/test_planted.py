"""The simulator is itself under test: every planted bug is found, and found fast."""

import pytest

from everflow import Registry
from everflow.testing.simulator import Report, Simulation
from everflow.testing.simulator.corpus import corpus
from everflow.testing.simulator.plan import VERBS
from tests.simulator.planted import BUGS, Bug, engines, machines, operations, refusals, stores

pytestmark = pytest.mark.usefixtures("unmeasured")

MODULES = (engines, machines, operations, refusals, stores)


def found(bug: Bug) -> Report | None:
    """The first seed's report in which some claim breaks."""
    registry = Registry() if bug.flows else None
    known = corpus(registry) if registry is not None else []
    subjects = [subject for subject in known if subject.flow.name_of_flow in bug.flows]
    simulation = Simulation(subjects, registry=registry, verbs={**VERBS, **bug.verbs})
    reports = (simulation.run(seed) for seed in range(bug.within))
    return next((report for report in reports if report.untrue is not None), None)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a bounded number of seeds some claim breaks."""
    bug.plant(monkeypatch)
    report = found(bug)
    assert report is not None, f"{bug.within} seeds don't find it"


def test_there_are_enough_bugs() -> None:
    """The list of bugs is the one of all modules, each once."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20
