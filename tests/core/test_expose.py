"""``expose``: what peers may be allowed to call, and by which name."""

from __future__ import annotations

from typing import Any

import pytest

from everflow.core.algebra import expose, flow
from everflow.core.combine.sequence import sequence
from everflow.core.registry import Registry
from everflow.errors import NotAFlow, WrongArgument
from tests.core.sample_flows import first, second

unnamed: Any = sequence(first, second)


def test_a_flow_is_exposed_by_its_own_name() -> None:
    """It is the same flow (B101)."""
    registry = Registry()
    named = flow("exposed_one", first, registry=registry)
    assert expose(named, registry=registry) is named
    assert registry.exposed == {"exposed_one"}


def test_what_has_no_name_is_given_one() -> None:
    """A node's function has one; else it is said (B101)."""
    registry = Registry()
    assert expose(first, registry=registry).name_of_flow == "first"
    assert expose(unnamed, "both", registry=registry).name_of_flow == "both"
    assert expose(first, "other", registry=registry).name_of_flow == "other"
    assert registry.exposed == set(registry.flows) == {"first", "both", "other"}


def test_what_can_not_be_named_is_not_exposed() -> None:
    """With the sentence that helps (B083)."""
    registry = Registry()
    with pytest.raises(WrongArgument, match="by a name"):
        expose(unnamed, registry=registry)
    wrong: Any = 7
    with pytest.raises(NotAFlow, match="expose"):
        expose(wrong, registry=registry)
    assert registry.exposed == set()
