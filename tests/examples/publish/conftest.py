"""A copy of the example site in a folder of its own, and one loaded word list for all tests."""

import shutil
from pathlib import Path

import pytest

from publishing.site import Site, read_site
from publishing.spelling import Speller, own_words

EXAMPLE = Path(__file__).parents[3] / "examples" / "publish"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The example's settings over copies of its posts and templates."""
    for name in ("posts", "templates"):
        shutil.copytree(EXAMPLE / name, tmp_path / name)
    for name in ("site.toml", "dictionary.txt"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    return read_site(tmp_path / "site.toml")


@pytest.fixture(scope="session")
def speller() -> Speller:
    """The word list with the site's own words."""
    return Speller(own_words(EXAMPLE / "dictionary.txt"))
