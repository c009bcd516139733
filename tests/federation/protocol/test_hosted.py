"""The same schedules with what is really run: hosts, grants, letters and a store's own verbs."""

from types import ModuleType

import pytest

from everflow.federation.carrying import host, reception
from everflow.federation.protocol.standing import Role, Standing
from everflow.federation.protocol.states import TABLE
from everflow.federation.protocol.trust import Doubt
from everflow.testing.federation import Simulation
from everflow.testing.federation.hosted import HostedWorld

pytestmark = pytest.mark.usefixtures("unmeasured")

CHANGES = {change[:3] for change in TABLE}
SEEDS, LONG_SEEDS = 60, 3_000


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What a host says of a store in trouble isn't wanted here."""
    caplog.set_level("CRITICAL", "everflow.federation")


def held(simulation: Simulation, seed: int) -> int:
    """How often the run was taken over, when every claim held; else its story, shrunk."""
    report = simulation.run(seed)
    assert report.untrue is None, simulation.shrink(report).story()
    assert report.changes <= CHANGES
    return report.takeovers


@pytest.mark.parametrize("chunk", range(2))
def test_hosts_over_stores_keep_what_the_protocol_promises(chunk: int) -> None:
    """Schedules with deaths, lies of the store and a bad network (B105 to B108)."""
    simulation = Simulation(world=HostedWorld)
    takeovers = sum(held(simulation, seed) for seed in range(chunk * SEEDS, (chunk + 1) * SEEDS))
    assert takeovers > SEEDS // 4


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("chunk", range(10))
def test_the_same_in_the_long_run(chunk: int) -> None:
    """30,000 schedules, longer ones."""
    simulation = Simulation(length=150, world=HostedWorld)
    for seed in range(chunk * LONG_SEEDS, (chunk + 1) * LONG_SEEDS):
        held(simulation, seed)


def test_hosts_forget_copies_at_any_moment() -> None:
    """What their stores keep is enough (B105 to B108)."""
    simulation = Simulation(world=HostedWorld, more={"forget": 8})
    assert sum(held(simulation, seed) for seed in range(30)) > 0


@pytest.mark.parametrize(
    ("where", "name", "seeds"),
    [(host, "within", range(124, 125)), (reception, "doubt", range(4))],
    ids=["nothing is set aside", "a giver hears nobody"],
)
def test_a_planted_mistake_is_found(
    where: ModuleType, name: str, seeds: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the schedules reach what the host and the reception do."""
    wrong = {"within": lambda have, _keep: have, "doubt": _fenced}
    monkeypatch.setattr(where, name, wrong[name])
    simulation = Simulation(world=HostedWorld)
    assert any(simulation.run(seed).untrue is not None for seed in seeds)


def _fenced(standing: Standing, *_given: object) -> Doubt | None:
    return Doubt.STRANGER if standing.role is Role.FENCED else None
