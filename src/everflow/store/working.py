"""The verbs of workers: how they enlist, live and end, and what there is for them to do."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Protocol

import msgspec

from everflow.store.messages import Arrival
from everflow.store.rows import RunRow


class WorkerRow(msgspec.Struct, kw_only=True):
    """A worker. ``beat`` is its heartbeat counter; ``lost``: a kernel lock tells its death.

    ``gone`` is true once it retired or was deposed: its epoch never writes again. ``taken``: runs
    were taken from it by a handoff, and it hasn't let go of all of them, see ``Store.taken_from``.
    ``about`` is what it said of itself when it enlisted: a JSON text, opaque to the store.
    """

    id: int
    epoch: int
    number: int  # of the last batch applied
    beat: int
    host: str
    pid: int
    since: int
    gone: bool
    lost: bool
    taken: bool = False
    about: str = ""


class Holding(msgspec.Struct, kw_only=True):
    """What a worker owns: how many runs that go on, and how many at rest (suspended, waiting).

    ``next_due``: when the next timer of one at rest is due. ``more``: not all runs of the store
    were looked at, so there may be more than was counted.
    """

    worker: int
    active: int
    resting: int
    next_due: int | None
    more: bool = False


class Working(Protocol):
    """What a worker asks of a store beyond writing."""

    def enlist(self, *, host: str, pid: int, at: int, about: str = "") -> WorkerRow:
        """A new worker with an id from 1 that was never used before, epoch 1, batch number 0.

        ``about`` is what others are shown of it: text that means nothing to the store.
        """

    def beat(self, worker: int) -> None:
        """Advance the worker's heartbeat counter; must work while the disk is full."""

    def flights(self, worker: int, slots: int) -> MutableSequence[int]:
        """The worker's board of run numbers in flight: slot -> no or 0. Survives ``kill -9``.

        Asked again with the same number of slots, it is the same board with what stands on it.
        """

    def in_flight(self, worker: int) -> list[int]:
        """What stood on a worker's board, dead or alive: the slots that aren't 0, in order."""

    def workers(self) -> list[WorkerRow]:
        """All workers that are not forgotten, in the order of their ids.

        Only one that is gone and owns no run may be forgotten.
        """

    def lost(self, workers: Sequence[int]) -> list[int]:
        """Which of these workers a kernel lock tells dead, in their order; no more than looks here.

        Only those of this host can be told so; of the others ``workers`` tells the beats.
        """

    def holding(self, workers: Sequence[int], *, most: int = 10_000) -> list[Holding]:
        """What each of these workers owns, living or deposed, in their order; for who looks.

        Counted are the runs among the ``most`` newest (created, then number) of each status, so
        that it costs the same however many runs there are; ``more`` where a status has further
        ones. ``next_due`` is as ``next_due`` has it.
        """

    def depose(self, worker: int, epoch: int) -> bool:
        """Bump the epoch of a worker taken for dead, if it is still ``epoch``: it is gone.

        Its runs keep it as their owner until another claims them. False when it is gone already,
        or in the middle of a write: it isn't waited for.
        """

    def retire(self, worker: int) -> None:
        """The worker's own release of all that it owns: it is gone, its runs are unowned.

        Without effect for a worker that is gone already, since then its runs must still tell the
        taker whose they were.
        """

    def taken_from(self, worker: int) -> list[int]:
        """The runs that ``hand`` took from the worker, and that it hasn't ``released`` since.

        None for a worker that is gone, since it writes nothing anyway.
        """

    # what there is to do

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
        """Take runs that have no living owner and something to do; the rows are as they were.

        To do: queued, running or cancelling; blocked until code or store; resting (suspended or
        waiting) with a due timer or an inbox message; or blocked until the operator with a cancel
        in its inbox. Never a queued one that waits for its place in a queue, unless a cancel is in
        its inbox, nor a paused one, unless an ``Unpause`` is, nor one that was taken from this
        worker and that it hasn't released since, nor a leased one that isn't among ``leased``, the
        runs whose leases the worker's process holds. With ``queues`` none but the runs of these
        queues, "" standing for runs of no queue, whatever is in their inboxes.
        ``without`` names definitions that this worker can't run;
        a run of theirs is taken all the same when a cancel is in its inbox, which needs no code, or
        an upgrade that leads to another definition than those.
        ``code`` is a number for the code that the worker has now. A blocked run that it released
        with its ``code`` is left to others, until one of them releases it ``anew``; and an order
        (a cancel, an upgrade, a pause or the end of one) that it hasn't ``seen`` has everybody try
        again. It costs the same however many runs are left out.
        Oldest first (created, then number). The given row's ``owner`` is the previous one, so that
        the taker sees whose run it was; in the store it is ``worker`` from now on. Raises
        ``Fenced`` for a worker that is gone or unknown.
        """

    def owned(self, worker: int) -> list[int]:
        """The worker's own runs that have something to do, but leased ones, in a claim's order.

        What rests until a time or a message comes isn't among them.
        """

    def release(self, worker: int, nos: Sequence[int]) -> None:
        """Give runs back, unowned: those that the worker owns, and as long as it isn't gone."""

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        """Messages in the inbox of the worker's own runs, ids above ``after``, oldest first.

        With them those below it that only became visible since this store object looked last.
        """

    def due(self, worker: int, *, now: int, limit: int) -> list[int]:
        """The worker's own resting runs whose timer is due, earliest first, then by number."""

    def next_due(self, worker: int) -> int | None:
        """When the next timer of one of the worker's own resting runs is due, passed or to come.

        Of worker 0: of those that have no living owner, but leased ones, whoever may claim them.
        """
