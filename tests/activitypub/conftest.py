"""An instance and a stranger for each test; the other server, once for each process of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.activitypub.fediverse import Fediverse, fediverse
from tests.activitypub.support import Site, Stranger, site, stranger


@pytest.fixture(scope="session")
def others() -> Iterator[Fediverse]:
    """Real instances of another implementation."""
    with fediverse() as found:
        yield found


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    """An instance that reaches 127.0.0.1 and nothing else that isn't public."""
    with site() as made:
        yield made.up()


@pytest.fixture
def otto(here: Site) -> Iterator[Stranger]:
    """An actor of another server."""
    with stranger(here.loop) as made:
        yield made
