"""The pytest plugin: the fixtures ``flow_harness``, ``simulated`` and ``simulation_seeds``.

It is imported whenever pytest starts in a project that has Everflow installed, and costs no more
than ``import everflow`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from everflow.core.flow import Flow
from everflow.testing.harness import Harness, harness

__all__ = ["flow_harness", "pytest_addoption", "simulated", "simulation_seeds"]

SEEDS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--everflow-seed``, which plays again what a failing test told."""
    group = parser.getgroup("everflow")
    group.addoption("--everflow-seed", type=int, default=None, help="simulate this seed alone")


@pytest.fixture
def flow_harness() -> Iterator[Callable[..., Harness[Any, Any]]]:
    """Make a harness for a flow: ``flow_harness(flow, provide=..., replace=...)``."""
    with ExitStack() as stack:

        def make(flow: Flow[Any, Any], **settings: Any) -> Harness[Any, Any]:
            return stack.enter_context(harness(flow, **settings))

        yield make


@pytest.fixture
def simulation_seeds(request: pytest.FixtureRequest) -> Sequence[int]:
    """The seeds to simulate: 20 of them, or the one that ``--everflow-seed`` gives."""
    seed: int | None = request.config.getoption("--everflow-seed")
    return range(SEEDS) if seed is None else [seed]


@pytest.fixture
def simulated(simulation_seeds: Sequence[int]) -> Callable[..., None]:
    """Lead a flow through a crash at every write and through some random lives.

    ``simulated(flow, inputs=..., answers=..., invariants=..., replace=..., provide=..., real=...)``
    raises AssertionError with the shortest story that was found where a promise or an invariant
    breaks. Nodes are stubs but for pure ones, those in ``replace`` and those that ``real`` (a
    function of the node) holds for; what isn't given is drawn by types.
    """
    from everflow.testing.simulator.leading import lead  # noqa: PLC0415 - the plugin is imported with every pytest

    return partial(lead, seeds=simulation_seeds)
