"""What people do to runs: retry, fork, pause, label.

No call here needs the code of a flow, and none executes anything: what is written waits for a
worker. Each leaves a line in the audit, with the change where the store can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from everflow.clock import Clock
from everflow.config import Config
from everflow.core.entries import Entry, Kind, row_of
from everflow.core.forking import forked_entries
from everflow.core.generations import reopened_state
from everflow.core.journal import BASES, state_text
from everflow.core.machine import Machine
from everflow.core.mounting import sites_of
from everflow.core.ops import QuestionOp
from everflow.core.registry import Registry
from everflow.engine.cells.history import History, definition_at
from everflow.engine.cells.loader import Definitions
from everflow.engine.cells.tenures import Leases
from everflow.engine.given.ids import Random, new_key, new_run_id
from everflow.engine.given.inputs import payload_given
from everflow.engine.given.questions import opened
from everflow.engine.given.replies import require_here
from everflow.engine.operating.elsewhere import LEASED, wait_elsewhere
from everflow.engine.operating.intake import Group
from everflow.engine.operating.keeping import Keeper
from everflow.engine.operating.replacing import replacement
from everflow.engine.operating.retaining import ACKNOWLEDGED
from everflow.engine.records.audit import audit
from everflow.engine.records.currents import known_flow
from everflow.engine.records.erasures import require_unerased
from everflow.engine.records.queues import Queues
from everflow.errors import (
    AlreadyDone,
    NotRetryable,
    NotWaiting,
    RunCancelled,
    RunFailed,
    WrongArgument,
)
from everflow.store import (
    KEPT,
    Imported,
    Message,
    Pause,
    Put,
    QuestionOpened,
    QuestionRow,
    Reopened,
    RunQuery,
    RunRow,
    Status,
    Store,
    Unpause,
    Verdict,
)

__all__ = ["FORKED_FROM", "SAME", "Operator", "Same", "pause_key"]

FORKED_FROM = "forked_from"  # the label of a fork: RUN@N
LONGEST_LABEL = 200


class Same:
    """Stands for the value that an entry has already."""


SAME = Same()


def pause_key(*, flow: str = "", queue: str = "") -> str:
    """The key of the record by which a flow or a queue is paused."""
    if bool(flow) == bool(queue):
        raise WrongArgument("a pause is of a flow or of a queue", hint="name one of them")
    return f"flow:{flow}" if flow else f"queue:{queue}"


class Operator(Keeper):
    """A keeper that acts on runs."""

    def __init__(
        self,
        store: Store,
        nudge: Callable[[], None] | None,
        registry: Registry,
        config: Config,
        clock: Clock,
        random: Random,
        leases: Leases | None = None,
    ) -> None:
        super().__init__(store, nudge, clock, random)
        self.leases = leases
        self._leased: dict[str, bool] = {}
        self.registry = registry
        self._config = config
        self.accept: Group[Message, Verdict]
        self.definitions: Definitions
        self.queues: Queues

    def safe(self, row: RunRow) -> RunRow:
        """Return once what was written for a run may be told: at once, unless it is leased.

        Raises NotSafeYet where that takes too long.
        """
        seconds = self._config.acknowledge_s
        if self.leases is not None and self.leases.tenures is not None:
            self.leases.wait(row, seconds)
        elif row.leased:
            wait_elsewhere(self.store, row, self.clock, self.random, seconds=seconds)
        return row

    def is_leased(self, flow: str) -> bool:
        """Whether runs of a flow are leased from their start.

        Where another process keeps leases the store says so, and is asked once.
        """
        if self.leases is not None and self.leases.tenures is not None:
            return self.leases.tenures.leases(flow)
        known = self._leased.get(flow)
        if known is None:
            known = self._leased[flow] = bool(self.store.records(LEASED, keys=[flow]))
        return known

    # --- one run

    def retry(self, run: str, *, by: str = "") -> RunRow:
        """Have a failed run go on from where it failed, in its next generation.

        What was recorded before isn't run again. Raises NotRetryable where it hasn't failed, where
        somebody acted on its outcome, and where there is nothing to go back to.
        """
        row = self.row(run)
        self._refuse_consumed(row)
        at = self.clock.wall()
        history = History(self.store, row)
        bodies = history.bodies()
        program = history.program(bodies)
        state = reopened_state(program, bodies, history.program_of, now=at)
        hash_ = row.definition
        entry = Entry(
            history.last + 1, at, Kind.RETRIED, payload=state_text(state), node=hash_, note=by
        )
        sites = sites_of(program, state)
        asked = (op for op in state.ops.values() if isinstance(op, QuestionOp))
        questions = [opened(row.no, op, program, sites) for op in asked]
        line = self._line("retry", row, by, generation=state.generation)
        given = Reopened(
            no=row.no,
            generation=row.generation,
            entry=row_of(row.no, entry),
            questions=questions,
            puts=[line],
        )
        if self.store.reopen([given], at=at) != [True]:
            raise NotRetryable("somebody else moved the run meanwhile", run=run, flow=row.flow)
        self.nudge()
        return self.safe(self.row(run))

    def _refuse_consumed(self, row: RunRow) -> None:
        """Raise unless the run failed and nobody acted on that."""
        require_here(row)
        where = {"run": row.id, "flow": row.flow}
        if row.status is not Status.FAILED:
            raise NotRetryable(
                f"only a failed run is retried in place, and this one is {row.status}",
                hint="`everflow fork RUN --at N` begins another run from any of its entries",
                **where,
            )
        taker = f"its parent {row.parent} was told of it" if self._told_parent(row) else ""
        for record in self.store.records("acknowledged", keys=[row.id]):
            by = msgspec.json.decode(record.body).get("by") or "an operator"
            taker = f"{by} acknowledged it"
        if taker:
            raise NotRetryable(
                f"the run's outcome was consumed: {taker}",
                hint="fork it: `everflow fork RUN --at N` begins another run that leaves this one's"
                " outcome as it is",
                **where,
            )

    def _told_parent(self, row: RunRow) -> bool:
        return row.parent is not None

    def acknowledge(self, run: str, *, by: str = "") -> None:
        """Say that the outcome of an ended run was acted upon: it isn't retried in place then."""
        row = self.row(run)
        require_here(row)
        if row.ended is None:
            raise WrongArgument(f"the run has no outcome yet: it is {row.status}", run=run)
        body = msgspec.json.encode({"by": by}).decode()
        put = Put(kind=ACKNOWLEDGED, key=row.id, body=body)
        self.store.write([put, self._line("acknowledge", row, by)], at=self.clock.wall())

    def fork(self, run: str, at: int, value: Any = SAME, *, by: str = "") -> RunRow:
        """Begin another run from the state that this one had after entry ``at``.

        ``value`` replaces the one that the entry bears. What was outstanding then is begun by the
        fork, under idempotency keys of its own, and its open questions are its own. Raises
        NoSuchPoint for an entry that isn't there or bears no value, AnswerRefused or InputRefused
        for a value that doesn't fit what the entry is for, RunErased for a run that was erased.
        """
        row = self.row(run)
        require_here(row)
        require_unerased(self.store, row)
        now, history = self.clock.wall(), History(self.store, row)
        payload = None
        if not isinstance(value, Same):
            payload = payload_given(value, self.registry.types, self._config.value_limit)
            payload = replacement(self.store, self.definitions, history, row, at, payload)
        new = new_run_id(now, self.random)
        entries = forked_entries(history.bodies(at), new, at=now, origin=row.id, value=payload)
        machine = history.fold_of(entries)
        forked = _row_of_fork(row, new, now, entries, machine)
        forked.labels[FORKED_FROM] = f"{row.id}@{at}"
        whole = Imported(
            row=forked,
            entries=[*history.kept, *(row_of(0, entry) for entry in entries)],
            questions=self._questions_of(forked, machine),
            arrivals=[],
        )
        self.store.install([whole], [])
        self.record("fork", row, by, entry=at, fork=new)
        self.nudge()
        return self.row(new)

    def _questions_of(self, row: RunRow, machine: Machine) -> list[QuestionRow]:
        """The open questions of a fork, and the places of the answers that are kept in it."""
        found = [
            _listed(row, opened(0, op, machine.program, machine.sites), "open", None)
            for op in machine.commands()
            if isinstance(op, QuestionOp)
        ]
        for tag in machine.state.early:
            kept = QuestionOpened(0, tag, KEPT, "", "", row.created, None, "null")
            found.append(_listed(row, kept, "kept", new_key(self.random)))
        return found

    def label(self, run: str, labels: Mapping[str, str | None], *, by: str = "") -> RunRow:
        """Give a run these labels, and take away those that are None."""
        row = self.row(run)
        require_here(row)
        for name, text in labels.items():
            if not 0 < len(name) <= LONGEST_LABEL:
                raise WrongArgument(f"a label's name has 1 to {LONGEST_LABEL} characters")
            if text is not None and not isinstance(text, str):
                raise WrongArgument(f"the label {name} is a text, not {text!r:.60}")
        line = self._line("label", row, by, labels=dict(labels))
        self.store.relabel([row.no], labels, [line], at=self.clock.wall())
        return self.row(run)

    # --- pauses

    def pause(self, run: str, *, by: str = "") -> bool:
        """Have a run begin nothing more. What is begun ends and is recorded; answers are kept.

        False when it is paused already; raises for one that has ended.
        """
        row = self.row(run)
        verdict = self._say(row, Pause(no=row.no, at=self.clock.wall(), by=by))
        if verdict is Verdict.ACCEPTED:
            self.record("pause", row, by)
        return verdict is Verdict.ACCEPTED

    def unpause(self, run: str, *, by: str = "") -> None:
        """Let a paused run go on; no error for one that isn't paused."""
        row = self.row(run)
        if self._say(row, Unpause(no=row.no, at=self.clock.wall(), by=by)) is Verdict.ACCEPTED:
            self.record("unpause", row, by)

    def _say(self, row: RunRow, message: Pause | Unpause) -> Verdict:
        verdict = self.accept(message)
        self.safe(row)
        if verdict is Verdict.NOT_WAITING:
            raise NotWaiting(
                "the run isn't paused: it waits for an operator",
                run=row.id,
                hint="see to its reason, then `everflow adopt RUN`",
            )
        if verdict not in {Verdict.ACCEPTED, Verdict.REPEATED}:
            self._refuse_if_ended(self.row(row.id))
        return verdict

    def _refuse_if_ended(self, row: RunRow, *, undoing: bool = False) -> None:
        require_here(row)
        if row.status is Status.DONE:
            raise AlreadyDone("the run is done", run=row.id, flow=row.flow)
        if row.status is Status.CANCELLED or (row.cancel and not undoing):
            raise RunCancelled("the run is cancelled", run=row.id, flow=row.flow)
        if row.status is Status.FAILED:
            raise RunFailed("the run has failed", run=row.id, flow=row.flow)

    def pause_all_of(self, *, flow: str = "", queue: str = "", by: str = "") -> None:
        """Pause a flow or a queue: none of its runs is taken up, and live ones come to rest.

        Raises NoSuchFlow or NoSuchQueue for a name that nobody ever used here: a slip would pause
        nothing.
        """
        key = self._pause_key(flow, queue)
        at = self.clock.wall()
        body = msgspec.json.encode({"by": by, "at": at}).decode()
        line = audit("pause", at=at, by=by, subject=key, random=self.random)
        self.store.write([Put(kind="pause", key=key, body=body), line], at=at)
        self.nudge()

    def unpause_all_of(self, *, flow: str = "", queue: str = "", by: str = "") -> None:
        """Let a flow or a queue go on; no error for one that isn't paused, but for no such one."""
        key = pause_key(flow=flow, queue=queue)
        if not self.store.records("pause", keys=[key]):
            self._pause_key(flow, queue)
            return
        at = self.clock.wall()
        line = audit("unpause", at=at, by=by, subject=key, random=self.random)
        self.store.write([Put(kind="pause", key=key, body=None), line], at=at)
        self.nudge()

    def _pause_key(self, flow: str, queue: str) -> str:
        """The key of a pause, of a flow or queue that there is."""
        key = pause_key(flow=flow, queue=queue)
        if queue:
            self.queues.view(queue)
        else:
            self.require_flow(flow)
        return key

    def require_flow(self, name: str) -> None:
        """Raise NoSuchFlow for a name that is neither known here nor ever was in this store."""
        if not self.store.runs(RunQuery(flow=name, limit=1)):
            known_flow(self.store, name, self.registry.flows)

    def paused(self) -> list[str]:
        """The flows and queues that are paused, as "flow:NAME" and "queue:NAME"."""
        return [record.key for record in self.store.records("pause")]


def _listed(row: RunRow, asked: QuestionOpened, state: Any, key: str | None) -> QuestionRow:
    return QuestionRow(
        no=0,
        run=row.id,
        flow=row.flow,
        definition=row.definition,
        tag=asked.tag,
        occurrence=asked.occurrence,
        op=asked.op,
        position=asked.position,
        at=asked.at,
        due=asked.due,
        prompt=asked.prompt,
        state=state,
        key=key,
        schema=asked.schema,
    )


def _row_of_fork(row: RunRow, new: str, now: int, entries: list[Entry], machine: Machine) -> RunRow:
    """The row of a fork: queued, unowned, nobody's child."""
    base = next((entry.seq for entry in reversed(entries) if entry.kind in BASES), 0)
    return replace(
        row,
        no=0,
        id=new,
        definition=definition_at(entries),
        status=Status.QUEUED,
        until="",
        reason="",
        owner=0,
        key=None,
        parent=None,
        labels=dict(row.labels),
        generation=machine.state.generation,
        origin="",
        created=now,
        updated=now,
        ended=None,
        due=None,
        base=base,
        cancel=False,
        deaths=0,
        outcome=None,
        admitted=None,
    )
