"""Workers, and what there is for them to do."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

import msgspec

from everflow.store import Arrival, Holding, Message, RunRow, WorkerRow
from everflow.stores.postgres.boarding import Boarding
from everflow.stores.postgres.listening import Seen
from everflow.stores.postgres.marking import marked, unmarked
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.rows import run_row

_COLUMNS = 11  # of ``workers`` that are a worker's
_message = msgspec.json.Decoder(Message).decode


class Looks(msgspec.Struct):
    """What a worker's looks at its inbox saw: all that ``snapshot`` sees, and what was ``given``.

    Ids are drawn before they can be seen, so that one may be seen after a higher one was given.
    Whoever begins below the ``highest`` reads again what was given: that is no look, since another
    thread that does it must not take from the looks what they haven't seen.
    """

    snapshot: str
    given: set[int]
    highest: int


class Workers(Boarding):
    """The verbs of workers, claims and timers."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._looks: dict[int, Looks] = {}
        self._near: set[int] = set()  # of this host, as they were listed last
        self._claimed: dict[int, list[int]] = {}  # by the owner that they were taken from

    def enlist(self, *, host: str, pid: int, at: int, about: str = "") -> WorkerRow:
        """A new worker, its board up and locked before its row is there."""
        id_ = self._new_id()
        try:
            listed = self._call("enlist", id_, marked(host), pid, at, self._node, marked(about))
        except BaseException:
            self._take_down(id_)
            raise
        self._ear.mine.add(id_)
        if self._boards is not None:
            self._boards.sweep({row[0] for row in listed})
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

    def _new_id(self) -> int:
        while True:
            ((id_,),) = self._rows("next_worker")
            if self._put_up(id_):
                return int(id_)

    def beat(self, worker: int) -> None:
        """Advance the heartbeat counter, and tell what stands on the board if that is news."""
        shown = self._to_tell(worker)
        self._call("beat", worker, shown)
        self._was_told(worker, shown)

    def flights(self, worker: int, slots: int) -> MutableSequence[int]:
        """The worker's board of run numbers in flight."""
        return self._flights(worker, slots)

    def in_flight(self, worker: int) -> list[int]:
        """What stood on a worker's board.

        Where that can't be read: what the store was told of it last, and those of the runs just
        claimed from it that went down with an earlier worker, too, unseen by their next one. So a
        run that kills its workers before they tell of it costs one of them more. One that was
        about to run alone is taken for running.
        """
        found = self._one(
            "board",
            {"worker": worker, "node": self._node, "claimed": self._claimed.get(worker, [])},
        )
        if found is None:
            board = None if self._boards is None else self._boards.in_flight(worker)
            return board or [no for no in self._shown.get(worker, ()) if no]
        told, doubted = found
        alone = [-no for no in told if no < 0 and -no not in told]
        return [*told, *alone, *(no for no in doubted if no not in told and no not in alone)]

    def workers(self) -> list[WorkerRow]:
        """All workers that are listed, with what their locks say where these are of this host."""
        rows = self._rows("workers", {"node": self._node})
        if rows:
            self._ear.shown(Seen(*rows[0][_COLUMNS:]))
        self._near = {row[0] for row in rows if row[_COLUMNS - 1]}
        return [self._worker_row(*row[:_COLUMNS]) for row in rows]

    def _worker_row(  # noqa: PLR0913, PLR0917 - the columns of a query
        self,
        id_: int,
        epoch: int,
        number: int,
        beat: int,
        host: str,
        pid: int,
        since: int,
        gone: bool,  # noqa: FBT001 - as the query gives it
        taken: bool,  # noqa: FBT001 - as the query gives it
        about: str,
        here: bool,  # noqa: FBT001 - as the query gives it
    ) -> WorkerRow:
        # A board that is missing tells nothing: whoever cleans temporary files may have taken it.
        board = self._boards.look(id_) if here and self._boards is not None else None
        return WorkerRow(
            id=id_,
            epoch=epoch,
            number=number,
            beat=beat,
            host=unmarked(host),
            pid=pid,
            since=since,
            gone=gone,
            lost=board is not None and board[1],
            taken=taken,
            about=unmarked(about),
        )

    def lost(self, workers: Sequence[int]) -> list[int]:
        """Those of this host whose locks are free, as far as they were seen by ``workers``."""
        if self._boards is None:
            return []
        near = [worker for worker in workers if worker in self._near]
        return [w for w in near if (self._boards.look(w) or (0, False))[1]]

    def holding(self, workers: Sequence[int], *, most: int = 10_000) -> list[Holding]:
        """What each of these workers owns."""
        values = {"workers": list(workers), "most": max(most, 0)}
        return [
            Holding(worker=worker, active=active, resting=resting, next_due=due, more=more)
            for worker, active, resting, due, more in self._rows("holding", values)
        ]

    def depose(self, worker: int, epoch: int) -> bool:
        """End the epoch of a worker taken for dead, unless it is just writing."""
        return bool(self._call("depose", worker, epoch))

    def retire(self, worker: int) -> None:
        """End the worker's own epoch; its runs are unowned by that."""
        self._call("retire", worker)
        self._ear.mine.discard(worker)
        self._take_down(worker)

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
        lacking = [marked(definition) for definition in without]
        bound = None if queues is None else [marked(queue) for queue in queues]
        found = self._call(
            "claim", worker, now, limit, lacking, code, list(leased), bound, self._node
        )
        rows = [run_row(values) for values in found]
        claimed: dict[int, list[int]] = {}
        for row in rows:
            claimed.setdefault(row.owner, []).append(row.no)
        self._claimed |= claimed
        return rows

    def owned(self, worker: int) -> list[int]:
        """The worker's own runs that have something to do."""
        return [no for (no,) in self._rows("owned", {"worker": worker})]

    def release(self, worker: int, nos: Sequence[int]) -> None:
        """Give runs back, unowned."""
        self._call("release", worker, list(nos))

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        """The inbox of the worker's own runs: what is above, and what became visible below."""
        seen = self._looks.get(worker)
        looks = seen is None or after >= seen.highest
        former = seen if looks else None
        values = {
            "worker": worker,
            "after": after,
            "limit": max(limit, 0),
            "former": None if former is None else former.snapshot,
            "given": [] if former is None else list(former.given),
        }
        rows = self._rows("arrivals", values)
        found = [(id_, no, message) for _, id_, no, message in rows if id_ is not None]
        if looks:
            given = {id_ for id_, _, _ in found}
            highest = max(given | {after})
            if seen is None or len(found) < limit:
                self._looks[worker] = Looks(rows[0][0], set(), highest)
            else:  # what was missed before is to come yet
                self._looks[worker] = Looks(seen.snapshot, seen.given | given, highest)
        return [
            Arrival(id=id_, no=no, message=_message(unmarked(message)))
            for id_, no, message in found
        ]

    def due(self, worker: int, *, now: int, limit: int) -> list[int]:
        """The worker's own resting runs whose timer is due."""
        values = {"worker": worker, "now": now, "limit": max(limit, 0)}
        return [no for (no,) in self._rows("due", values)]

    def next_due(self, worker: int) -> int | None:
        """When the next timer is due."""
        ((due,),) = self._rows("next_due", {"worker": worker})
        return due if due is None else int(due)
