"""The protocol under simulation: whatever is lost, doubled, late, cut or dead, each claim holds."""

import pytest
from msgspec.structs import replace

from everflow.federation.protocol import orders
from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.standing import OWNING, Role, Standing
from everflow.federation.protocol.states import TABLE
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import Forget, Session, Turn, Write
from everflow.testing.federation import Report, Simulation

pytestmark = pytest.mark.usefixtures("unmeasured")

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


def test_what_is_forgotten_makes_no_two_owners() -> None:
    """Copies are deleted at any moment: each claim holds, and whoever owns the run has it whole."""
    simulation = Simulation(more={"forget": 8})
    reports = [held(simulation, seed) for seed in range(600)]
    assert any(report.takeovers for report in reports)
    assert any(step.verb == "forget" for report in reports for step in report.plan)


@pytest.mark.parametrize("wrong", ["a granted copy", "what is fenced", "where it stands"])
def test_what_must_not_be_forgotten_is_found(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some claim breaks soon, so that the schedules reach what is refused."""

    def forget(session: Session, order: Forget, now: Moment) -> Turn:
        standing = session.standing
        fenced = wrong == "what is fenced" and standing.role is Role.FENCED
        granted = wrong == "a granted copy" and standing.grant and standing.role not in OWNING
        turn = orders.forget(session, order, now)
        new = Standing() if wrong == "where it stands" and turn.act else standing
        if not (fenced or granted or new != standing):
            return turn
        after = replace(session, standing=new, have=Extent())
        return Turn(session=after, act=Write(standing=new, drop=True))

    monkeypatch.setattr(orders, "ORDERS", {**orders.ORDERS, Forget: forget})
    monkeypatch.setattr("everflow.federation.protocol.session.ORDERS", orders.ORDERS)
    simulation = Simulation(more={"forget": 8})
    assert any(simulation.run(seed).untrue is not None for seed in range(600))
