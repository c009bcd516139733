"""Flows and their twins in direct style: two ways to write, one machine."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everflow import Registry, flow, node
from everflow.core.flow import Flow
from everflow.core.node import Node
from everflow.core.program import Program
from everflow.errors import RunFailed
from everflow.store import Status
from everflow.testing.generated import flows
from everflow.testing.harness import Harness
from everflow.testing.twins import play, twin_of
from tests.core.oracle import Raised, comparable

DEATHS = 2  # at a third one the run would be set aside
TOGETHER = frozenset({"dag", "each", "parallel"})


class Mortal(Harness[Any, Any]):
    """A harness whose worker dies twice, each time before the so many-th attempt of a node."""

    every = left = deaths = 0

    def settle(self) -> None:
        """Do all that can be done, over deaths."""
        while True:
            self.scheduler.turn()
            if self._pool.begun:
                self.left -= 1
                if self.left == 0 and self.deaths < DEATHS:
                    self.left = self.every
                    self.deaths += 1
                    self.crash()
                    return
                attempt = self._pool.begun.pop(0)
                self.scheduler.post(self.scheduler.attempt_ended, attempt, self._performer(attempt))
            elif not self.scheduler.busy:
                return


def recorded(fn: Callable[..., Any], effects: Counter[str]) -> Callable[..., Any]:
    """The function, which notes that it was called, and with what."""

    @wraps(fn)
    def effect(value: Any) -> Any:
        effects[f"{fn.__name__}({comparable(value, exact=False)!r})"] += 1
        return fn(value)

    return effect


def lived(body: Any, value: Any, nodes: list[Node[Any, Any]], every: int) -> tuple[Any, Any]:
    """How a run ended, and what its nodes were called with."""
    effects: Counter[str] = Counter()
    kit = Registry()
    for known in nodes:
        kit.add_node(known)
    stand_ins = {known.name: recorded(known.require_fn(), effects) for known in nodes}
    with Mortal(flow("lived", body, registry=kit), registry=kit, replace=stand_ins) as h:
        h.every = h.left = every
        run = h.start(value)
        while run.status in {Status.SUSPENDED, Status.WAITING}:
            if h.questions():
                h.answer(run, "skip")
            else:
                h.jump(seconds=1)
        try:
            end = run.result()
        except RunFailed as failed:
            error: Any = failed.error
            end = Raised(error.type, error.code)
        return end, effects


def double(value: int) -> int:
    """Twice as much."""
    return value * 2


def test_a_node_that_a_body_awaits_is_replaced() -> None:
    """Though no definition names it."""
    kit = Registry()
    played = flow("replaced", registry=kit)(play)
    with Harness(played, registry=kit, replace={node(double): lambda n: f"{n}!"}) as h:
        assert h.start(twin_of(node(double), 3)).result() == "3!"


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    drawn=flows(waiting=False, leaves=15),
    value=st.sampled_from([0, 1, "text", [1]]),
    every=st.integers(2, 5),
)
def test_a_flow_and_its_twin_do_the_same(drawn: Flow[Any, Any], value: Any, every: int) -> None:
    """The same end and the same effects, over crashes too (B044)."""
    sites = Program(drawn).sites.values()
    nodes = [site.flow for site in sites if type(site.flow) is Node]
    end, effects = lived(drawn, value, nodes, 0)
    twin_end, twin_effects = lived(play_flow, twin_of(drawn, value), nodes, every)
    if any(site.flow.kind in TOGETHER for site in sites):
        # Whose error stopped whom before what is a matter of time.
        assert isinstance(end, Raised) == isinstance(twin_end, Raised)
        if not isinstance(end, Raised):
            assert comparable(twin_end, exact=False) == comparable(end, exact=False)
        return
    assert comparable(twin_end, exact=True) == comparable(end, exact=True)
    assert twin_effects == effects


play_flow = flow("played twin", registry=Registry())(play)
