"""The pytest plugin: the fixture ``flow_harness``, which makes harnesses and closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from everflow.core.flow import Flow
from everflow.testing.harness import Harness, harness

__all__ = ["flow_harness", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--everflow-seed``, from which simulations in tests begin."""
    group = parser.getgroup("everflow")
    group.addoption(
        "--everflow-seed", type=int, default=None, help="run simulations from this seed alone"
    )


@pytest.fixture
def flow_harness() -> Iterator[Callable[..., Harness[Any, Any]]]:
    """Make a harness for a flow: ``flow_harness(flow, provide=..., replace=...)``."""
    with ExitStack() as stack:

        def make(flow: Flow[Any, Any], **settings: Any) -> Harness[Any, Any]:
            return stack.enter_context(harness(flow, **settings))

        yield make
