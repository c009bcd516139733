"""The rows of the contract: what a store is given and what it gives.

A row is plain data and a copy: changing one changes nothing in the store. Texts called ``body``,
``payload``, ``prompt`` or ``outcome`` are JSON and opaque to the store.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from everflow.core.status import Status
from everflow.store.messages import Answer, Arrival, Early, Letter, Message
from everflow.store.records import Put

KEPT = -1  # the occurrence under which an early answer is listed until its question comes
WORKER_SPAN = 1 << 32  # a worker numbers its own new runs from id * WORKER_SPAN upwards


class Verdict(StrEnum):
    """What became of a message to a run."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"  # the same idempotency key as the accepted one: the same reply again
    ANSWERED = "already_answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DONE = "already_done"
    FAILED = "failed"
    NOT_WAITING = "not_waiting"
    AMBIGUOUS = "ambiguous"  # an answer by tag alone, and several questions of that tag are open
    FULL = "full"  # a signal, and as many as may are waiting for the run already
    NO_SUCH_RUN = "no_such_run"
    HANDED_OFF = "handed_off"


# (run no, seq, body, checksum of the body: zlib.crc32 over its UTF-8 bytes)
EntryRow = tuple[int, int, str, int]


class NewRun(msgspec.Struct, kw_only=True, gc=False):
    """A run to be started. ``no`` 0 lets the store number it; ``owner`` 0 leaves it to a claim.

    ``body`` and ``sum`` are its first entry, seq 0. With a ``queue`` it waits there until it is
    admitted: ``lane`` is what the queue is fair and limited by, the highest ``priority`` goes
    first, and ``admitted`` the time at which it got a place, None before. A ``leased`` one is run
    only where its lease is held, see ``Store.claim``.
    """

    id: str
    flow: str
    definition: str
    body: str
    sum: int
    at: int
    no: int = 0
    owner: int = 0
    status: Status = Status.QUEUED
    key: str | None = None
    parent: str | None = None
    labels: dict[str, str] = {}
    queue: str = ""
    lane: str = ""
    priority: int = 0
    admitted: int | None = None
    leased: bool = False


class RunRow(msgspec.Struct, kw_only=True, gc=False):
    """A run as the store knows it. ``base`` is the seq of its latest snapshot (0: the start).

    A new run has generation 0, base 0 and no deaths; ``updated`` is the time of the latest batch
    that changed its standing (of its start, before one did).
    """

    no: int
    id: str
    flow: str
    definition: str
    status: Status
    until: str  # blocked: "operator", "code", "store"; imported: "operator"; handed off: its holder
    reason: str  # a sentence for people; blocked, paused and handed off runs have one
    owner: int
    key: str | None
    parent: str | None
    labels: dict[str, str]
    generation: int
    origin: str  # "" or, for an imported run, the id of the store it came from
    created: int
    updated: int
    ended: int | None
    due: int | None  # when the earliest timer of a resting run is due
    base: int
    cancel: bool  # a cancel was accepted
    deaths: int  # times that a worker died while this run alone was running
    outcome: str | None  # JSON, see core.journal
    queue: str = ""
    lane: str = ""
    priority: int = 0
    admitted: int | None = None  # a run of a queue is claimed only once it is
    leased: bool = False  # another instance lends it: run and acknowledged as long as that lasts


class RunChange(msgspec.Struct, array_like=True, gc=False):
    """The new standing of a run, written whole. Written at rest points, never for every node.

    An outcome (``status`` in ``OUTCOMES``) carries the condition "no accepted cancel" unless the
    status is ``cancelled``: see ``Store.append``. It leaves owner, questions and inbox alone.
    """

    no: int
    status: Status
    until: str
    reason: str
    due: int | None
    base: int
    ended: int | None
    outcome: str | None
    definition: str
    deaths: int


class QuestionOpened(msgspec.Struct, array_like=True, gc=False):
    """A suspension that waits for its answer, addressed by (run, tag, occurrence).

    ``early``: it is answered already, by the early answer that its run's journal kept for it.
    ``schema``: what answers must fit, as JSON, where the run's definition doesn't say so because
    a body asks.
    """

    no: int
    tag: str
    occurrence: int
    op: str
    position: str
    at: int
    due: int | None
    prompt: str  # a ref into the journal, as JSON
    early: bool = False
    schema: str = ""


class Released(msgspec.Struct, array_like=True):
    """A run that its owner gives back with a batch, unowned from then on.

    ``code`` is the number of the owner's code if that is why, None for any other reason; then it
    is left to workers with other code, see ``Store.claim``. ``seen`` is the id of the last message
    that it was tried with. ``anew``: it got on since others gave it back.
    """

    no: int
    code: int | None = None
    seen: int = 0
    anew: bool = False


class Reopened(msgspec.Struct, kw_only=True):
    """A failed run's next generation. ``entry`` opens it, and is the run's base from then on.

    ``generation`` is the one that failed; ``questions`` are all those that are open now, also where
    the failure had closed them.
    """

    no: int
    generation: int
    entry: EntryRow
    questions: list[QuestionOpened] = []
    puts: list[Put] = []  # written with it, whatever there is


class QuestionClosed(msgspec.Struct, array_like=True):
    """A suspension that takes no answer any more; ``state`` says why.

    It closes an open question only: one that an accepted answer closed already stays ``answered``,
    with the answer in the inbox. So an owner whose deadline passed closes the question first, and
    journals the expiry only when no answer to it is in the inbox then.
    """

    no: int
    tag: str
    occurrence: int
    state: Literal["answered", "expired", "cancelled"]


class QuestionRow(msgspec.Struct, kw_only=True):
    """A question as listed; rows stay after they are closed, so that a late answer is told why.

    A ``kept`` one stands for the question that an early answer waits for: it has no op, position
    and prompt yet, and its occurrence is ``KEPT``.
    """

    no: int
    run: str
    flow: str
    definition: str
    tag: str
    occurrence: int
    op: str
    position: str
    at: int
    due: int | None
    prompt: str
    state: Literal["open", "answered", "expired", "cancelled", "kept"]
    key: str | None  # the idempotency key of the accepted answer
    schema: str = ""


class SideRow(msgspec.Struct, kw_only=True):
    """A row of another part (a firing, a user's own write), in the same transaction as a batch."""

    statement: str
    values: list[object]


class Batch(msgspec.Struct, kw_only=True):
    """Everything that one commit writes, of any number of runs."""

    worker: int
    epoch: int
    number: int  # the worker's last number + 1
    at: int
    entries: list[EntryRow] = []
    changes: list[RunChange] = []
    opened: list[QuestionOpened] = []
    closed: list[QuestionClosed] = []
    arrivals: list[int] = []  # inbox ids that these entries apply: deleted
    definitions: list[tuple[str, str]] = []  # (hash, body), kept if new
    puts: list[Put] = []
    starts: list[NewRun] = []  # numbered by the store; an id or a key that is there is left alone
    letters: list[Letter] = []
    released: list[Released] = []

    def __bool__(self) -> bool:
        own = self.entries or self.changes or self.arrivals or self.opened or self.closed
        return bool(own or self.puts or self.starts or self.letters or self.released)


class Loaded(msgspec.Struct, kw_only=True):
    """A run with its entries from the latest base on, in order, and its inbox."""

    row: RunRow
    entries: list[EntryRow]
    arrivals: list[Arrival]


class Imported(msgspec.Struct, kw_only=True):
    """A whole run as an import brings it: its row, journal, questions, unapplied inbox."""

    row: RunRow
    entries: list[EntryRow]
    questions: list[QuestionRow]
    arrivals: list[Message]
    heard: list[tuple[str, str]] = []  # (name, key) of signals that were taken, in their order


class LaneRow(msgspec.Struct, kw_only=True):
    """How many runs of a queue's lane wait, and how many have a place."""

    queue: str
    lane: str
    waiting: int
    placed: int


class StoreInfo(msgspec.Struct, kw_only=True):
    """What a store says of itself. ``highest`` is the latest time that any batch bore."""

    id: str
    format: int
    created: int
    highest: int
    place: str  # a path or an address without secrets, for messages
    name: str  # what files that belong to it are called by


class RunQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Filters, all of which must hold; order is by creation, then number. ``after`` pages."""

    status: tuple[Status, ...] = ()
    flow: str | None = None
    queue: str | None = None
    parent: str | None = None  # the public id of the run that called it
    tag: str | None = None  # has an open question of that tag
    labels: tuple[tuple[str, str], ...] = ()
    since: int | None = None  # created at or after
    before: int | None = None  # created before
    after: int = 0  # only runs whose ``no`` follows this one in the order
    newest_first: bool = False
    limit: int = 100


class QuestionQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Filters over questions; ``open_only`` leaves out the closed ones. ``after`` pages."""

    no: int | None = None
    tag: str | None = None
    occurrence: int | None = None
    after: tuple[int, str, int] | None = None  # only those opened after this (no, tag, occurrence)
    open_only: bool = True
    limit: int = 100


def kept_row(run: RunRow, early: Early) -> QuestionRow:
    """The row that keeps the place of the question that an early answer waits for."""
    return QuestionRow(
        no=run.no,
        run=run.id,
        flow=run.flow,
        definition=run.definition,
        tag=early.tag,
        occurrence=KEPT,
        op="",
        position="",
        at=early.at,
        due=None,
        prompt="null",
        state="kept",
        key=early.key,
    )


def answer_of(early: Early, occurrence: int) -> Answer:
    """The answer that an early one is once its question is known."""
    return Answer(
        no=early.no,
        tag=early.tag,
        occurrence=occurrence,
        payload=early.payload,
        key=early.key,
        at=early.at,
        by=early.by,
    )


def row_of_new(new: NewRun, no: int) -> RunRow:
    """The row that a new run begins with."""
    return RunRow(
        no=no,
        id=new.id,
        flow=new.flow,
        definition=new.definition,
        status=new.status,
        until="",
        reason="",
        owner=new.owner,
        key=new.key,
        parent=new.parent,
        labels=dict(new.labels),
        generation=0,
        origin="",
        created=new.at,
        updated=new.at,
        ended=None,
        due=None,
        base=0,
        cancel=False,
        deaths=0,
        outcome=None,
        queue=new.queue,
        lane=new.lane,
        priority=new.priority,
        admitted=new.admitted,
        leased=new.leased,
    )
