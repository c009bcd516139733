"""A clock that jumps: time passes when the test says so, and not before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["BEGIN", "JumpClock", "span"]

BEGIN = 1_700_000_000_000_000  # some day in 2023, in microseconds since the epoch
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def span(by: timedelta | float | None = None, **parts: float) -> int:
    """A duration in microseconds: a timedelta, seconds, or timedelta's own parts (``days=3``)."""
    whole = by if isinstance(by, timedelta) else timedelta(seconds=by or 0)
    return (whole + timedelta(**parts)) // _MICROSECOND


class JumpClock:
    """Implements ``everflow.clock.Clock``. Both clocks are in microseconds and stand still."""

    def __init__(self, wall: int = BEGIN, boot: int = 1_000_000_000) -> None:
        self._wall = wall
        self._boot = boot

    def wall(self) -> int:
        """Microseconds since the epoch."""
        return self._wall

    def boot(self) -> int:
        """Microseconds since some fixed point."""
        return self._boot

    def jump(self, by: timedelta | float | None = None, **parts: float) -> None:
        """Let time pass: ``jump(days=3)``, ``jump(0.5)`` seconds. Both clocks move."""
        self.advance(span(by, **parts))

    def advance(self, microseconds: int) -> None:
        """Let so many microseconds pass; time never goes back, so negative ones are refused."""
        if microseconds < 0:
            raise ValueError(f"time can't go back by {-microseconds} microseconds: jump_wall can")
        self._wall += microseconds
        self._boot += microseconds

    def jump_wall(self, by: timedelta | float | None = None, **parts: float) -> None:
        """Set the time of day forward or back, as an administrator does; no time passes."""
        self._wall += span(by, **parts)

    @property
    def now(self) -> datetime:
        """The time of day, in UTC."""
        return _EPOCH + self._wall * _MICROSECOND
