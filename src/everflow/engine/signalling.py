"""Signalling: how a signal is accepted for a run, and what its sender is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everflow.clock import Clock
from everflow.core.flow import check_label
from everflow.errors import AlreadyDone, RunCancelled, RunFailed, TooManySignals
from everflow.store import SIGNALS, Message, RunRow, Signal, Verdict

__all__ = ["Signals"]

_WHAT = "signal's name"
_REFUSED: dict[Verdict, tuple[type[AlreadyDone | RunCancelled | RunFailed], str]] = {
    Verdict.CANCELLED: (RunCancelled, "the run is cancelled"),
    Verdict.FAILED: (RunFailed, "the run has failed"),
}


class Signals:
    """``fitting`` encodes a value and checks it against what a position of the flow takes."""

    def __init__(
        self,
        clock: Clock,
        accept: Callable[[Message], Verdict],
        fitting: Callable[[RunRow, str, Any], str],
    ) -> None:
        self._clock = clock
        self._accept = accept
        self._fitting = fitting

    def send(self, row: RunRow, name: str, value: Any, key: str, by: str) -> None:
        """Have a signal accepted; raises where the run has ended, or where too many wait for it."""
        payload = self._fitting(row, f"!{check_label(name, _WHAT)}", value)
        at = self._clock.wall()
        signal = Signal(no=row.no, name=name, payload=payload, key=key, at=at, by=by)
        verdict = self._accept(signal)
        if verdict in {Verdict.ACCEPTED, Verdict.REPEATED}:
            return
        if verdict is Verdict.FULL:
            raise TooManySignals(
                f"{SIGNALS:,} signals wait for the run already",
                run=row.id,
                flow=row.flow,
                hint="send it again once its worker has taken some",
            )
        kind, why = _REFUSED.get(verdict, (AlreadyDone, "the run is done"))
        raise kind(why, run=row.id, flow=row.flow)
