"""The other server, started once by each of the processes that run these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.activitypub.fediverse import Fediverse, fediverse


@pytest.fixture(scope="session")
def others() -> Iterator[Fediverse]:
    """Real instances of another implementation."""
    with fediverse() as found:
        yield found
