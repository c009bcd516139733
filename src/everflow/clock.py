"""Time's contract: two clocks, and how the engine reads them.

``wall`` is the time of day, which people and other machines share and which may jump. ``boot`` only
ever goes forward, through suspends of the machine too. Both are integer microseconds. No module
but this one reads a clock.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "RunClock", "SystemClock"]


class Clock(Protocol):
    """The two clocks."""

    def wall(self) -> int:
        """Microseconds since the epoch."""

    def boot(self) -> int:
        """Microseconds since some fixed point; never goes back."""


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000

    def boot(self) -> int:
        """Microseconds since the machine was started, suspends included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class RunClock:
    """The time that runs live by: begun at the wall clock, carried on by the boot clock.

    So a jump of the wall clock neither fires nor holds up a duration. A new process begins at the
    wall clock again, never below the highest time that the store bears. While the store can't be
    written the clock stands (``stop`` and ``go``): unfinished timers are given the outage.
    """

    def __init__(self, clock: Clock, highest: int = 0) -> None:
        self._clock = clock
        self._start = max(clock.wall(), highest)
        self._boot = clock.boot()
        self._stopped: int | None = None

    def now(self) -> int:
        """The runs' time in microseconds since the epoch."""
        boot = self._clock.boot() if self._stopped is None else self._stopped
        return self._start + boot - self._boot

    def wall(self) -> int:
        """The same: a process that executes runs dates what it starts by the runs' time."""
        return self.now()

    def latest(self) -> int:
        """The later of the runs' time and the time of day: what was due by either is due."""
        return max(self.now(), self._clock.wall())

    def boot(self) -> int:
        """The boot clock itself."""
        return self._clock.boot()

    def until(self, due: int, *, wall: bool) -> int:
        """Microseconds until a timer is due: by this clock, or by the wall clock."""
        return due - (self._clock.wall() if wall else self.now())

    def stop(self) -> None:
        """Hold the time."""
        if self._stopped is None:
            self._stopped = self._clock.boot()

    def go(self) -> None:
        """Let the time go on from where it was held."""
        if self._stopped is not None:
            self._boot += self._clock.boot() - self._stopped
            self._stopped = None
