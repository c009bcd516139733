"""Rounds of faults run the same lines again and again: no coverage is measured here."""

import pytest


@pytest.fixture(autouse=True)
def _unmeasured(unmeasured: None) -> None:
    """Say so for every test of this folder."""
