"""What people and programs do with schedules: by any process on the store, whatever worker fires.

Laws: each change is a compare-and-set on the schedule's record, tried again when somebody else was
first; runs that a change starts are in the same transaction. A declaration in code takes effect
when it differs from the one that was declared last, so that what people changed since stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import partial

from msgspec.structs import replace

from everflow.clock import RunClock
from everflow.core.values import encode
from everflow.engine.asking.client import Client
from everflow.engine.given.ids import new_run_id
from everflow.engine.schedules.pattern import micros_of, moment_of, span
from everflow.engine.schedules.policy import Overlap, Standing
from everflow.engine.schedules.spec import KIND, Body, Plan, Schedule, read_body
from everflow.engine.schedules.starting import begun, due_of, key_of, run_of, target_of
from everflow.errors import BadSchedule, NoSuchSchedule, StoreError, WrongArgument
from everflow.store import NewRun, Put, Record, RunRow

__all__ = ["Book", "ScheduleRow"]

PAGE = 1_000
MOST = 10_000  # instants of one backfill
TRIES = 100  # of one change against others


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule as it stands in the store."""

    name: str
    plan: Plan
    standing: Standing
    declared: bool  # by code, rather than by a command or a call

    @property
    def next(self) -> datetime | None:
        """Its next instant, in UTC; None while it is paused, or when none comes any more."""
        at = None if self.standing.paused else self.standing.next
        return None if at is None else moment_of(at)

    def instants(self, count: int, after: datetime | None = None) -> list[datetime]:
        """Its next instants, in UTC: from where it stands, or those after a time."""
        pattern = self.plan.pattern()
        at = self.standing.next if after is None else pattern.after(micros_of(after))
        found: list[datetime] = []
        while at is not None and len(found) < count:
            found.append(moment_of(at))
            at = pattern.after(at)
        return found


@dataclass(frozen=True)
class _Change:
    """What a schedule's record becomes, None for none; and the runs that are started with that."""

    body: Body | None
    starts: list[NewRun] = field(default_factory=list)
    definitions: list[tuple[str, str]] = field(default_factory=list)


class Book:
    """The schedules of a store, as an engine's or a connection's ``schedules``.

    ``stir`` is called once a schedule was written, or a run of one was started.
    """

    def __init__(
        self, client: Client, clock: RunClock, stir: Callable[[], None] = lambda: None
    ) -> None:
        self._client = client
        self._store = client.store
        self._clock = clock
        self._stir = stir

    # --- looking

    def all(self, prefix: str = "") -> list[ScheduleRow]:
        """All schedules whose names begin so, by name."""
        found: list[ScheduleRow] = []
        after = ""
        while True:
            page = self._store.records(KIND, prefix=prefix, after=after, limit=PAGE)
            found += [_row(record) for record in page]
            if len(page) < PAGE:
                return found
            after = page[-1].key

    def get(self, name: str) -> ScheduleRow:
        """The schedule of that name. NoSuchSchedule when there is none."""
        return _row(self._record(name))

    # --- what there is

    def add(self, schedule: Schedule, *, replace: bool = False) -> ScheduleRow:
        """Write a schedule; it begins with the first instant after now.

        One of that name that says the same is left as it is, any other is replaced only if told so:
        BadSchedule. What is replaced keeps its standing, but for its next instant where its times
        are others.
        """
        self._put(schedule, declared=False, replaces=replace)
        return self.get(schedule.name)

    def declare(self, schedules: Iterable[Schedule]) -> None:
        """Write what is new, or not as it was declared last; everything else stays as it is."""
        names: set[str] = set()
        for schedule in schedules:
            if schedule.name in names:
                raise BadSchedule(f"two schedules are named {schedule.name!r}")
            names.add(schedule.name)
            self._put(schedule, declared=True, replaces=True)

    def remove(self, name: str) -> None:
        """Forget a schedule; its runs go on. NoSuchSchedule when there is none."""
        self._change(name, lambda _body, _now: _Change(None))

    def pause(self, name: str, reason: str = "") -> None:
        """Start nothing of it until it is unpaused; the instants meanwhile are never started."""
        self._change(name, lambda body, _now: _Change(_with(body, paused=True, reason=reason)))

    def unpause(self, name: str) -> None:
        """Let it go on with the first instant after now. Without effect where it isn't paused."""

        def go_on(body: Body, now: int) -> _Change:
            if not body.standing.paused:
                return _Change(body)
            following = body.plan.pattern().after(now)
            return _Change(_with(body, paused=False, reason="", next=following, since=now))

        self._change(name, go_on)

    # --- runs

    def trigger(self, name: str, *, key: str | None = None) -> RunRow:
        """Start a run of it now, whatever it says of overlaps and pauses; give the run's row.

        The same ``key`` gives the same run. Later instants count it as one of the schedule's.
        """
        run_id = new_run_id(self._clock.latest(), self._client.random)
        if key is not None and not key:
            raise WrongArgument("a key has at least one character", hint="or leave it out")
        whole = f"schedule:{name}:trigger:{run_id if key is None else key}"

        def start(body: Body, now: int) -> _Change:
            plan, standing = body.plan, body.standing
            target = target_of(self._store, self._client.definitions, plan)
            run = begun(run_id, name, plan, target, key=whole, at=now, now=now)
            if self._store.find_key(plan.flow, whole) is None:
                beside = plan.rules.overlap is Overlap.ALLOW
                active = () if beside else (*standing.active, run_id)
                body = _with(body, active=active, run=run_id, started=standing.started + 1)
            return _Change(body, [run], target.definitions)

        return self._change(name, start)[0]

    def backfill(
        self, name: str, begin: datetime, end: datetime, *, dry: bool = False
    ) -> list[datetime]:
        """Start the runs of past instants, ``begin`` and ``end`` included; give the instants.

        Only of those that have no run so far: an instant has one, ever. They start at once
        where the schedule allows overlaps, else one after the other. With ``dry``, nothing is done.
        Naive times are local. BadSchedule for more than 10,000 of them, for the future, and
        for an end before the begin.
        """
        plan = self.get(name).plan
        if micros_of(end) < micros_of(begin):
            raise BadSchedule(
                f"a backfill ends before it begins: from {begin.isoformat()} to {end.isoformat()}",
                hint="the earlier time comes first",
            )
        if micros_of(end) > self._clock.latest():
            raise BadSchedule(
                f"the end of a backfill, {end.isoformat()}, is in the future",
                hint="what is to come is started when it comes",
            )
        found = span(plan.pattern(), micros_of(begin), micros_of(end), MOST + 1)
        if len(found) > MOST:
            raise BadSchedule(
                f"more than {MOST:,} instants are from {begin.isoformat()} to {end.isoformat()}",
                hint="backfill a part, and the rest once that is done",
            )
        fresh = [at for at in found if self._store.find_key(plan.flow, key_of(name, at)) is None]
        if fresh and not dry:
            self._change(name, partial(self._fill, name, fresh))
        return [moment_of(at) for at in fresh]

    def _fill(self, name: str, instants: list[int], body: Body, now: int) -> _Change:
        plan, standing = body.plan, body.standing
        if plan.rules.overlap is not Overlap.ALLOW:
            backlog = tuple(sorted({*standing.backlog, *instants}))
            return _Change(_with(body, backlog=backlog, since=standing.since or now))
        target = target_of(self._store, self._client.definitions, plan)
        home = self._store.info().id
        runs = [run_of(home, name, plan, target, at=at, now=now) for at in instants]
        return _Change(_with(body, started=standing.started + len(runs)), runs, target.definitions)

    # --- writing

    def _put(self, schedule: Schedule, *, declared: bool, replaces: bool) -> None:
        plan, definition = self._plan(schedule)
        mark = plan.mark if declared else ""
        for _ in range(TRIES):
            now = self._clock.latest()
            record = next(iter(self._store.records(KIND, keys=[schedule.name])), None)
            known = None if record is None else read_body(record.body)
            if known is None:
                body = Body(plan, Standing(next=plan.pattern().after(now)), mark)
            elif known.declared == mark if declared else known.plan == plan:
                body = replace(known, plan=replace(known.plan, definition=plan.definition))
            elif replaces:
                body = _replaced(known, plan, mark or known.declared, now)
            else:
                raise BadSchedule(
                    f"there is a schedule {schedule.name!r} already, which says something else",
                    hint="remove it first, or have it replaced: --replace, or replace=True",
                )
            change = _Change(body, [], [definition])
            if body == known or self._write(schedule.name, record, change, now) is not None:
                return
        raise _beaten(schedule.name)

    def _plan(self, schedule: Schedule) -> tuple[Plan, tuple[str, str]]:
        """The plan with its flow, whose input is checked now; and the definition."""
        definition = self._client.definition(schedule.flow)
        plan = replace(
            schedule.timing,
            flow=definition.program.name,
            definition=definition.hash,
            value=encode(schedule.value, self._client.registry.types),
        )
        self._client.check_input(definition, plan.input(schedule.name, 0))
        if plan.lane and not target_of(self._store, self._client.definitions, plan).queue:
            raise BadSchedule(
                f"lane is for runs of a queue, and the flow {plan.flow} has none of its own",
                hint="name the queue, too",
            )
        return plan, (definition.hash, definition.body)

    def _change(self, name: str, change: Callable[[Body, int], _Change]) -> list[RunRow]:
        """Change a schedule's record and start the runs that go with that; their rows."""
        for _ in range(TRIES):
            now = self._clock.latest()
            record = self._record(name)
            rows = self._write(name, record, change(read_body(record.body), now), now)
            if rows is not None:
                return rows
        raise _beaten(name)

    def _write(
        self, name: str, record: Record | None, change: _Change, now: int
    ) -> list[RunRow] | None:
        body = change.body
        put = Put(
            kind=KIND,
            key=name,
            body=None if body is None else body.encoded(),
            expect=0 if record is None else record.version,
            due=None if body is None else due_of(name, body.plan, body.standing, now),
        )
        rows = self._store.write(
            [put], at=now, starts=change.starts, definitions=change.definitions
        )
        if rows is not None:
            self._stir()
        return rows

    def _record(self, name: str) -> Record:
        found = self._store.records(KIND, keys=[name], limit=1)
        if found:
            return found[0]
        names = [record.key for record in self._store.records(KIND, limit=PAGE)]
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]}?" if close else "`everflow schedule list` shows them"
        raise NoSuchSchedule(f"there is no schedule {name!r:.80}", hint=hint)


def _with(body: Body, **changes: object) -> Body:
    return replace(body, standing=replace(body.standing, **changes))


def _replaced(known: Body, plan: Plan, mark: str, now: int) -> Body:
    """The record under another plan: where its times are the same, so is its next instant."""
    times = ("cron", "zone", "every", "phase")
    same = all(getattr(known.plan, name) == getattr(plan, name) for name in times)
    following = known.standing.next if same else plan.pattern().after(now)
    return Body(plan, replace(known.standing, next=following), mark)


def _row(record: Record) -> ScheduleRow:
    body = read_body(record.body)
    return ScheduleRow(record.key, body.plan, body.standing, bool(body.declared))


def _beaten(name: str) -> StoreError:
    return StoreError(
        f"the schedule {name!r} was changed by others at each of {TRIES} tries", hint="try again"
    )
