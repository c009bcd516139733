"""Queues as their owners see them: declared, looked at, changed and removed.

A queue is a record of the store, so that every worker has one truth. Code declares queues at each
start of a process, people change them in between: a declaration that says what the last one said
changes nothing, so that what somebody set holds until the code itself says something new.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec

from everflow.clock import Clock
from everflow.core.queueing import Limits, Turn, check_queue
from everflow.engine.records.fleet import serving
from everflow.errors import CallerError, NoSuchQueue, StoreDamaged, StoreUnavailable, WrongArgument
from everflow.store import LaneRow, NewRun, Put, Record, Store

__all__ = ["InQueue", "QueueView", "Queues", "limits_of", "pause_key", "setting_of"]

KIND = "queue"
PAUSE = "pause"  # kind of the record that stops admissions; its key is pause_key(queue)
LONGEST_LANE = 512
MOST = 1_000_000  # of places, of admissions in a span, and of a priority either way
_MICRO = timedelta(microseconds=1)
_TRIES = 20


class InQueue(Turn, total=False):
    """The same for a start that may be put off.

    ``debounce``: it begins when no further start of the same flow and key came for so long; the
    last input counts. However often it is pushed back, it begins 10 times that after the first
    start.
    """

    debounce: timedelta


class QueueSetting(msgspec.Struct, kw_only=True):
    """A queue's record: what holds, and what the code declared last."""

    limits: Limits = Limits()
    declared: Limits | None = None


class QueueView(msgspec.Struct, kw_only=True):
    """A queue: what it allows, and how many of its runs wait and have a place, by lane.

    ``known`` is false for one that has runs and isn't declared in this store: it has no limits.
    ``workers``: how many living ones take its runs.
    """

    name: str
    limits: Limits
    known: bool
    paused: bool
    waiting: int
    placed: int
    lanes: list[LaneRow]
    workers: int = 0


def pause_key(queue: str) -> str:
    """The key of the record that pauses a queue."""
    return f"queue:{queue}"


def setting_of(record: Record | None) -> QueueSetting:
    """What a queue's record says; without one a queue has no limits."""
    if record is None:
        return QueueSetting()
    try:
        return msgspec.json.decode(record.body, type=QueueSetting)
    except msgspec.DecodeError as error:
        raise StoreDamaged(
            f"the record of the queue {record.key!r} can't be read: {error}"
        ) from error


def limits_of(
    *,
    limit: int | None = None,
    rate: tuple[int, timedelta] | None = None,
    per_lane: int | None = None,
    rate_per_lane: tuple[int, timedelta] | None = None,
) -> Limits:
    """What a queue allows; WrongArgument for what would let nothing through, or means nothing."""
    return Limits(
        limit=_count("limit", limit),
        per_lane=_count("per_lane", per_lane),
        rate=_rate("rate", rate),
        rate_per_lane=_rate("rate_per_lane", rate_per_lane),
    )


def _count(what: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST:
        raise WrongArgument(
            f"{what} of a queue is a whole number from 1 to {MOST:,}, not {value!r:.60}",
            hint="leave it out for no limit; to let nothing through, pause the queue",
        )
    return value


def _rate(what: str, rate: object) -> tuple[int, int] | None:
    if rate is None:
        return None
    if not isinstance(rate, tuple) or len(rate) != 2 or not isinstance(rate[1], timedelta):  # noqa: PLR2004 - it is a pair of two
        raise WrongArgument(
            f"{what} of a queue is a pair of a number and a timedelta, not {rate!r:.60}",
            hint=f"{what}=(100, timedelta(minutes=1))",
        )
    many, span = _count(what, rate[0]), rate[1] // _MICRO
    if many is None or not 0 < span <= timedelta(days=366) // _MICRO:
        raise WrongArgument(
            f"the span of {what} is longer than nothing, and a year at most, not {rate[1]}"
        )
    return many, span


class Queues:
    """The queues of a store. ``nudge`` is called once something may be admitted."""

    def __init__(self, store: Store, clock: Clock, nudge: Callable[[], None] | None) -> None:
        self._store = store
        self._clock = clock
        self._nudge = nudge
        self._known: set[str] = set()

    def declare(
        self,
        name: str,
        *,
        limit: int | None = None,
        rate: tuple[int, timedelta] | None = None,
        per_lane: int | None = None,
        rate_per_lane: tuple[int, timedelta] | None = None,
    ) -> None:
        """Say in code what a queue allows; it is there from now on.

        ``limit``: how many of its runs have a place at once. ``per_lane``: how many of one lane.
        ``rate``: (number, span), so many get a place within any span of that length;
        ``rate_per_lane``: so many of one lane. A run has its place from its admission until it
        ends, at rest too. The same declaration again changes
        nothing, not even what ``set`` changed since; another one holds from now on.
        """
        check_queue(name)
        limits = limits_of(limit=limit, rate=rate, per_lane=per_lane, rate_per_lane=rate_per_lane)

        def declared(setting: QueueSetting | None) -> QueueSetting | None:
            if setting is not None and setting.declared == limits:
                return setting
            return QueueSetting(limits=limits, declared=limits)

        self._change(name, declared)

    def set(
        self,
        name: str,
        *,
        limit: int | None = None,
        rate: tuple[int, timedelta] | None = None,
        per_lane: int | None = None,
        rate_per_lane: tuple[int, timedelta] | None = None,
    ) -> None:
        """Change what a queue allows, until its code declares something new; see ``declare``."""
        check_queue(name)
        limits = limits_of(limit=limit, rate=rate, per_lane=per_lane, rate_per_lane=rate_per_lane)
        self._change(
            name,
            lambda setting: QueueSetting(
                limits=limits, declared=None if setting is None else setting.declared
            ),
        )

    def remove(self, name: str) -> None:
        """Forget a queue. CallerError while runs wait in it or have a place."""
        view = self.view(name)
        if view.waiting or view.placed:
            raise CallerError(
                f"in the queue {name!r} {view.waiting} runs wait and {view.placed} have a place",
                hint="let them end, or cancel them",
            )
        self._change(name, lambda _: None)
        self._known.discard(name)

    def view(self, name: str) -> QueueView:
        """How a queue stands; NoSuchQueue when there is none."""
        for view in self.views(name):
            return view
        raise self._none(name)

    def views(self, name: str | None = None) -> list[QueueView]:
        """All queues, or the one of that name: those declared, and those that have runs."""
        keys = None if name is None else [name]
        records = {r.key: r for r in self._store.records(KIND, keys=keys, limit=MOST)}
        paused = {r.key for r in self._store.records(PAUSE, prefix="queue:", limit=MOST)}
        lanes: dict[str, list[LaneRow]] = {}
        for lane in self._store.lanes(name):
            lanes.setdefault(lane.queue, []).append(lane)
        workers = self._store.workers()
        return [
            QueueView(
                name=queue,
                limits=setting_of(records.get(queue)).limits,
                known=queue in records,
                paused=pause_key(queue) in paused,
                waiting=sum(lane.waiting for lane in lanes.get(queue, [])),
                placed=sum(lane.placed for lane in lanes.get(queue, [])),
                lanes=lanes.get(queue, []),
                workers=len(serving(workers, queue)),
            )
            for queue in sorted({*records, *lanes})
        ]

    def put_in(self, run: NewRun, place: Turn, own: str) -> None:
        """Have a new run wait in its queue, or in its flow's ``own`` one.

        NoSuchQueue when that was never declared.
        """
        for name in set(place) - {"queue", "lane", "priority"}:
            if name == "debounce":
                raise WrongArgument("debounce is for a single start", hint="use start")
            raise WrongArgument(f"a start takes no {name!r:.60}")
        queue, lane, priority = (
            place.get("queue", own or None),
            place.get("lane", ""),
            place.get("priority", 0),
        )
        if queue is None and not {"lane", "priority"} & set(place):
            return
        if queue is None:
            raise WrongArgument(
                "lane and priority are for runs of a queue",
                hint="name the queue, too; the flow has none of its own",
            )
        if not isinstance(lane, str) or len(lane) > LONGEST_LANE:
            raise WrongArgument(f"a lane is a text of at most {LONGEST_LANE} characters")
        is_whole = isinstance(priority, int) and not isinstance(priority, bool)
        if not is_whole or abs(priority) > MOST:
            raise WrongArgument(f"a priority is a whole number, {MOST:,} at most either way")
        if queue not in self._known:
            check_queue(queue)
            if not self._store.records(KIND, keys=[queue]):
                raise self._none(queue, run.flow if "queue" not in place else "")
            self._known.add(queue)
        run.queue, run.lane, run.priority = queue, lane, priority

    def _none(self, name: str, flow: str = "") -> NoSuchQueue:
        known = ", ".join(record.key for record in self._store.records(KIND, limit=20))
        whose = f", in which runs of {flow} wait" if flow else ""
        instead = ", or start it with queue=None" if flow else ""
        declare = f"declare it first, or `everflow queue set NAME`{instead}"
        return NoSuchQueue(
            f"there is no queue {name!r:.80}{whose} in {self._store.info().place}",
            hint=f"{declare}; there are: {known or 'none'}",
        )

    def _change(
        self, name: str, change: Callable[[QueueSetting | None], QueueSetting | None]
    ) -> None:
        """Write what becomes of a queue's record; admissions write it too, so look again then."""
        for _ in range(_TRIES):
            record = next(iter(self._store.records(KIND, keys=[name])), None)
            before = None if record is None else setting_of(record)
            after = change(before)
            if after == before:
                return
            body = None if after is None else msgspec.json.encode(after).decode()
            version = 0 if record is None else record.version
            put = Put(kind=KIND, key=name, body=body, expect=version)
            if self._store.write([put], at=self._clock.wall()) is not None:
                if self._nudge is not None:
                    self._nudge()
                return
        raise StoreUnavailable(
            f"others changed the queue {name!r} {_TRIES} times", hint="try again"
        )
