"""Staying with a run that is executed here, and showing how far it is."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from everflow.cli.output import notes
from everflow.cli.painting import told
from everflow.clock import SystemClock
from everflow.core.entries import Kind, decode_body
from everflow.engine.asking.runs import Run, settled
from everflow.engine.faces.engine import Engine
from everflow.store import OUTCOMES, RunQuery, RunRow, Status, Store
from everflow.views import entry_view, receives_of

if TYPE_CHECKING:
    from everflow.cli.terminal import Steps

__all__ = ["Watch", "rest"]

SLICE = 0.1  # seconds between looks
FAR = 60_000_000  # microseconds: a timer due later is left to a worker
OPEN = tuple(status for status in Status if status not in OUTCOMES)
CALLED = 1_000  # runs that are looked at
PAGE = 200  # entries shown at one look
_MARKS = {
    Kind.RESULT: ("✓", "green"),
    Kind.ERROR: ("✗", "red"),
    Kind.STOPPED: ("■", "red"),
    Kind.ANSWER: ("→", "yellow"),
    Kind.CHILD: ("←", "yellow"),
    Kind.CANCEL: ("■", "red"),
}


class Watch:
    """Shows a run's entries as they come, and bars for nodes that tell how far they are."""

    def __init__(self, *, enabled: bool) -> None:
        self._steps: Steps | None = notes().progress() if enabled else None
        self._store: Store | None = None
        self._row: RunRow | None = None
        self._seen = 0
        self._early: list[tuple[str, str, float, str]] = []  # told before it is known which run
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._steps is not None:
            self._steps.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._steps is not None:
            self._steps.__exit__()

    def begin(self, store: Store, row: RunRow) -> None:
        """Watch that run."""
        with self._lock:
            self._store, self._row = store, row
            early, self._early = self._early, []
        for heard in early:
            self.progress(*heard)

    def progress(self, run: str, position: str, fraction: float, message: str) -> None:
        """Hear how far a node is; any thread may call."""
        if self._steps is None:
            return
        with self._lock:
            if self._row is None:
                self._early.append((run, position, fraction, message))
                return
        if run == self._row.id:
            self._steps.at(position, fraction, message)

    def look(self) -> None:
        """Show what was recorded since the last look."""
        if self._steps is None or self._store is None or self._row is None:
            return
        for _, seq, body, _ in self._store.journal(self._row.no, first=self._seen, limit=PAGE):
            self._seen = seq + 1
            view = entry_view(decode_body(body))
            what, about = told(view)
            mark, style = _MARKS.get(view["kind"], (" ", "dim"))
            self._steps.ended(view["position"])
            self._steps.note(f"{mark} {what}  {about}"[:120], style)


def rest(engine: Engine, run: Run[Any], watch: Watch, timeout: float | None) -> Status:
    """Stay until the run rests, or the time is over; how it stands then."""
    clock = SystemClock()
    end = None if timeout is None else clock.boot() + round(timeout * 1_000_000)
    while True:
        left = SLICE if end is None else min(SLICE, (end - clock.boot()) / 1_000_000)
        run.wait(max(left, 0.0))
        watch.look()
        row = run.row()
        store, now = engine.client.store, clock.wall()
        if settled(store, row) or left <= 0 or _far(row, now) or _hears(store, row):
            return row.status
        if _left(store, row, now):
            return row.status


def _left(store: Store, row: RunRow, now: int) -> bool:
    """Whether a run waits for others, and nothing goes on in what it called."""
    if row.status is not Status.WAITING or row.due is not None:
        return False
    called = store.runs(RunQuery(parent=row.id, status=OPEN, limit=CALLED))
    if not all(settled(store, c) or _far(c, now) or _left(store, c, now) for c in called):
        return False
    moved = store.standing(row.no) not in {None, (Status.WAITING, 0)}
    return not moved and store.rows([row.no])[0].updated == row.updated


def _far(row: RunRow, now: int) -> bool:
    return row.status is Status.WAITING and row.due is not None and row.due - now > FAR


def _hears(store: Store, row: RunRow) -> bool:
    """Whether it waits for a signal, without an end."""
    resting = row.status is Status.WAITING and row.due is None
    return resting and bool(receives_of(store, row))
