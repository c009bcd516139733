"""The part of a worker that fires schedules, in the scheduler's turns.

Laws: an instant is fired by one transaction, the record on condition that nobody wrote it since and
the run's start together, so that of all processes on a store one does it, and a crash leaves both
or neither; what isn't due costs a comparison of two numbers, however many schedules there are.

The time is the later of the runs' time and the time of day: never below the highest time that the
store bears, and never before an instant that was decided, since the record's next one only grows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from everflow.clock import RunClock
from everflow.config import Config
from everflow.engine.cells.loader import Definitions
from everflow.engine.schedules.policy import Decision, Overlap, Standing, decide
from everflow.engine.schedules.spec import KIND, LABEL, Body, Plan, read_body
from everflow.engine.schedules.starting import Target, due_of, run_of, target_of
from everflow.errors import ConfigurationError, EverflowError, StoreRefused
from everflow.store import OUTCOMES, Cancel, Letter, NewRun, Put, Record, RunRow, Store

__all__ = ["Ticker"]

_log = logging.getLogger("everflow.engine")
MOST = 500  # schedules that are fired in one turn, by one transaction
NEVER = 1 << 62
PAUSE = 1_000_000  # microseconds until what can't be fired here is looked at again
PATIENCE = 10_000_000  # microseconds that others, who may be able to, are given for that
PUT_OFF = 600_000_000  # microseconds by which it is put off then


@dataclass(frozen=True)
class _Firing:
    """What one schedule's firing writes."""

    record: Record
    put: Put
    starts: list[NewRun]
    letters: list[Letter]
    definitions: list[tuple[str, str]]
    waits: bool


class Ticker:
    """Fires what is due. ``fired`` is called once runs were started or cancelled."""

    def __init__(
        self,
        store: Store,
        clock: RunClock,
        definitions: Definitions,
        config: Config,
        fired: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._definitions = definitions
        self._poll = round(config.poll_s * 1_000_000)
        self._fired = fired
        self._home = store.info().id
        self._due: int | None = None
        self._stirred = True
        self._version = -1
        self._next_look = 0
        self._waits: set[str] = set()  # schedules of which something waits for a run to end
        self._freed: set[str] = set()  # such ones of which a run has ended
        self._unfit: dict[str, str] = {}  # records' bodies that can't be acted on here

    def stir(self) -> None:
        """Somebody in this process wrote a schedule, or started a run of one."""
        self._stirred = True
        self._fired()

    def ended(self, row: RunRow) -> None:
        """A run has ended: what waits for it is looked at soon."""
        name = row.labels.get(LABEL)
        if name in self._waits:
            self._freed.add(name)

    @property
    def restless(self) -> bool:
        """Whether a look right now would find something to do."""
        return self._stirred or bool(self._freed) or self._overdue

    @property
    def _overdue(self) -> bool:
        return self._due is not None and self._due <= self._clock.latest()

    def next_in(self) -> int:
        """Microseconds until the next schedule is due; a great many when none is."""
        return NEVER if self._due is None else max(self._due - self._clock.latest(), 0)

    def look(self) -> None:
        """Fire what is due."""
        boot = self._clock.boot()
        if boot >= self._next_look:
            self._next_look = boot + self._poll
            version = self._store.version()
            self._stirred |= version != self._version
            self._version = version
        if self._stirred:
            self._due = self._store.next_record_due(KIND)
            self._stirred = False
        if self._freed:
            self._fire(self._store.records(KIND, keys=sorted(self._freed)))
            self._freed.clear()
        if self._overdue:
            now = self._clock.latest()
            due = self._store.due_records(KIND, now=now, limit=MOST + len(self._unfit))
            moved = self._fire(due)
            self._due = self._store.next_record_due(KIND)
            if not moved and self._overdue:
                self._put_off(due, now)
                self._due = now + PAUSE

    def _put_off(self, records: Sequence[Record], now: int) -> None:
        """Nobody else could fire these: nothing of them is lost, they are looked at later."""
        for record in records:
            if record.due is not None and record.due + PATIENCE <= now:
                self._look_later(record, now)

    def _look_later(self, record: Record, now: int) -> None:
        name, body, version = record.key, record.body, record.version
        put = Put(kind=KIND, key=name, body=body, expect=version, due=now + PUT_OFF)
        self._store.write([put], at=now)

    def _fire(self, records: Sequence[Record]) -> bool:
        """Whether anything was written for one of these schedules."""
        now = self._clock.latest()
        firings = [made for record in records if (made := self._firing(record, now)) is not None]
        if not firings:
            return False
        if self._write(firings, now):
            return True
        return sum(self._write([one], now) for one in firings) > 0

    def _write(self, firings: Sequence[_Firing], now: int) -> bool:
        """Whether nobody was there before."""
        try:
            rows = self._store.write(
                [one.put for one in firings],
                at=now,
                starts=[run for one in firings for run in one.starts],
                definitions=list({pair for one in firings for pair in one.definitions}),
                letters=[letter for one in firings for letter in one.letters],
            )
        except StoreRefused as error:
            if len(firings) == 1:
                _log.error("the schedule %s can't be fired: %s", firings[0].put.key, error)
                self._look_later(firings[0].record, now)
            return False
        if rows is None:
            return False
        for one in firings:
            (self._waits.add if one.waits else self._waits.discard)(one.put.key)
        if rows or any(one.letters for one in firings):
            self._fired()
        return True

    def _firing(self, record: Record, now: int) -> _Firing | None:
        """What is to be written for a schedule; None where this process can't tell."""
        name = record.key
        if self._unfit.get(name) == record.body:
            return None
        try:
            body = read_body(record.body)
            return self._decided(record, body, now)
        except (ConfigurationError, EverflowError, msgspec.MsgspecError) as error:
            if isinstance(error, EverflowError) and error.blame == "store":
                raise
            _log.warning("the schedule %s can't be fired by this process: %s", name, error)
            self._unfit[name] = record.body
            return None

    def _decided(self, record: Record, body: Body, now: int) -> _Firing:
        plan, standing, name = body.plan, body.standing, record.key
        active = tuple(run for run in standing.active if self._goes_on(run))
        then = now - plan.delay(name)
        decision = decide(plan.rules, plan.pattern(), standing, now=then, active=active)
        target = Target("", "", [])
        if decision.start:
            target = target_of(self._store, self._definitions, plan)
        starts = [run_of(self._home, name, plan, target, at=at, now=now) for at in decision.start]
        standing = _with_runs(decision, starts, plan)
        put = Put(
            kind=KIND,
            key=name,
            body=replace(body, standing=standing).encoded(),
            expect=record.version,
            due=due_of(name, plan, standing, now),
        )
        letters = [
            Letter(run=run, message=Cancel(no=0, at=now, by=f"schedule {name}"))
            for run in decision.cancel
        ]
        waits = bool(standing.waiting or standing.backlog)
        return _Firing(record, put, starts, letters, target.definitions, waits)

    def _goes_on(self, run: str) -> bool:
        row = self._store.find(run)
        return row is not None and row.status not in OUTCOMES


def _with_runs(decision: Decision, starts: Sequence[NewRun], plan: Plan) -> Standing:
    """The standing with the runs that are started now."""
    if not starts:
        return decision.standing
    ids = tuple(run.id for run in starts)
    active = () if plan.rules.overlap is Overlap.ALLOW else decision.standing.active + ids
    return replace(decision.standing, active=active, run=ids[-1])
