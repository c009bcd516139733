"""Matching over generated flows, generated edits of them, and generated worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everflow.core.algebra import call
from everflow.core.combine.cached import cached
from everflow.core.combine.sections import critical
from everflow.core.combine.sequence import Sequence, sequence
from everflow.core.flow import Flow
from everflow.core.matching import Fit, Matching, Verdict
from everflow.core.node import node
from everflow.core.ops import CallOp
from everflow.core.program import Program
from everflow.core.registry import Registry, default_registry
from everflow.core.upgrade import Upgrade
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from everflow.testing.generated import close, flows, kind_of, live, wrap

Steps = list[tuple[str, bool, str]]  # a step's name, whether it is a label too, and its way
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def added(value: object) -> object:
    """A step that only edits bring."""
    return value


EDITS: list[Callable[[Flow[Any, Any]], Flow[Any, Any]]] = [
    lambda flow: sequence(flow, added),
    lambda flow: sequence(added, flow),
    lambda flow: sequence(kind_of, flow, wrap),
    lambda flow: flow.named("label"),
    lambda _flow: node(added),
    lambda _flow: call("another"),
    cached,
    lambda flow: critical("another", flow),
    lambda flow: sequence(*flow.steps[1:]) if isinstance(flow, Sequence) else flow,
    lambda flow: sequence(*reversed(flow.steps)) if isinstance(flow, Sequence) else flow,
]


def edited(flow: Flow[Any, Any], draw: Callable[[Any], Any]) -> Flow[Any, Any]:
    """The flow with one change somewhere in it."""
    children = list(flow.children())
    if not children or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(EDITS))(flow)  # type: ignore[no-any-return]  # draw knows no types
    index = draw(st.integers(0, len(children) - 1))
    name, child = children[index]
    children[index] = name, edited(child, draw)
    if isinstance(flow, Sequence):
        return sequence(*(child for _, child in children))
    made = type(flow).build(flow.shape(), flow.settings(), children, default_registry().node)
    return made if flow.label is None else made.named(flow.label)


def watched(driver: Driver) -> None:
    """Assert that no op that was closed is asked for again under its id."""
    closed: set[str] = set()
    tell = driver.tell

    def told(*args: Any, **more: Any) -> Driver:
        tell(*args, **more)
        again = closed & {op.id for op in driver.machine.opened}
        assert not again, f"an id was minted twice: {again}"
        closed.update(op.id for op in driver.machine.closed)
        return driver

    driver.tell = told  # type: ignore[method-assign]  # to look on, entry by entry


@QUICK
@given(flows(), st.data())
def test_an_upgraded_run_holds_together(flow: Flow[Any, Any], data: st.DataObject) -> None:
    """After any edit that it can follow: the fold is the state, ids are new, it goes on (B045)."""
    driver = Driver(flow)
    watched(driver)
    driver.start(1)
    for _ in range(3):
        for _ in live(data, driver, data.draw(st.integers(0, 6))):
            pass
        if driver.outcome is not None or driver.machine.state.cancelling:
            return
        new = driver.program.flow
        try:
            for _ in range(data.draw(st.integers(1, 2))):
                new = edited(new, data.draw)
            program = Program(new)
        except WrongArgument:  # two labels alike, or a section in itself
            return
        verdict = Matching(driver.machine.program, program).judge(driver.machine.state)
        assert (verdict.fit is Fit.CANNOT) is bool(verdict.reason) is bool(verdict.hint)
        if verdict.fit is Fit.MOVES:
            driver.upgrade(new)
    close(driver)


@QUICK
@given(flows(), st.data())
def test_the_same_flow_is_always_a_clean_move(flow: Flow[Any, Any], data: st.DataObject) -> None:
    """Written anew, it changes nothing, unless equal steps stand beside each other."""
    driver = Driver(flow).start(1)
    for _ in live(data, driver, 6):
        pass
    if driver.outcome is not None or any(getattr(op, "stopping", 0) for op in driver.commands()):
        return
    verdict = Matching(driver.program, Program(flow)).judge(driver.machine.state)
    assert verdict == Verdict(Fit.MOVES, upgrade=Upgrade())


NAMES = [f"trail {letter}" for letter in "abcdefgh"]
TRAIL = {name: node(lambda done, name=name: [*done, name], name=name) for name in NAMES}
REGISTRY = Registry()
for step in TRAIL.values():
    REGISTRY.add_node(step)
WAYS: dict[str, Callable[[str], Flow[Any, Any]]] = {
    "plain": TRAIL.__getitem__,
    "section": lambda name: critical("desk", TRAIL[name]),
    "cached": lambda name: cached(TRAIL[name]),
    "both": lambda name: critical("desk", cached(TRAIL[name])),
    "call": call,
}
some_steps = st.lists(
    st.tuples(st.sampled_from(NAMES), st.booleans(), st.sampled_from(sorted(WAYS))),
    min_size=2,
    max_size=7,
    unique_by=lambda step: step[0],
)


def trail(steps: Steps) -> Flow[Any, Any]:
    """A flow of steps that each add their name to what they get, in the one way or the other."""
    flows = [(WAYS[way](name), f"is {name}" if labelled else "") for name, labelled, way in steps]
    return sequence(*(flow.named(label) if label else flow for flow, label in flows))


def place(driver: Driver) -> int:
    """The index of the step at which the run stands."""
    frame: Any = driver.machine.state.frames["."]
    return int(frame.index)


def stepped(driver: Driver) -> None:
    """Do what is asked for, one thing; what is called does as its name says."""
    (op,) = driver.commands()
    if isinstance(op, CallOp):
        driver.child(op.id, [*driver.decode(op.input), op.flow])
    else:
        driver.perform(op.id)


@QUICK
@given(some_steps, some_steps, st.data())
def test_an_upgraded_run_ends_as_the_new_flow_would_from_there(
    old: Steps, new: Steps, data: st.DataObject
) -> None:
    """What it has done, then the step at which it stands, then what comes after that today.

    A section is held, a cache asked, a run called meanwhile.
    """
    done = data.draw(st.integers(0, len(old) - 1))
    live_name, _, way = old[done]
    if data.draw(st.booleans()):  # a step that is as it was, so that more runs can be moved
        new = [step if step[0] != live_name else old[done] for step in new]
    driver = Driver(trail(old), registry=REGISTRY).start([])
    watched(driver)
    while place(driver) < done:
        stepped(driver)
    for _ in range(data.draw(st.integers(0, 2)) if way in {"cached", "both"} else 0):
        stepped(driver)
    verdict = Matching(driver.program, Program(trail(new))).judge(driver.machine.state)
    names = [name for name, _, _ in new]
    if verdict.fit is Fit.CANNOT:
        assert live_name not in names or verdict.hint
        return
    driver.upgrade(trail(new)).restart()
    while driver.outcome is None:
        stepped(driver)
    after = names[names.index(live_name) + 1 :]
    past = [name for name, _, _ in old[:done]]
    assert driver.value() == [*past, live_name, *after]
