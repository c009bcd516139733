"""The pytest plugin: the fixtures ``flow_harness`` and ``simulation_seeds``.

It is imported whenever pytest starts in a project that has Everflow installed, and costs no more
than ``import everflow`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from everflow.core.flow import Flow
from everflow.testing.harness import Harness, harness

__all__ = ["flow_harness", "pytest_addoption", "simulation_seeds"]

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
