"""A worker: the threads around a scheduler.

The scheduler's own thread takes turns; another one advances the heartbeat and watches for inline
nodes that hold the scheduler, so that neither depends on the scheduler being well.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from everflow.clock import Clock
from everflow.config import Config
from everflow.engine.driving.commits import ThreadedCommitter
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.driving.watchdog import what_holds
from everflow.errors import EverflowError

__all__ = ["Worker", "until_idle"]

_log = logging.getLogger("everflow.engine")
SHOWN = 0.2  # seconds of draining after which it is written down


def _nothing() -> None:
    """Nobody is to be told of a fault."""


class Worker:
    """Runs a scheduler until it is closed."""

    def __init__(
        self, scheduler: Scheduler, config: Config, failed: Callable[[], None] = _nothing
    ) -> None:
        self._scheduler = scheduler
        self._config = config
        self._failed = failed
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._committer = ThreadedCommitter(
            scheduler.leases,
            scheduler.committed,
            scheduler.commit_failed,
            self.post,
        )
        scheduler.committer = self._committer
        self._thread = threading.Thread(target=self._loop, name="everflow-scheduler", daemon=True)
        self._heart = threading.Thread(target=self._beat, name="everflow-heart", daemon=True)
        self._unheed = _nothing
        self.fault: BaseException | None = None
        self.cut: list[tuple[str, str]] = []  # run and node of what didn't end in its grace

    def start(self) -> None:
        """Begin to take turns."""
        self._unheed = self._scheduler.store.heed(self._told)
        self._thread.start()
        self._heart.start()

    def _told(self) -> None:
        """The store hears that others wrote: no need to wait for the next poll."""
        self._scheduler.adoption.rounds.told = True
        self._wake.set()

    def post(self, react: Callable[..., None], *args: Any) -> None:
        """Have the scheduler do something in its next turn."""
        self._scheduler.post(react, *args)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def is_mine(self) -> bool:
        """Whether the caller is on the scheduler's own thread."""
        return threading.get_ident() == self._thread.ident

    def close(self, patience: float, end_pools: Callable[[], None] = _nothing) -> None:
        """Stop: what is begun gets ``patience`` seconds to end and be recorded.

        What didn't end by then is stopped by ``end_pools`` before others may have its run.
        """
        scheduler = self._scheduler
        quiet = threading.Event()

        def look() -> None:
            scheduler.adoption.drain()
            if scheduler.drained or self.fault is not None:
                quiet.set()

        waited = 0.0
        while self._thread.is_alive() and waited < patience and not quiet.is_set():
            self.post(look)
            quiet.wait(0.01)
            waited += 0.01
            if abs(waited - SHOWN) < 0.005:  # noqa: PLR2004 - half a step: once
                self.post(self._show)
        self._unheed()
        self._closing.set()
        self._wake.set()
        self._thread.join(5.0)
        self._heart.join(5.0)
        self._committer.close()
        self.cut = [] if self.fault is not None else scheduler.dispatcher.begun()
        for run, node in self.cut:
            _log.warning(
                "%s of run %s didn't end within %g s; it is begun again by another worker",
                node,
                run,
                patience,
            )
        end_pools()
        scheduler.cells.clear()
        try:
            scheduler.store.retire(scheduler.ownership.worker)
            if waited >= SHOWN:
                scheduler.ownership.show_draining(drains=False)
        except EverflowError as error:
            _log.warning("the worker couldn't be retired, others will find it dead: %s", error)

    def _show(self) -> None:
        """Let whoever looks see that this worker drains, as it takes its time."""
        self._scheduler.ownership.show_draining(drains=True)

    def _loop(self) -> None:
        scheduler, wake = self._scheduler, self._wake
        try:
            while not self._closing.is_set():
                wake.clear()
                scheduler.turn()
                if not scheduler.busy:
                    wake.wait(scheduler.sleep_us() / 1_000_000)
        except BaseException as error:  # noqa: BLE001 - told to all who call or wait
            self.fault = error
            self._failed()
            _log.critical("the scheduler stopped by a fault of its own", exc_info=error)

    def _beat(self) -> None:
        """Advance the heartbeat, and name the code that holds the scheduler."""
        scheduler = self._scheduler
        pause = min(self._config.lease_s / 5, self._config.watchdog_s)
        held: object = None
        told: object = None
        missed = False
        while not self._closing.wait(pause) and self.fault is None:  # then others take over
            try:
                scheduler.store.beat(scheduler.ownership.worker)
                missed = False
            except EverflowError as error:
                level = logging.DEBUG if missed else logging.WARNING  # once an outage
                _log.log(level, "the heartbeat couldn't be written: %s", error)
                missed = True
            now = scheduler.dispatcher.in_place
            if now is not None and now is held and now is not told:
                _log.warning("%s", what_holds(*now))
                told = now
            held = now


def until_idle(worker: Worker, scheduler: Scheduler, clock: Clock, timeout: float) -> bool:
    """Wait until every run is finished or waits. False when the time (in seconds) is over."""
    end = clock.boot() + round(timeout * 1_000_000)
    while clock.boot() < end:
        quiet = threading.Event()
        found: list[bool] = []

        def look(done: threading.Event = quiet, seen: list[bool] = found) -> None:
            seen.append(scheduler.idle)
            done.set()

        worker.post(look)
        quiet.wait(1.0)
        if found and found[0]:
            return True
        quiet.clear()
        quiet.wait(0.002)
    return False
