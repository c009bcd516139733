"""One open server for the tests of a file that don't change who may come in."""

from collections.abc import Iterator

import pytest

from everflow.server import Scope
from tests.server.serving import Served, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server that is open to this machine."""
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def locked() -> Iterator[Served]:
    """A server whose store has tokens; its own client is an admin."""
    with serving() as made:
        made.token = made.make(Scope.ADMIN, "the test")
        yield made
