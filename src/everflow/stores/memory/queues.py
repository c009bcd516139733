"""Queues: who waits and who has a place, counted from the rows each time."""

from __future__ import annotations

from collections import Counter, defaultdict

from everflow.core.queueing import Lane, Limits, Standing, Waiting
from everflow.store import OUTCOMES, LaneRow, RunRow
from everflow.stores.memory.tables import Tables, locked
from everflow.stores.memory.workers import waits


class Queues(Tables):
    """The verbs of queues."""

    @locked
    def places(self, queue: str, limits: Limits, *, now: int, lanes: int, depth: int) -> Standing:
        """How a queue stands."""
        placed = Counter(run.lane for run in self._placed() if run.queue == queue)
        times = [at for _, at in self._admissions(queue, limits.rate, now)]
        of_lane: dict[str, list[int]] = defaultdict(list)
        for lane, at in self._admissions(queue, limits.rate_per_lane, now):
            of_lane[lane].append(at)
        by_lane: dict[str, list[RunRow]] = defaultdict(list)
        held: set[int] = set()
        for run in self._queued():
            if run.queue != queue or not (
                limits.per_lane is None or placed[run.lane] < limits.per_lane
            ):
                continue
            if limits.rate_per_lane and len(of_lane[run.lane]) >= limits.rate_per_lane[0]:
                held.add(sorted(of_lane[run.lane])[-limits.rate_per_lane[0]])
            else:
                by_lane[run.lane].append(run)
        for runs in by_lane.values():
            runs.sort(key=lambda run: (-run.priority, run.created, run.no))
        found = sorted(
            by_lane.items(),
            key=lambda pair: (
                -pair[1][0].priority,
                placed[pair[0]],
                pair[1][0].created,
                pair[1][0].no,
            ),
        )
        return Standing(
            placed=placed.total(),
            recent=len(times),
            oldest=min(times, default=None),
            held=min(held, default=None),
            lanes=[
                Lane(
                    name,
                    placed[name],
                    [Waiting(run.no, run.priority, run.created) for run in runs[: max(depth, 0)]],
                    len(of_lane[name]),
                )
                for name, runs in found[: max(lanes, 0)]
            ],
        )

    @locked
    def waiting(self) -> list[str]:
        """The queues in which somebody waits."""
        return sorted({run.queue for run in self._queued()})

    @locked
    def lanes(self, queue: str | None = None) -> list[LaneRow]:
        """The lanes in which somebody waits or has a place."""
        waiting = Counter((run.queue, run.lane) for run in self._queued())
        placed = Counter((run.queue, run.lane) for run in self._placed())
        return [
            LaneRow(queue=place[0], lane=place[1], waiting=waiting[place], placed=placed[place])
            for place in sorted({*waiting, *placed})
            if queue in {None, place[0]}
        ]

    def _admissions(
        self, queue: str, rate: tuple[int, int] | None, now: int
    ) -> list[tuple[str, int]]:
        """Lane and time of those within a rate's span."""
        return [
            (run.lane, run.admitted)
            for run in self._runs.values()
            if rate
            and run.queue == queue
            and run.admitted is not None
            and run.admitted > now - rate[1]
        ]

    def _queued(self) -> list[RunRow]:
        return [run for run in self._runs.values() if waits(run) and not run.cancel]

    def _placed(self) -> list[RunRow]:
        return [
            run
            for run in self._runs.values()
            if run.queue and run.admitted is not None and run.status not in OUTCOMES
        ]
