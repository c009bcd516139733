"""The conformance suite is tested itself: every planted bug must be found."""

import pytest

from tests.stores.planted import PLANTED

pytest_plugins = ["pytester"]

SUITE = """
from everflow.stores.memory import MemoryStore
from tests.stores.planted import {bug} as Planted
from tests.stores.test_memory import TestMemoryStore as Sound

class TestPlanted(Sound):
    def make_store(self, place):
        return Planted()
"""


@pytest.mark.slow
@pytest.mark.parametrize("bug", [bug.__name__ for bug in PLANTED])
def test_a_planted_bug_is_found(bug: str, pytester: pytest.Pytester) -> None:
    """At least one test of the suite fails."""
    pytester.makepyfile(SUITE.format(bug=bug))
    result = pytester.runpytest_inprocess("-x", "-q", "-k", "TestPlanted", "-p", "no:cacheprovider")
    assert result.parseoutcomes().get("failed") == 1
