"""The clock that jumps: time passes when the test says so."""

from datetime import UTC, datetime, timedelta

import pytest

from everflow.clock import Clock
from everflow.testing.clock import BEGIN, JumpClock, span

SECOND = 1_000_000


def test_it_stands_still_until_it_jumps() -> None:
    """Both clocks move by ``jump``, in seconds, parts or timedeltas."""
    clock: Clock = JumpClock()
    assert clock.wall() == clock.wall() == BEGIN
    jumping = JumpClock(wall=0, boot=0)
    jumping.jump(1.5)
    jumping.jump(minutes=1)
    jumping.jump(timedelta(hours=1), seconds=1)
    assert jumping.boot() == jumping.wall() == round((1.5 + 60 + 3601) * SECOND)


def test_the_wall_alone_can_be_set() -> None:
    """``jump_wall`` goes either way, and no time passes."""
    clock = JumpClock(wall=10 * SECOND, boot=7)
    clock.jump_wall(days=2)
    clock.jump_wall(-4, days=-2)
    assert (clock.wall(), clock.boot()) == (6 * SECOND, 7)


def test_time_never_goes_back() -> None:
    """Only the wall can: a jump into the past is refused, and nothing moved."""
    clock = JumpClock(wall=5, boot=5)
    with pytest.raises(ValueError, match="jump_wall"):
        clock.jump(-1)
    assert (clock.wall(), clock.boot()) == (5, 5)


def test_it_says_what_time_it_is() -> None:
    """``now`` is the time of day in UTC."""
    assert JumpClock(wall=90 * SECOND).now == datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC)


def test_a_span_is_whole_microseconds() -> None:
    """Seconds, timedeltas and their parts add up."""
    assert span() == 0
    assert span(0.25) == span(timedelta(milliseconds=250)) == span(milliseconds=250) == 250_000
