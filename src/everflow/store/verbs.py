"""The verbs of the contract, with every rule that an implementation must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from everflow.core.queueing import Limits, Standing
from everflow.core.status import Status
from everflow.store.handing import Branch, Hand, Slice, Tenure
from everflow.store.messages import Letter, Message
from everflow.store.records import Put, Record
from everflow.store.retaining import Retaining
from everflow.store.rows import (
    Batch,
    EntryRow,
    Imported,
    LaneRow,
    Loaded,
    NewRun,
    QuestionQuery,
    QuestionRow,
    Reopened,
    RunQuery,
    RunRow,
    SideRow,
    StoreInfo,
    Verdict,
)
from everflow.store.settling import Settling
from everflow.store.working import Working


@runtime_checkable
class Store(Working, Settling, Retaining, Protocol):
    """All verbs may be called from any thread of the process that opened the store."""

    def info(self) -> StoreInfo:
        """What the store says of itself."""

    def close(self) -> None:
        """Let go of files and connections. What was written stays; closing twice is no error."""

    def version(self) -> int:
        """A number that changes when anybody else (another object or process) wrote. Cheap.

        It may change a little later, within a second or so, and for nothing.
        """

    def heed(self, react: Callable[[], None]) -> Callable[[], None]:
        """Have ``react`` called at once when others wrote; give what ends that.

        No more than a hint: a store that doesn't hear of it at once never calls it. It is called
        from a thread of the store's own, and must neither wait nor call the store.
        """

    # writing

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch in one transaction; give the runs of which something was refused.

        A change to an outcome other than ``cancelled`` is left out, and its run's number given
        back, when a cancel was accepted for the run and isn't among this batch's ``arrivals`` (so
        one that an earlier batch applied refuses it too): the rest of the batch is written.

        The last number sent again gives the same answer, without effect. Raises ``Fenced`` for a
        stale epoch, a worker that is gone or unknown (the last number included), and any number
        but the last and the one after it.

        Neither the owner of a run nor a checksum is looked at here, and the store may rely on the
        entries of a run being numbered without gaps or repeats. An opened question that is there
        already stays as it is.

        A question that is open at the end of the batch that opens it takes the answer that is kept
        for its tag, if that is still in the inbox then: it is answered with its key, and the
        message in the inbox is an answer to it, with a new id. One that is opened as ``early`` is
        answered; it takes the key of the kept answer, if that isn't in the inbox any more. Either
        way nothing is kept for the tag after that.

        What it bears for runs taken from the worker (see ``taken_from``) is left out, as
        ``left_out`` has it, and their numbers are given back, too; of these one that is
        ``released`` counts as taken no more.

        Its ``puts``, ``starts`` and ``letters`` come last, by the rules of ``write``, but that the
        expectations of records count for nothing, and that the store numbers the new runs whatever
        ``no`` they bear. A letter that tells a refused outcome isn't sent. Last of all the runs
        that are ``released`` are unowned, those that the worker owns.
        """

    def write(
        self,
        puts: Sequence[Put],
        *,
        at: int,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        letters: Sequence[Letter] = (),
        admit: Sequence[int] = (),
    ) -> list[RunRow] | None:
        """Write records and what goes with them, all or nothing; give the rows of the starts.

        None, and nothing is written, when an expectation doesn't hold; all of them are looked at
        before the first record is written, and of two puts for one record the last one counts. It
        bears no fence: what two may do at once, they do under the expectation of a record.

        ``starts`` are started as ``start`` does it. ``letters`` are put into the inboxes of the
        runs of these ids, in order, each judged as the rows stood before any of them: what
        ``accept`` would refuse is dropped, but for the limit of signals, since no sender could be
        told.
        ``admit`` gives places in their queues, at ``at``, to those of these runs that wait for one
        and haven't ended.
        """

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        """Insert the runs that are new; give for each its row, or that of the run with its key.

        Keys are unique per flow. A run whose id is there already (looked at before its key) is
        given back unchanged, so that an ambiguous start is simply sent again; both hold within one
        call, too. The store numbers from 1, below every worker's own span. Raises ``StoreError``,
        and writes nothing, when a given ``no`` is another run's. Inserting bears no fence:
        ``owner`` must be a worker of the caller's own, and a gone owner's run is simply claimed by
        another.
        """

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        """Judge each message by ``judge``'s rules, in order, and put the accepted into the inbox.

        An early answer that has its question is put there as an answer to it; any other is listed
        as a ``kept`` question, too. The keys of the last ``SIGNALS`` signals of a run are
        remembered, applied or not. A cancel that is accepted ends a pause: the run is queued then,
        also where its owner, who didn't know, writes afterwards that it is paused.
        """

    # reading

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        """Runs with their entries since their base, in one query for all of them, as asked for.

        Raises ``StoreDamaged`` naming the run when the checksum of one of these entries doesn't
        hold or one is missing, be it the base itself.
        """

    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        """The bodies of single entries, checked as ``load`` does; a missing one is damage."""

    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        """A run's entries from ``first`` on, in order, unchecked: it shows what is there."""

    def find(self, id: str) -> RunRow | None:  # noqa: A002 - that is its name in every row
        """The run of that public name."""

    def find_key(self, flow: str, key: str) -> RunRow | None:
        """The run that was started with that key."""

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        """In the order asked for."""

    def standing(self, no: int) -> tuple[Status, int] | None:
        """Where a run stands and how many messages are in its inbox, read together; cheap.

        None where there is no such run.
        """

    def asked(
        self, places: Sequence[tuple[str, str, int]]
    ) -> list[tuple[RunRow | None, QuestionRow | None]]:
        """The run and the question, open or closed, of each (run's id, tag, occurrence), in order.

        None where there is no such run, or no such question of it.
        """

    def runs(self, query: RunQuery) -> list[RunRow]:
        """In the query's order. After a run that isn't there (any more) comes nothing."""

    def count(self, query: RunQuery) -> dict[Status, int]:
        """How many runs by status, without zeros; ``limit`` and ``after`` don't count."""

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        """In the order of their opening. After a question that isn't there comes nothing."""

    def definition(self, hash: str) -> str | None:  # noqa: A002 - the word for it in every layer
        """The body that was given with that hash; the first one given stays."""

    def records(
        self,
        kind: str,
        *,
        keys: Sequence[str] | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Record]:
        """The records of a kind with one of these keys, this prefix, and a key above ``after``.

        In the order of their keys, by code points. A key is never empty.
        """

    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        """The records of a kind that are due, earliest first, then by key."""

    def next_record_due(self, kind: str) -> int | None:
        """When the next record of a kind is due, passed or to come."""

    # queues

    def places(self, queue: str, limits: Limits, *, now: int, lanes: int, depth: int) -> Standing:
        """How a queue stands, as admission asks it; cheap however many runs wait in a lane.

        A run has a place from its admission until it ends; one waits that is queued, not admitted
        and not cancelled. Within a rate's span are the admissions after ``now`` less the span; none
        are where there is no such rate. The lanes are those where somebody waits and neither
        ``per_lane`` nor ``rate_per_lane`` is used up: the first ``lanes`` of them by
        their first runs (highest priority, then fewest places, then created, then number), each
        with its first ``depth`` runs (highest priority, then created, then number). ``held``: of
        those left out for their rate alone, the earliest n-th latest admission, n the rate's.
        """

    def waiting(self) -> list[str]:
        """The queues in which somebody waits, in the order of their names. Cheap."""

    def lanes(self, queue: str | None = None) -> list[LaneRow]:
        """The lanes of one queue, or of all, in which somebody waits or has a place, by name."""

    # keeping

    def backup(self, place: str, progress: Callable[[int, int], None] | None = None) -> None:
        """A whole, consistent copy at a place that doesn't exist yet, while others write.

        Raises ``StoreError`` when the place is taken. ``progress`` gets (done, total).
        """

    def export(self, no: int) -> Imported:
        """A run whole, read in one transaction; entries in order, checked.

        Raises ``NoSuchRun``, or ``StoreDamaged`` for a checksum that doesn't hold.
        """

    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Literal["new", "same", "conflict", "replaced"]]:
        """Import runs under new numbers, unowned; the numbers that they bring count for nothing.

        Same id and history: ``same``, and nothing is written. Other history: ``conflict``, and
        nothing of that run is written, unless ``replace`` (an active run with a living owner is
        never replaced): then the old run is deleted with all that is its own. A prefix of what is
        there is ``same``; more than what is there is other history. Where either side was pruned,
        the entries that both have are compared (at least one). A key that another run has is a
        ``conflict`` whatever ``replace`` says, and so is the id of a run that others have.
        """

    # runs that more than one instance has

    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of the runs of these ids, of each in one transaction, in their order."""

    def slice(self, run: str, after: int) -> Slice:
        """What is shipped of a run, be it run here or a copy; entries from that seq on, checked.

        Raises ``NoSuchRun`` where nothing whole of it is here (``rev`` is 0), ``StoreDamaged`` for
        a checksum that doesn't hold.
        """

    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it; False when something else is here than was seen.

        A run that isn't to be run here any more, or is changed, is taken from its owner: see
        ``append`` and ``taken_from``. One that goes on here stands as ``resumed`` has it, unowned;
        it gives up its key where another run here has that, which its ``origin`` tells. An import
        never replaces a run that has a tenure, and nothing of its history is pruned.

        Raises ``StoreError``, and writes nothing, for an ``add`` that begins beyond what is here or
        is another run's, and for a run that is to be run here and isn't here whole; for an entry
        whose checksum doesn't hold ``StoreDamaged``.
        """

    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run, by time."""

    # stores that are carried elsewhere

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        """All of these runs, read in one transaction, in their order.

        Each definition stands in the first slice that names it. Raises as ``slice`` does.
        """

    def hand_all(
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        """``hand`` of several runs in one transaction, all or none; no run comes twice.

        ``puts`` are written with that; their expectations count for nothing. ``families``: False,
        too, where a run that goes on here called one of these or was called by one, both go on, and
        it isn't among them: so whoever is waited for goes along with who waits.
        """

    def kinds(self) -> list[str]:
        """The kinds of which there are records, in order. Cheap."""

    def definitions(self, *, after: str = "", limit: int = 1000) -> list[tuple[str, str]]:
        """The definitions (hash, body) whose hashes are above ``after``, in their order."""

    # what operators do

    def adopt(self, nos: Sequence[int]) -> list[bool]:
        """Let runs go on that were set aside: queued, without until and reason, and no deaths.

        Those are paused ones, and ones blocked until the operator that no living worker owns. False
        for any other. ``origin`` stays, to tell where the run came from.
        """

    def reopen(self, runs: Sequence[Reopened], *, at: int) -> list[bool]:
        """Open the next generation of failed runs.

        Each is queued then, unowned, without an outcome, and without its place in a queue. False,
        and nothing is changed, for a run that isn't failed, is in another generation, or whose last
        entry isn't the one before the given entry. The expectations of ``puts`` count for nothing.
        """

    def relabel(
        self,
        nos: Sequence[int],
        labels: Mapping[str, str | None],
        puts: Sequence[Put] = (),
        *,
        at: int,
    ) -> None:
        """Give runs these labels, and take away those that are None, in any status but handed off.

        ``puts`` are written with that; their expectations count for nothing.
        """

    def prune(self, no: int, *, before: int, keep: Sequence[int]) -> int:
        """Delete a run's entries under ``before`` (at most its base) but ``keep``; how many.

        None of a run that has a tenure, or that others have: its copies are told apart by how many
        entries they have.
        """
