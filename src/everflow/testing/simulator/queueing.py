"""What must hold of queues: places, lanes, rates, turns, and that nobody is forgotten.

Who has a place is counted here from the rows, as anybody may; what the engine's choice was made
from counts for nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from everflow.core.queueing import Limits
from everflow.engine.records.queues import KIND, PAUSE, pause_key, setting_of
from everflow.store import OUTCOMES, RunQuery, RunRow, Status
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.untrue import claim

__all__ = ["Places"]

ALL = 10_000


class Places:
    """Looks at each admission, and at who waits when nothing moves."""

    def __init__(self, base: MemoryStore) -> None:
        self._base = base
        self._before: dict[int, RunRow] = {}
        self._paused: set[str] = set()
        self.admitted = 0

    @staticmethod
    def waits(row: RunRow) -> bool:
        """Whether a run is still to be given its place."""
        return bool(row.queue) and row.admitted is None and row.status is Status.QUEUED

    def _rows(self) -> list[RunRow]:
        return self._base.runs(RunQuery(limit=ALL))

    def _limits(self, queue: str) -> Limits:
        return setting_of(next(iter(self._base.records(KIND, keys=[queue])), None)).limits

    def _is_paused(self, queue: str) -> bool:
        return bool(self._base.records(PAUSE, keys=[pause_key(queue)]))

    # --- admissions

    def before(self, nos: Sequence[int]) -> None:
        """These are about to be admitted."""
        if nos:
            self._before = {row.no: row for row in self._rows()}
            self._paused = {q for q in self._queues(nos) if self._is_paused(q)}

    def _queues(self, nos: Sequence[int]) -> set[str]:
        return {self._before[no].queue for no in nos}

    def after(self, nos: Sequence[int], at: int, *, done: bool) -> None:
        """They were, if ``done``."""
        rows = {row.no: row for row in self._rows()}
        fresh = [rows[no] for no in nos if self._before[no].admitted != rows[no].admitted]
        claim(done or not fresh, "a refused admission admits nobody", nos)
        for queue in sorted(self._queues(nos) if done else ()):
            claim(queue not in self._paused, "a paused queue admits nobody", queue)
            mine = [row for row in rows.values() if row.queue == queue]
            came = [row for row in fresh if row.queue == queue]
            self.admitted += len(came)
            for row in came:
                waited = self.waits(self._before[row.no])
                claim(waited and row.admitted == at, "who waits is admitted, once", row.no)
            self._check_limits(self._limits(queue), mine, came, at)
            self._check_turns(self._limits(queue), mine, came)

    @staticmethod
    def _check_limits(
        limits: Limits, rows: Sequence[RunRow], came: Sequence[RunRow], at: int
    ) -> None:
        """Whoever comes finds room: limits that were lowered since take no place away."""
        placed = [row for row in rows if _has_place(row)]
        full = limits.limit is None or len(placed) <= limits.limit
        claim(full or not came, "a queue is never beyond its limit", (limits.limit, len(placed)))
        for lane in sorted({row.lane for row in came}):
            count = sum(row.lane == lane for row in placed)
            sound = limits.per_lane is None or count <= limits.per_lane
            claim(sound, "no lane is beyond its places", (lane, count))
        if limits.rate is not None:
            most, span = limits.rate
            count = _recent(rows, at - span)
            claim(count <= most, "no span has more admissions than the rate", (count, most))

    def _check_turns(self, limits: Limits, rows: Sequence[RunRow], came: Sequence[RunRow]) -> None:
        """Nobody who waits has a better right than one of those that came."""
        placed = Counter(row.lane for row in rows if _has_place(row))
        heads = _heads([row for row in rows if self.waits(row) and not row.cancel])
        for row in came:
            for lane, head in heads.items():
                if lane == row.lane:
                    claim(_rank(row) < _rank(head), "a lane keeps its order", (row.no, head.no))
                elif limits.per_lane is None or placed[lane] < limits.per_lane:
                    fair = head.priority < row.priority or (
                        head.priority == row.priority and placed[row.lane] - 1 <= placed[lane]
                    )
                    claim(fair, "lanes take turns", (row.no, head.no, dict(placed)))

    # --- rest

    def check_rest(self, now: int) -> None:
        """When nothing moves by ``now``, who waits has no place to go to."""
        rows = [row for row in self._rows() if row.queue]
        for queue in sorted({row.queue for row in rows}):
            mine = [row for row in rows if row.queue == queue]
            waiting = [row for row in mine if self.waits(row) and not row.cancel]
            if self._is_paused(queue) or not waiting:
                continue
            limits = self._limits(queue)
            placed = Counter(row.lane for row in mine if _has_place(row))
            full = limits.limit is not None and placed.total() >= limits.limit
            if limits.rate is not None and _recent(mine, now - limits.rate[1]) >= limits.rate[0]:
                full = True
            for row in waiting:
                taken = limits.per_lane is not None and placed[row.lane] >= limits.per_lane
                claim(full or taken, "nobody waits where there is a place", (row.no, queue))

    def next_at(self) -> int | None:
        """When a rate lets somebody go on who waits for that."""
        rows, found = self._rows(), list[int]()
        for queue in {row.queue for row in rows if self.waits(row)}:
            rate = self._limits(queue).rate
            times = [r.admitted for r in rows if r.queue == queue and r.admitted is not None]
            if rate is not None and len(times) >= rate[0]:
                found.append(sorted(times)[-rate[0]] + rate[1])
        return min(found, default=None)


def _has_place(row: RunRow) -> bool:
    return row.admitted is not None and row.status not in OUTCOMES


def _recent(rows: Sequence[RunRow], since: int) -> int:
    return sum(row.admitted is not None and row.admitted > since for row in rows)


def _rank(row: RunRow) -> tuple[int, int, int]:
    return -row.priority, row.created, row.no


def _heads(waiting: Sequence[RunRow]) -> dict[str, RunRow]:
    """The first of each lane."""
    lanes: dict[str, list[RunRow]] = defaultdict(list)
    for row in waiting:
        lanes[row.lane].append(row)
    return {lane: min(rows, key=_rank) for lane, rows in lanes.items()}
