"""Workers, and what there is for them to do.

Looking for work costs reads on the glass alone; the turnstile is passed only when there is some.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, MutableSequence, Sequence
from itertools import islice
from typing import cast

import apsw
import msgspec

from everflow.errors import Fenced
from everflow.store import Arrival, Holding, RunRow, WorkerRow
from everflow.stores.documents import as_json
from everflow.stores.sqlite.desk import QUERIES, Desk
from everflow.stores.sqlite.opening import Value
from everflow.stores.sqlite.trouble import in_words

Place = tuple[int, int, int]  # created, no, owner: the order of claims


class Heaps(msgspec.Struct):
    """Where there is work without a living owner: runs alike in four columns, timers by owner."""

    lives: bool  # the worker that asks
    heaps: list[tuple[int, str, str, str]]  # owner, queue, definition, whose code doesn't fit
    sleepers: list[int]
    taken: list[int]  # runs that were taken from the worker, and that it hasn't let go of


class Workers(Desk):
    """The verbs of workers, claims and timers."""

    def enlist(self, *, host: str, pid: int, at: int, about: str = "") -> WorkerRow:
        """A new worker, its board up and locked before its row is there."""
        with in_words(self._name), self._pen.transaction() as db:
            id_ = self._put_up(db, {"host": host, "pid": pid, "at": at, "about": about})
            try:
                self._forget(db, id_)
            except BaseException:
                self._boards.take_down(id_)
                raise
        return WorkerRow(
            id=id_,
            epoch=1,
            number=0,
            beat=0,
            host=host,
            pid=pid,
            since=at,
            gone=False,
            lost=False,
            about=about,
        )

    def _put_up(self, db: apsw.Connection, values: dict[str, Value]) -> int:
        while True:
            id_ = cast("int", db.execute(QUERIES["enlist"], values).get)
            if self._boards.put_up(id_):
                return id_
            db.execute(QUERIES["withdraw"], {"id": id_})

    def _forget(self, db: apsw.Connection, youngest: int) -> None:
        db.execute(QUERIES["keep_highest"])
        for what in ("forget_retired", "unlist_deposed", "forget_refusals", "forget_taken"):
            db.execute(QUERIES[what], {"id": youngest})
        listed = self._decoded(str(db.execute(QUERIES["listed"]).get), set[int])
        self._boards.sweep(listed)

    def beat(self, worker: int) -> None:
        """Advance the heartbeat counter: one store to memory."""
        board = self._boards.own(worker)
        if board is not None:
            board.beat()

    def flights(self, worker: int, slots: int) -> MutableSequence[int]:
        """The worker's board of run numbers in flight."""
        with in_words(self._name):
            return self._boards.flights(worker, slots)

    def in_flight(self, worker: int) -> list[int]:
        """What stands on a worker's board."""
        with in_words(self._name):
            return self._boards.in_flight(worker) or []

    def workers(self) -> list[WorkerRow]:
        """All workers that are listed, with what their boards and locks say."""
        rows = self._ask("workers", list[WorkerRow])
        with in_words(self._name):
            for row in rows:
                row.beat, row.lost = self._boards.look(row.id) or (0, True)
        return rows

    def lost(self, workers: Sequence[int]) -> list[int]:
        """Those whose locks are free."""
        with in_words(self._name):
            return [w for w in workers if (self._boards.look(w) or (0, False))[1]]

    def holding(self, workers: Sequence[int], *, most: int = 10_000) -> list[Holding]:
        """What each of these workers owns."""
        values: dict[str, Value] = {"workers": as_json(workers), "most": max(most, 0)}
        return self._ask("holding", list[Holding], values)

    def depose(self, worker: int, epoch: int) -> bool:
        """End the epoch of a worker taken for dead."""
        return self._end("depose", {"id": worker, "epoch": epoch})

    def retire(self, worker: int) -> None:
        """End the worker's own epoch; its runs are unowned by that."""
        self._end("retire", {"id": worker})
        self._boards.take_down(worker)

    def _end(self, how: str, values: dict[str, Value]) -> bool:
        with self._pen.turn() as db:
            db.execute(QUERIES[how], values)
            return db.changes() > 0

    def claim(
        self,
        worker: int,
        *,
        now: int,
        limit: int,
        without: Sequence[str] = (),
        code: int = 0,
        leased: Sequence[int] = (),
        queues: Sequence[str] | None = None,
    ) -> list[RunRow]:
        """Take runs that nobody living owns and that have something to do."""
        found = self._ask("heaps", Heaps, {"worker": worker})
        if not found.lives:
            raise Fenced(f"worker {worker} was deposed", hint="enlist again")
        most, limit = max(limit, 0), max(limit, 0) + len(found.taken)
        piles = [
            self._ask("heap", list[Place], {**heap, "limit": limit})
            for heap in self._fitting(found.heaps, worker, without, code)
            if queues is None or heap["queue"] in queues
        ]
        rest: dict[str, Value] = {
            "limit": limit,
            "without": as_json(without),
            "queues": None if queues is None else as_json(queues),
        }
        piles += [
            self._ask("sleepers", list[Place], {"owner": owner, "now": now, **rest})
            for owner in found.sleepers
        ]
        mine: dict[str, Value] = {"me": str(worker), "code": code, **rest}
        if without:  # a cancel needs no code
            piles.append(self._ask("called", list[Place], mine))
        if leased:
            given = {**mine, "leased": as_json(leased), "now": now}
            piles.append(self._ask("leased", list[Place], given))
        free = (place for place in heapq.merge(*piles) if place[1] not in found.taken)
        places = list(islice(free, most))
        return self._take(worker, places) if places else []

    def _fitting(
        self,
        heaps: Sequence[tuple[int, str, str, str]],
        worker: int,
        without: Sequence[str],
        code: int,
    ) -> Iterator[dict[str, Value]]:
        """The heaps whose runs the worker's code may fit."""
        for owner, queue, definition, barred in heaps:
            if definition not in without and self._codes(barred).get(worker) != code:
                yield {
                    "owner": owner,
                    "queue": queue,
                    "definition": definition,
                    "barred": barred,
                }

    def _codes(self, barred: str) -> dict[int, int]:
        return self._decoded(barred, dict[int, int])

    def _take(self, worker: int, places: list[Place]) -> list[RunRow]:
        """Those of the places that are still as they were seen."""
        seen = as_json([(no, owner) for _, no, owner in places])
        values: dict[str, Value] = {"worker": worker, "seen": seen}
        with self._pen.transaction() as db:
            before = self._decoded(
                str(db.execute(QUERIES["still_there"], values).get), list[RunRow]
            )
            db.execute(QUERIES["claim"], values)
        return before

    def owned(self, worker: int) -> list[int]:
        """The worker's own runs that have something to do."""
        return self._ask("owned", list[int], {"worker": worker})

    def release(self, worker: int, nos: Sequence[int]) -> None:
        """Give runs back, unowned."""
        self._pen.write(QUERIES["release"], {"worker": worker, "nos": as_json(nos)})

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        """The inbox of the worker's own runs."""
        values = {"worker": worker, "after": after, "limit": max(limit, 0)}
        return self._ask("arrivals", list[Arrival], values)

    def due(self, worker: int, *, now: int, limit: int) -> list[int]:
        """The worker's own resting runs whose timer is due."""
        return self._ask("due", list[int], {"worker": worker, "now": now, "limit": max(limit, 0)})

    def next_due(self, worker: int) -> int | None:
        """When the next timer is due."""
        if not worker:
            return self._ask("next_free", tuple[int | None])[0]
        return self._ask("next_due", tuple[int | None], {"worker": worker})[0]
