"""A served instance for the tests of a file: what they leave there is nobody else's."""

from collections.abc import Iterator

import pytest

from tests.hostile.site import Site, served


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An instance with all its faces."""
    with served(tmp_path_factory.mktemp("hostile")) as made:
        yield made
