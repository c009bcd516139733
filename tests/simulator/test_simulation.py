"""The contract under simulation: whatever dies, fails, jumps and doubles, each claim holds."""

from random import Random

import pytest

from everflow import Registry, flow, need, node, sequence, suspend
from everflow.testing.simulator import Fault, Report, Simulation, Step, Subject, simulate
from everflow.testing.simulator.corpus import corpus

CHUNKS, SEEDS, DEATHS = 20, 110, 500  # 10,000 deaths in all
LONG_CHUNKS, LONG_SEEDS = 40, 2_500

UNMEASURED = pytest.mark.usefixtures("unmeasured")
SUBJECTS = {subject.flow.name_of_flow: subject for subject in corpus(Registry())}


def held(simulation: Simulation, report: Report) -> Report:
    """The report, when every claim held; else a small story of what broke in that simulation."""
    if report.untrue is not None:
        simulation.shrink(report).check()
    return report


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_lost_doubled_or_stuck(chunk: int, request: pytest.FixtureRequest) -> None:
    """10,000 workers and clients die at any call of the store (B062 to B066)."""
    if chunk:  # the first is enough to measure what they reach
        request.getfixturevalue("unmeasured")
    simulation = Simulation()
    first = chunk * SEEDS
    reports = [held(simulation, simulation.run(seed)) for seed in range(first, first + SEEDS)]
    assert sum(report.deaths for report in reports) >= DEATHS
    assert sum(report.troubles for report in reports) > 0


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("chunk", range(LONG_CHUNKS))
def test_nothing_is_lost_in_the_long_run(chunk: int) -> None:
    """The same for some 300,000 deaths."""
    simulation = Simulation()
    first = 1_000_000 + chunk * LONG_SEEDS
    for seed in range(first, first + LONG_SEEDS):
        held(simulation, simulation.run(seed))


CALM = [Step("start", 0, 2), *[Step(verb, 0, 7) for verb in ("turn", "perform", "tell")] * 8]
ASKED = [*CALM[:13], Step("answer", 0, 11), *CALM[1:13], Step("jump", 0, 5), *CALM[1:13]]
FAULTS = (Fault.DIE_BEFORE, Fault.DIE_AFTER, Fault.FAIL, Fault.LIE)


def faults_of(writes: int) -> list[tuple[Fault, int]]:
    """What may go wrong in a step of so many writes; without one its process may only die."""
    if not writes:
        return [(Fault.DIE_AFTER, -1)]
    return [(fault, -nth) for nth in range(1, min(writes, 2) + 1) for fault in FAULTS]


@UNMEASURED
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_write_may_go_wrong(name: str) -> None:
    """One fault at each write of each step of a small life, before and after it was done."""
    registry = Registry()
    subject = next(s for s in corpus(registry) if s.flow.name_of_flow == name)
    simulation = Simulation([subject], registry=registry)
    calm = held(simulation, simulation.run(0, ASKED))
    for place, writes in enumerate(calm.writes):
        if ASKED[place].verb not in {"start", "turn", "answer"}:
            continue
        for fault, at in faults_of(writes):
            steps = list(ASKED)
            steps[place] = steps[place]._replace(fault=fault, at=at)
            report = simulation.run(0, steps)
            if report.untrue is not None:
                simulation.shrink(report).check()


def test_a_seed_is_one_story() -> None:
    """The same seed gives the same steps, story and counts, in the same process and another."""
    first, second = Simulation().run(1234), Simulation().run(1234)
    assert first.story == second.story
    assert first == second
    assert first.story


def test_an_empty_plan_holds() -> None:
    """A world in which nothing is done has nothing to claim."""
    report = Simulation().run(0, [])
    assert (report.untrue, report.runs) == (None, 0)


@UNMEASURED
def test_without_faults_nothing_dies() -> None:
    """With no faults, kills and lapsed leases all runs end, and nothing is repeated."""
    verbs = {"turn": 40, "perform": 20, "tell": 5, "start": 8, "answer": 8}
    simulation = Simulation(faults=0, verbs=verbs)
    reports = [held(simulation, simulation.run(seed)) for seed in range(30)]
    assert sum(report.deaths + report.repeats for report in reports) == 0
    assert sum(report.runs for report in reports) > 30


def test_an_outage_ends_by_itself() -> None:
    """With the store away half of the time, runs go on whenever it is back (B078)."""
    simulation = Simulation(faults=0)
    base = [Step("start", n, n) for n in range(4)] + [Step("turn", 0, n) for n in range(30)]
    for at in range(1, 8):
        steps = [
            step._replace(fault=Fault.OUTAGE, at=at) if i % 2 else step
            for i, step in enumerate(base)
        ]
        held(simulation, simulation.run(at, steps))


def test_a_user_s_own_flow_goes_through_it() -> None:
    """A subject brings a flow, what goes in, what people answer, and what its nodes need."""
    registry = Registry()
    sent: list[str] = []
    post = flow("post", sequence(suspend("ok", bool), node(mail)), registry=registry)
    subject = Subject(post, inputs=("a", "b"), answers={"ok": (True, False)}, early=("ok",))
    for seed in range(20):
        report = simulate(seed, [subject], registry=registry, provide={list: lambda: sent})
        report.check()
    assert sent


def mail(ok: bool, *, box: list[str] = need(list)) -> int:
    box.append(str(ok))
    return len(box)


def test_nobody_knows_what_to_answer() -> None:
    """A subject without an answer to its own question says so."""
    subject = SUBJECTS["asking"]
    silent = Subject(subject.flow, (1,))
    assert silent.answer("@undo", Random(1)) in {"retry", "skip"}
    with pytest.raises(ValueError, match="nobody knows what to answer"):
        silent.answer("ok", None)  # type: ignore[arg-type]  # no dice are thrown
