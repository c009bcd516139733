"""The tree of errors: who is to blame, a stable code, and a message that helps."""

import pytest

from everflow import errors
from everflow.core.faults import error_name
from everflow.errors import (
    BodySuspended,
    EverflowError,
    JournalMismatch,
    NoRetry,
    RetryAfter,
    RunFailed,
    ValueRefused,
)

CLASSES = [getattr(errors, name) for name in errors.__all__]
TREE = [kind for kind in CLASSES if issubclass(kind, EverflowError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_are_recorded_by_the_package(kind: type[BaseException]) -> None:
    """Which file a class stands in is no part of its name."""
    assert error_name(kind) == f"everflow.errors:{kind.__name__}"
    assert kind.__doc__


def test_codes_are_unique_and_blame_is_one_of_six() -> None:
    """Logs and other languages match on them."""
    codes = [kind.code for kind in TREE]
    assert len(set(codes)) == len(codes)
    parties = {"flow", "caller", "peer", "store", "configuration", "engine"}
    assert {kind.blame for kind in TREE} <= parties


def test_an_error_names_the_place_and_what_to_do() -> None:
    """Each only where it is known."""
    assert str(EverflowError("It broke")) == "It broke"
    full = ValueRefused(
        "a set isn't plain", run="r1", flow="f", position="./0", path="x[3]", hint="make it a list"
    )
    assert str(full) == (
        "a set isn't plain at x[3] of the value (run r1, flow f, position ./0)\n  make it a list"
    )
    assert isinstance(full, TypeError)
    assert JournalMismatch("x").blame == "flow"


def test_errors_that_carry_more() -> None:
    """An error inside, a delay, a tag."""
    inner = ValueError("inner")
    assert NoRetry(inner).error is inner
    assert str(RetryAfter(5)) == "try again after 5 s"
    assert RetryAfter(5, inner).error is inner
    assert RunFailed("x", error=inner, run="r").error is inner
    assert not issubclass(BodySuspended, Exception)
    assert BodySuspended("tag", 5).prompt == 5
