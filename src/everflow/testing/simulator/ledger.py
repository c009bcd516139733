"""The ledger: the truth kept outside. It sees every write and every effect, and only asserts.

It folds each run's journal for itself, entry by entry as they come, so that it knows at any moment
what the run's machine must be; what workers have in memory counts for nothing here. A broken claim
is an ``Untrue``: a sentence of the contract, and where it failed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from everflow.clock import Clock
from everflow.config import Config
from everflow.core.entries import Entry, Kind, decode_body
from everflow.core.journal import snapshot, take
from everflow.core.lifecycle import allowed
from everflow.core.machine import Machine
from everflow.core.ops import NodeOp, QuestionOp, TimerOp
from everflow.core.program import Program
from everflow.core.state import state_of
from everflow.errors import FlowError
from everflow.store import (
    OUTCOMES,
    Answer,
    Arrival,
    Batch,
    Cancel,
    Early,
    QuestionQuery,
    RunRow,
    Status,
)
from everflow.testing.simulator.calling import Ties
from everflow.testing.simulator.ends import question_of
from everflow.testing.simulator.queueing import Places
from everflow.testing.simulator.settled import SettledOnce
from everflow.testing.simulator.spoiling import SpoiltStore
from everflow.testing.simulator.untrue import Untrue, claim

__all__ = ["Ledger"]

SAID = {Kind.AWAITED, Kind.CONTINUED, Kind.CHILD}  # by bodies, and by runs that were called
CLOSING = frozenset({Kind.RESULT, Kind.ERROR, Kind.STOPPED, Kind.FIRED, Kind.ANSWER, *SAID})
RECORDED = frozenset({Kind.RESULT, Kind.ERROR, Kind.STOPPED, Kind.WANTED, *SAID})
Args = tuple[Any, ...]
Named = dict[str, Any]
Op = tuple[int, str]  # run number, op id


class Ledger:
    """Implements ``faulty.Watcher``; ``program_of`` gives a flow's program by its hash."""

    def __init__(
        self,
        base: SpoiltStore,
        program_of: Callable[[str, str], Program],
        clock: Clock,
        config: Config,
    ) -> None:
        self.base = base
        self.journals: dict[int, list[Entry]] = {}
        self.machines: dict[int, Machine] = {}
        self.bodies: dict[int, list[str]] = {}
        self.ties = Ties(base, self.machines, self.journals)
        self.places = Places(base)
        self.settled = SettledOnce(base)
        self.closed: dict[Op, str] = {}  # and by which kind of entry
        self.closers: dict[Op, Entry] = {}  # what closed a question
        self.gone: set[int] = set()
        self.ends: dict[int, tuple[Status, str | None]] = {}
        self.cancelled: set[int] = set()  # acknowledged
        self.begun: dict[Op, list[int]] = defaultdict(list)  # the workers that began it
        self.asked: dict[Op, int] = {}  # how many attempts there were when it last asked something
        self.flying: dict[int, set[Op]] = defaultdict(set)
        self.effects = 0
        self.repeats = 0
        self.writes = 0  # that were tried
        self.copying: set[int] = set()  # runs that are new, with all their entries
        self.story: list[str] = []
        self.wall_was_set = False
        self._program_of = program_of
        self.clock = clock
        self._most = config.max_unrecorded
        self._lease = round(config.lease_s * 1_000_000)
        self._beaten: dict[int, int] = {}  # living workers: boot time of their latest heartbeat
        self._batches: dict[tuple[int, int, int], tuple[Any, ...]] = {}
        self._applied: Counter[tuple[object, ...]] = Counter()
        self._marks = 0  # side rows counted so far
        self._before: dict[int, RunRow] = {}
        self._inbox: list[Arrival] = []

    # --- lives

    def beat(self, worker: int) -> None:
        """A worker's heart beats."""
        self._beaten[worker] = self.clock.boot()
        self.base.beat(worker)

    def died(self, worker: int) -> None:
        """A worker's process is no more."""
        self._beaten.pop(worker, None)

    def _check_deposed(self, worker: int) -> None:
        beaten = self._beaten.get(worker)
        stood = self._lease if beaten is None else self.clock.boot() - beaten
        claim(stood >= self._lease, "only a heart that stands for the lease is dead", worker)

    # --- effects

    def began(self, worker: int, no: int, op: str, *, since: int | None, pooled: bool) -> None:
        """A worker begins a node (an inline one: has just run it). ``since`` None: it is pure."""
        where = f"{op} of run {no} by worker {worker}"
        key = no, op
        row = self.base.rows([no])[0]
        if row.owner == worker and worker not in self.gone:
            claim(row.status is not Status.PAUSED, "a paused run begins nothing", where)
            claim(not self.places.waits(row), "who waits for a place begins nothing", where)
        if since is not None:
            on_disk = since < len(self.journals.get(no, ()))
            claim(on_disk, "a node begins after the commit of what it depends on", where)
            self._check_listed(no, since, where)
        if worker not in self.gone:
            claim(key not in self.closed, "a recorded attempt is never run again", where)
        before = self.begun[key]
        answers = sum(1 for n, name in self.closed if n == no and name.startswith(f"{op}@"))
        claim(before.count(worker) <= answers, "a worker runs an attempt once", where)
        open_ = before[self.asked.get(key, 0) :]
        others = [other for other in open_ if other != worker and other not in self.gone]
        sound = worker in self.gone or not others  # who is taken for dead may be late with anything
        claim(sound, "attempts overlap only when the older lost its lease", (where, others))
        self.repeats += len(before) > answers
        before.append(worker)
        self.effects += 1
        if pooled:
            self.flying[worker].add(key)
            held = sum(no not in self.base.spoilt for no, _ in self.flying[worker])
            claim(held <= self._most, "at most max_unrecorded nodes are in flight", where)

    def _check_listed(self, no: int, since: int, where: str) -> None:
        """Whoever is told of a question can answer it."""
        for op in self.machines[no].state.ops.values():
            if type(op) is QuestionOp and op.since <= since:
                query = QuestionQuery(no=no, tag=op.tag, occurrence=op.occurrence, open_only=False)
                listed = bool(self.base.questions(query))
                claim(listed, "a question is listed before a node begins beside it", where)

    # --- writes

    def before(self, verb: str, args: Args, named: Named) -> None:
        """A write is about to be done."""
        self.writes += 1
        if verb == "write":
            self.places.before(named.get("admit", ()))
        if verb == "settle":
            self.settled.before()
        if verb == "append":
            batch: Batch = args[0]
            nos = {entry[0] for entry in batch.entries} | {c.no for c in batch.changes}
            self._before = {row.no: row for row in self.base.rows(sorted(nos))}
            wanted = set(batch.arrivals)
            self._inbox = [a for a in self._all_arrivals() if a.id in wanted] if wanted else []

    def _all_arrivals(self) -> list[Arrival]:
        rows = self.base.load(list(self.journals))
        return [arrival for loaded in rows for arrival in loaded.arrivals]

    @staticmethod
    def _nos(batch: Batch) -> set[int]:
        return {entry[0] for entry in batch.entries}

    def after(self, verb: str, args: Args, named: Named, reply: Any) -> None:
        """A write was done."""
        react = self._AFTER.get(verb)
        if react is not None:
            react(self, args, named, reply)

    def _after_append(self, args: Args, named: Named, reply: Any) -> None:
        self._appended(args[0])

    def _after_starts(self, args: Args, named: Named, reply: Any) -> None:
        for row in reply or ():
            self._check_new(row)
        if named.get("admit"):
            self.places.after(named["admit"], named["at"], done=reply is not None)

    def _after_reopen(self, args: Args, named: Named, reply: Any) -> None:
        for given, done in zip(args[0], reply, strict=True):
            self._reopened(given.no, done=done)

    def _after_install(self, args: Args, named: Named, reply: Any) -> None:
        for row in map(self.base.find, (given.row.id for given in args[0])):
            if row is not None:
                self._check_new(row)

    def _after_enlist(self, args: Args, named: Named, reply: Any) -> None:
        self.beat(reply.id)

    def _after_depose(self, args: Args, named: Named, reply: Any) -> None:
        if reply:
            self._check_deposed(args[0])
            self.gone.add(args[0])
            self.story.append(f"  worker {args[0]} is taken for dead")

    def _after_retire(self, args: Args, named: Named, reply: Any) -> None:
        self.gone.add(args[0])

    def _after_claim(self, args: Args, named: Named, reply: Any) -> None:
        for row in reply:
            free = row.owner == 0 or row.owner in self.gone
            claim(free, "no run is taken from a living worker", (row.no, row.owner, args[0]))
            waits = self.places.waits(row) and not row.cancel
            claim(not waits, "who waits for a place isn't taken", (row.no, row.queue))
            self.story.append(f"  worker {args[0]} takes run {row.no} over")

    def _after_settle(self, args: Args, named: Named, reply: Any) -> None:
        self.settled.after(args[0], self.closed, done=reply is not None)
        self._after_starts(args, {}, reply.started if reply is not None else ())

    _AFTER: ClassVar[Mapping[str, Callable[[Ledger, Args, Named, Any], None]]] = {
        "append": _after_append,
        "start": _after_starts,
        "write": _after_starts,
        "settle": _after_settle,
        "reopen": _after_reopen,
        "install": _after_install,
        "enlist": _after_enlist,
        "depose": _after_depose,
        "retire": _after_retire,
        "claim": _after_claim,
    }

    def refused(self, verb: str, args: tuple[Any, ...]) -> None:
        """A write was refused: of a batch, nothing of it may be there."""
        if verb == "append":
            for no in self._nos(args[0]):
                self._check_same(no)

    def _check_new(self, row: RunRow) -> None:
        if row.no not in self.journals:
            self.journals[row.no] = []
            self.bodies[row.no] = []
            self.copying.add(row.no)  # what a fork brings along was told of another run
            self._take_entries(row.no, row)
            self.copying.discard(row.no)

    def _reopened(self, no: int, *, done: bool) -> None:
        """A run was retried in place, if ``done``; else nothing of that may be there."""
        if not done:
            self._check_same(no)
            return
        status, _ = self.ends.pop(no, (None, None))
        claim(status is Status.FAILED, "only what failed is retried in place", (no, status))
        row = self.base.rows([no])[0]
        taken = row.parent is not None or bool(self.base.records("acknowledged", keys=[row.id]))
        claim(not taken, "a consumed outcome stays", no)
        generation = self.machines[no].state.generation
        self._take_entries(no, row)
        following = self.machines[no].state.generation == row.generation == generation + 1
        claim(following, "a retry opens the next generation", (no, row.generation))

    def _open_again(self, no: int, entry: Entry) -> None:
        """What failed, and what was cancelled with that, is to be closed once more."""
        for op in state_of(entry.payload).ops.values():
            kind = self.closed.pop((no, op.id), None)
            if type(op) is NodeOp:
                sound = kind in {None, Kind.ERROR, Kind.STOPPED}
                claim(sound, "what has a result isn't run again", (no, op.id, kind))
                self.begun.pop((no, op.id), None)
                self.asked.pop((no, op.id), None)

    def _appended(self, batch: Batch) -> None:
        claim(batch.worker not in self.gone, "a stale owner writes nothing", batch.worker)
        key = (batch.worker, batch.epoch, batch.number)
        own = (batch.entries, batch.changes, batch.opened, batch.closed, batch.arrivals)
        told = (*own, batch.puts, batch.starts, batch.letters)
        known = self._batches.setdefault(key, told)
        claim(known == told, "a batch is sent again unchanged", key)
        new = self.base.side[self._marks :]
        self._marks = len(self.base.side)
        self._applied.update((*side.values,) for side in new)
        claim(self._applied[key] == 1, "a batch is applied once", key)
        for no, row in self._before.items():
            writes = any(entry[0] == no for entry in batch.entries)
            mine = row.owner == batch.worker or not new  # it stands already, and let go of the run
            claim(mine or not writes, "only its owner writes a run's journal", (no, row.owner, key))
            self._take_entries(no, row)
        for started in map(self.base.find, (new.id for new in batch.starts)):
            if started is not None:  # else another run had its key
                self._check_new(started)
        self._check_arrivals()
        for row in self.base.rows(sorted(self._before)):
            self._check_row(self._before[row.no], row)

    def _take_entries(self, no: int, row: RunRow) -> None:
        """Take in what is new in a run's journal, and see that the old is what it was."""
        known = self.bodies[no]
        for index, (_, seq, body, _) in enumerate(self.base.journal(no)):
            claim(seq == index, "a journal has no gaps", (no, seq, index))
            if index < len(known):
                claim(known[index] == body, "the journal is never undone", (no, seq))
                continue
            known.append(body)
            self._take(no, row, decode_body(body))

    def _check_same(self, no: int) -> None:
        found = [body for _, _, body, _ in self.base.journal(no)]
        claim(found == self.bodies.get(no, []), "a refused batch writes nothing", no)

    def _take(self, no: int, row: RunRow, entry: Entry) -> None:
        self.journals[no].append(entry)
        machine = self.machines.get(no)
        if machine is None:
            program = self._program_of(row.flow, entry.node)
            machine = self.machines[no] = Machine(program)
        if entry.kind == Kind.BASE:
            same = snapshot(machine) == entry.payload
            claim(same, "a base is the fold of what is before it", (no, entry.seq))
        self._check_fired(no, machine, entry)
        if row.no not in self.copying:
            self.ties.check_entry(no, entry)
        if entry.kind == Kind.RETRIED:
            self._open_again(no, entry)
        try:
            take(machine, entry, lambda hash_: self._program_of(row.flow, hash_))
        except FlowError as error:
            raise Untrue("every entry belongs where it stands", (no, entry, error)) from error
        for op in machine.closed:
            if type(op) is QuestionOp:
                self.closers[no, op.id] = entry
        self._note_end(no, entry)

    def _note_end(self, no: int, entry: Entry) -> None:
        if entry.kind in CLOSING:
            claim((no, entry.op) not in self.closed, "an op has one closing entry", entry)
            self.closed[no, entry.op] = entry.kind
            self.settled.check_end(no, entry)
        if entry.kind == Kind.WANTED:
            self.asked[no, entry.op] = len(self.begun[no, entry.op])
        if entry.kind in RECORDED:
            for held in self.flying.values():
                held.discard((no, entry.op))

    def _check_fired(self, no: int, machine: Machine, entry: Entry) -> None:
        op = machine.state.ops.get(entry.op)
        if entry.kind != Kind.FIRED or type(op) is not TimerOp:
            return
        claim(entry.at >= op.due, "no timer fires early", (no, entry, op.due))
        if not self.wall_was_set:
            wall = self.clock.wall()
            claim(wall >= op.due, "no timer fires early", (no, entry, op.due, wall))

    def _check_arrivals(self) -> None:
        """What a batch takes out of an inbox is in the journal by now, or void."""
        for arrival in self._inbox:
            machine, message = self.machines[arrival.no], arrival.message
            journal = self.journals[arrival.no]
            if isinstance(message, Cancel):
                seen = machine.state.cancelling
            elif isinstance(message, Early):
                kinds = {Kind.EARLY, Kind.ANSWER}
                seen = (
                    machine.outcome is not None
                    or machine.state.cancelling
                    or any(e.kind in kinds and e.payload == message.payload for e in journal)
                )
            else:
                seen = not isinstance(message, Answer) or question_of(machine, message) is None
            claim(seen, "what leaves the inbox was journaled", arrival)

    def _set_aside(self, no: int) -> None:
        """The store takes nothing of a run: what was begun and isn't closed may be begun again."""
        for op in [key for key in self.begun if key[0] == no and key not in self.closed]:
            del self.begun[op]
        for held in self.flying.values():
            held.difference_update([key for key in held if key[0] == no])

    def _check_row(self, before: RunRow, row: RunRow) -> None:
        no, status = row.no, row.status
        if before.status is not status:
            claim(
                allowed(before.status, status),
                "a status follows the lifecycle",
                (no, before.status, status),
            )
        if status is Status.BLOCKED:
            self._set_aside(no)
        if status not in OUTCOMES:
            claim(no not in self.ends, "an outcome never changes", (no, row.status))
            return
        end = self.ends.setdefault(no, (status, row.outcome))
        claim(end == (status, row.outcome), "an outcome never changes", (no, end, status))
        if no in self.cancelled:
            cancelled = status is Status.CANCELLED
            claim(cancelled, "after an acknowledged cancel there is only cancelled", (no, status))
        outcome = self.machines[no].outcome
        claim(outcome is not None, "a run's row ends when its journal does", (no, status))
