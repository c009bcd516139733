"""Bodies in direct style under simulation: the same claims hold of them as of all flows."""

from __future__ import annotations

import pytest

from everflow import (
    Registry,
    StepFailed,
    ask,
    branch,
    continue_with,
    flow,
    it,
    loop,
    parallel,
    perform,
    retry,
    sequence,
    sleep,
    step,
    try_catch,
)
from everflow.testing.simulator import Simulation, Subject, simulate_every_write
from everflow.testing.simulator.nodes import (
    away,
    broken,
    enough,
    more,
    odd,
    rescue,
    shaky,
    thrice,
    up,
)
from everflow.testing.twins import play, twin_of

pytestmark = pytest.mark.usefixtures("unmeasured")

KIT = Registry()
ENOUGH = 40
SEEDS = 30


@flow("simulated line", registry=KIT)
async def line(x: int) -> int:
    x = await step(thrice, await step(up, x))
    x += sum(await parallel(step(away, x), step(more, x), step(thrice, 2)))
    try:
        await step(broken, x)
    except StepFailed:
        x += 1
    await sleep(20)
    return await step(retry(3, shaky, backoff=20), x)


@flow("simulated asks", registry=KIT)
async def asks(x: int) -> int:
    while x < ENOUGH:
        x += 1 + await ask("ok", int, value=x)
        x = await step(thrice, x)
    if x % 2:
        continue_with(x + 1)
    return x


@flow("simulated plain", registry=KIT)
def plain(x: int) -> int:
    x = perform(step(thrice, x))
    x += perform(ask("ok", int, value=x))
    return perform(step(away, x))


DECIDES = sequence(
    try_catch(broken, rescue),
    parallel(retry(3, shaky), sequence(up, thrice)),
    it[0],
    branch(odd, more, up),
    loop(thrice, until=enough),
)
played = flow("simulated twin", registry=KIT)(play)


def test_a_twin_lives_through_every_write() -> None:
    """What a flow of combinators does, done by awaiting, over each death and lie (B044)."""
    reports = simulate_every_write([Subject(played, [twin_of(DECIDES, 1)])], registry=KIT)
    assert [report.untrue for report in reports] == [None] * len(reports)
    assert len(reports) > SEEDS


@pytest.mark.parametrize("body", [line, asks, plain], ids=["line", "asks", "plain"])
def test_no_claim_breaks_for_bodies(body: object) -> None:
    """Workers and clients die at any call of the store, and bodies are begun again (B044)."""
    subjects = [Subject(body, inputs=(1, 2), answers={"ok": [1, 2]})]  # type: ignore[arg-type]  # a case of pytest's
    simulation = Simulation(subjects, registry=KIT)
    deaths = 0
    for seed in range(SEEDS):
        report = simulation.run(seed)
        deaths += report.deaths
        if report.untrue is not None:
            simulation.shrink(report).check()
    assert deaths > SEEDS
