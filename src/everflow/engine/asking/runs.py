"""Run handles: what a start gives, to look at a run and to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec

from everflow.clock import Clock
from everflow.core.entries import decode_body
from everflow.core.journal import read_outcome
from everflow.core.marks import SEALED, is_marked
from everflow.core.ops import AnyRef
from everflow.core.refs import compose
from everflow.core.state import Done, Failed
from everflow.core.values import Types, decode
from everflow.engine.asking.absence import AGAIN, Absence
from everflow.engine.calling.noderun import Progress
from everflow.engine.cells.tenures import Leases, may_tell, told
from everflow.engine.given.replies import require_here
from everflow.engine.operating.retaining import no_such_run
from everflow.engine.records.debounce import to_come
from everflow.engine.records.erasures import require_readable
from everflow.errors import (
    RunBlocked,
    RunCancelled,
    RunFailed,
    StillRunning,
    StoreUnavailable,
)
from everflow.store import OUTCOMES, Batch, QuestionQuery, QuestionRow, RunRow, Status, Store

__all__ = [
    "Changes",
    "Run",
    "outcome_of",
    "parked",
    "payload_of",
    "prompt_of",
    "prompt_text",
    "settled",
]

Out_co = TypeVar("Out_co", covariant=True)
Seen = TypeVar("Seen")
SETTLED = OUTCOMES | {Status.SUSPENDED, Status.PAUSED, Status.BLOCKED}
Follower = Callable[[Sequence[int]], object]
TRY = 2_000_000  # microseconds that an engine has to try itself what another one parked
PARKED = 10_000  # runs of which it is remembered that this process parked them
LOOK = 0.02  # seconds between looks at a store that another process writes
_refs: msgspec.json.Decoder[AnyRef] = msgspec.json.Decoder(AnyRef)


class Changes:
    """Wakes those who wait for runs of this process. ``progress`` heeds what nodes say of it.

    ``tries``: an engine of this process takes up what others parked until code, if it has that.
    """

    def __init__(self, progress: Progress | None = None, *, tries: bool = False) -> None:
        self._tries = tries
        self._parked: dict[int, None] = {}  # by this process, the latest last
        self._condition = threading.Condition()
        self._count = 0
        self._listeners: list[Callable[[], object]] = []
        self._followers: list[Follower] = []
        self._watchers: list[Follower] = []
        self._heeding: list[Progress] = [] if progress is None else [progress]

    def tell(self, moved: Sequence[int] = ()) -> None:
        """Some run's standing changed: of the runs of these numbers, where that is known."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()
        for listener in list(self._listeners):
            listener()
        for follower in list(self._followers):
            follower(moved)

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have a function called at every change; gives the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def follow(self, follower: Follower) -> Callable[[], None]:
        """The same for one that is given the numbers of the runs that changed."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def wrote(self, batch: Batch) -> None:
        """A batch of this process is on disk."""
        if self._tries:
            self._note(batch)
        if self._watchers:
            nos = list(dict.fromkeys([no for no, *_ in batch.entries]))
            for watcher in list(self._watchers):
                watcher(nos)
        if batch.changes or batch.arrivals:
            self.tell([change.no for change in batch.changes])

    def _note(self, batch: Batch) -> None:
        for change in batch.changes:
            self._parked.pop(change.no, None)
        parked = [change.no for change in batch.changes if change.status is Status.BLOCKED]
        parked += [released.no for released in batch.released if released.code is not None]
        self._parked.update(dict.fromkeys(parked))
        while len(self._parked) > PARKED:
            del self._parked[next(iter(self._parked))]

    def may_try(self, row: RunRow, waited: int) -> bool:
        """Whether an engine of this process has its time to take up a run that others parked.

        ``waited``: for how many microseconds somebody has waited for that.
        """
        if row.status is not Status.BLOCKED or row.until != "code" or waited >= TRY:
            return False
        return self._tries and row.no not in self._parked

    def watch(self, watcher: Follower) -> Callable[[], None]:
        """The same as ``follow`` for one that is told of each commit that wrote entries of runs."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def progressed(self, run: str, position: str, fraction: float, message: str) -> None:
        """A node of this process says how far it is, from 0 to 1, or by -1 that it is alive."""
        for heed in list(self._heeding):
            heed(run, position, fraction, message)

    def heed(self, progress: Progress) -> Callable[[], None]:
        """Have a function called at each of these, on the node's thread; what ends it."""
        self._heeding.append(progress)
        return lambda: self._heeding.remove(progress)

    @property
    def count(self) -> int:
        """How many changes there were."""
        return self._count

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until there is a change after number ``seen``, but not longer than that."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)


def payload_of(store: Store, no: int, ref: AnyRef) -> str:
    """The text that a ref into a run's journal stands for."""
    return compose(ref, lambda seq: decode_body(store.entries(no, [seq])[seq]).payload)


def prompt_text(store: Store, question: QuestionRow) -> str:
    """What a question shows, as a payload; a mark where its key isn't here."""
    if is_marked(SEALED, question.prompt):
        return question.prompt
    return payload_of(store, question.no, _refs.decode(question.prompt))


def prompt_of(store: Store, question: QuestionRow, types: Types) -> Any:
    """What a question shows."""
    return decode(prompt_text(store, question), types)


def parked(store: Store, row: RunRow) -> bool:
    """Whether a run is blocked and no cancel is about to move it: one that is applied may wait."""
    if row.status is not Status.BLOCKED:
        return False
    return not row.cancel or store.standing(row.no) in {None, (Status.BLOCKED, 0)}


def settled(store: Store, row: RunRow) -> bool:
    """Whether a run waits for nothing but people, and all that was accepted for it is applied."""
    if row.status in OUTCOMES:
        return True
    if row.status is Status.BLOCKED:
        return parked(store, row)
    if row.status is Status.CANCELLING:
        asks = store.questions(QuestionQuery(no=row.no, limit=1))  # an undo that failed, mostly
        return bool(asks) and store.standing(row.no) in {None, (Status.CANCELLING, 0)}
    if row.status is not Status.SUSPENDED:
        return row.status in SETTLED
    # read together: what was applied after the row was read is no longer in the inbox
    return store.standing(row.no) in {None, (Status.SUSPENDED, 0)}


def outcome_of(store: Store, row: RunRow, types: Types) -> Any:
    """The value of a done run; RunFailed, RunCancelled, RunBlocked or StillRunning otherwise."""
    where = {"run": row.id, "flow": row.flow}
    if row.status is Status.BLOCKED:
        raise RunBlocked(f"the run is blocked until {row.until}: {row.reason}", **where)
    require_here(row)
    if row.status not in OUTCOMES:
        raise StillRunning(
            f"the run is {row.status}",
            **where,
            hint="`everflow status RUN` says what it waits for; the run itself goes on",
        )
    require_readable(store, row)
    outcome = read_outcome(row.outcome) if row.outcome else None
    if isinstance(outcome, Done):
        return decode(payload_of(store, row.no, outcome.value), types)
    if isinstance(outcome, Failed):
        error = outcome.error
        at = f" at {error.position}" if error.position not in {"", "."} else ""
        raise RunFailed(f"{error.type}: {error.message}{at}", error=error, **where)
    raise RunCancelled("the run was cancelled", **where)


class Run(Generic[Out_co]):
    """One run, by its id. Everything is read from the store anew each time."""

    def __init__(
        self,
        id: str,  # noqa: A002 - that is what everybody calls it
        store: Store,
        types: Types,
        clock: Clock,
        changes: Changes | None = None,
        guard: Callable[[], None] | None = None,
        leases: Leases | None = None,
    ) -> None:
        self.id = id
        self._store = store
        self._types = types
        self._clock = clock
        self._changes = changes
        self._guard = guard
        self._leases = leases

    def row(self) -> RunRow:
        """The run as the store knows it; NoSuchRun for one that was cancelled before it began."""
        store, run = self._store, self.id
        row = store.find(run) or to_come(store, run) or store.find(run)
        if row is None:
            hint = "a debounced start that was cancelled before its run began never was one"
            raise no_such_run(store, run, hint)
        return row

    @property
    def status(self) -> Status:
        """Where the run stands now."""
        return self.row().status

    def wait(self, timeout: float | None = None) -> Status:
        """Wait until the run is finished, suspended, paused or blocked; ``timeout`` in seconds.

        Gives where it stands then. All that was acknowledged for it before the call is applied.
        A store that can't be reached meanwhile is waited for, too, for a minute at most.
        """
        return self._wait(timeout, lambda row: settled(self._store, row)).status

    def result(self, timeout: float | None = None) -> Out_co:
        """Wait for the outcome and give its value.

        Raises RunFailed, RunCancelled, RunBlocked, and StillRunning when the time is over or nobody
        answers: the run itself goes on.
        """
        row = self._wait(timeout, lambda row: row.status in OUTCOMES or parked(self._store, row))
        return cast("Out_co", self._borne(lambda: outcome_of(self._store, row, self._types), None))

    def _borne(self, look: Callable[[], Seen], end: int | None) -> Seen:
        """What a look says; the store's absence is waited out."""
        absence = Absence(self._clock, end)
        while True:
            try:
                return look()
            except StoreUnavailable as error:
                absence.bear(error)
                threading.Event().wait(AGAIN)

    def _wait(self, timeout: float | None, enough: Callable[[RunRow], bool]) -> RunRow:
        start = self._clock.boot()
        end = None if timeout is None else start + round(timeout * 1_000_000)
        patience = LOOK

        def look() -> tuple[RunRow, bool]:
            if self._guard is not None:
                self._guard()
            row = self.row()
            waited = self._clock.boot() - start
            if self._changes is not None and self._changes.may_try(row, waited):
                return row, False
            return row, enough(row) and may_tell(row, self._leases)

        while True:
            seen = self._changes.count if self._changes is not None else 0
            row, ended = self._borne(look, end)
            if ended:
                return row
            left = patience
            if end is not None:
                left = min((end - self._clock.boot()) / 1_000_000, patience)
                if left <= 0:
                    return told(row, self._leases)
            if self._changes is not None:
                self._changes.wait(seen, left)
                patience = 0.2
            else:
                threading.Event().wait(left)

    def __repr__(self) -> str:
        return f"<run {self.id}>"
