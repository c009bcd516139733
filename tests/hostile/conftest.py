"""One served instance for all that is bad, in each process of the tests."""

from collections.abc import Iterator

import pytest

from tests.hostile.site import Site, served


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An instance with all its faces."""
    with served(tmp_path_factory.mktemp("hostile")) as made:
        yield made
