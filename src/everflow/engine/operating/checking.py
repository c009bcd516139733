"""Checking: what the code that is imported means for every open run of a store.

Two rules hold here. Nothing is written, and nothing executed but bodies, from their logs (see
``replaying``): each run is folded from its rows, and
its verdict is the one by which a worker with this code would load or upgrade it. It is read in
pages, and what belongs to a definition is found once for all of its runs, so that 100,000 runs take
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from everflow.core.decoding import has_tags
from everflow.core.definition import Definition
from everflow.core.entries import decode_body
from everflow.core.journal import fold, in_force
from everflow.core.matching import Fit, Verdict
from everflow.core.node import Node
from everflow.core.ops import NodeOp
from everflow.core.program import Program
from everflow.core.refs import Ref, compose
from everflow.core.state import State, live_refs
from everflow.core.values import Reader, decode
from everflow.engine.bodies.replaying import Replayer
from everflow.engine.cells.loader import Definitions, lacks
from everflow.errors import EverflowError, FlowError, StoreDamaged, ValueMismatch
from everflow.store import Loaded, RunQuery, RunRow, Status, Store

__all__ = ["OPEN", "Checked", "Checker"]

OPEN = (
    Status.QUEUED,
    Status.RUNNING,
    Status.SUSPENDED,
    Status.WAITING,
    Status.PAUSED,
    Status.BLOCKED,
    Status.CANCELLING,
)
PAGE = 2_000
LONGEST = 1 << 30  # bytes of a value that a body gives while it is replayed: they go nowhere
ADAPT = (
    "keep the body as it was for such runs, and begin a changed one under another name; a run that"
    " is parked goes on when code that fits its log is there"
)


class Checked(msgspec.Struct, kw_only=True):
    """A run's verdict. ``parked``: until it is upgraded, functions are missing that it needs."""

    run: str
    no: int
    flow: str
    definition: str
    fit: Fit
    position: str = ""
    reason: str = ""
    hint: str = ""
    passed: tuple[str, ...] = ()
    parked: bool = False


class Checker:
    """Reads runs against the code that ``definitions`` knows.

    ``to``: the definition that the runs of its flow are to be upgraded to, if not today's.
    """

    def __init__(
        self, store: Store, definitions: Definitions, to: Definition | None = None
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._types = definitions.registry.types
        self._to = to
        self._readers: dict[int, Reader] = {}
        self._replayer = Replayer(definitions.registry, LONGEST)

    def open_runs(self, flow: str | None = None) -> Iterator[list[Checked]]:
        """The verdicts of all open runs, of one flow or of all, a page at a time."""
        query = RunQuery(status=OPEN, flow=flow, limit=PAGE)
        while rows := self._store.runs(query):
            yield self.runs(rows)
            query = msgspec.structs.replace(query, after=rows[-1].no)

    def runs(self, rows: Sequence[RunRow]) -> list[Checked]:
        """The verdicts of these runs, in one query for all; a damaged one keeps no other."""
        nos = [row.no for row in rows]
        try:
            loaded = self._store.load(nos)
        except StoreDamaged as error:
            if len(rows) > 1:
                return [found for row in rows for found in self.runs([row])]
            verdict = Verdict(Fit.MISFIT, "", error.message, error.hint)
            return [self._told(row, verdict, parked=True) for row in rows]
        return [self._run(found) for found in loaded]

    def target(self, flow: str) -> Definition | None:
        """The definition that runs of a flow are held against; None where the flow isn't here."""
        if self._to is not None and self._to.program.name == flow:
            return self._to
        return self._definitions.today(flow)

    def _run(self, loaded: Loaded) -> Checked:
        row = loaded.row
        try:
            verdict, parked = self._judged(loaded)
        except EverflowError as error:  # as its loading would be: it is parked with that reason
            verdict = Verdict(Fit.MISFIT, error.position, error.message, error.hint)
            return self._told(row, verdict, parked=True)
        return self._told(row, verdict, parked=parked)

    def _told(self, row: RunRow, verdict: Verdict, *, parked: bool = False) -> Checked:
        return Checked(
            run=row.id,
            no=row.no,
            flow=row.flow,
            definition=row.definition,
            fit=verdict.fit,
            position=verdict.position,
            reason=verdict.reason,
            hint=verdict.hint,
            passed=verdict.passed,
            parked=parked,
        )

    def _judged(self, loaded: Loaded) -> tuple[Verdict, bool]:
        row, changing = loaded.row, self._definitions.changing
        known = self._definitions.current(row.flow, row.definition)
        state, bodies = self._state(loaded)
        target = self.target(row.flow)
        verdict = Verdict(Fit.SAME)
        if target is not None:
            verdict = changing.judge(known, target, state)
        led_to = known
        if target is not None:
            led_to = changing.led_to(known, target, verdict.fit)
        if state.cancelling or state.outcome is not None:
            return verdict, False
        if led_to.missing:
            error = lacks(led_to)
            return Verdict(Fit.MISSING, verdict.position, _why(verdict, error), error.hint), True
        parked = bool(known.missing) and verdict.fit is Fit.MOVES
        if verdict.upgrade is not None:
            renamed = {op.id: op for op in verdict.upgrade.ops}
            state.ops.update(renamed)
        misfit = self._misfit(row, led_to.program, state, bodies)
        return (verdict, parked) if misfit is None else (misfit, misfit.fit is Fit.MISSING)

    def _state(self, loaded: Loaded) -> tuple[State, dict[int, str]]:
        row = loaded.row
        bodies = {seq: body for _, seq, body, _ in loaded.entries}
        begun = in_force(decode_body(next(iter(bodies.values()))))

        def program_of(hash_: str) -> Program:
            return self._definitions.current(row.flow, hash_).program

        return fold(program_of(begun), bodies.values(), program_of).state, bodies

    # --- values

    def _misfit(
        self, row: RunRow, program: Program, state: State, bodies: dict[int, str]
    ) -> Verdict | None:
        """The first value that the run holds and that today's types don't take."""

        def payload_of(seq: int) -> str:
            if seq not in bodies:
                bodies.update(self._store.entries(row.no, [seq]))
            return decode_body(bodies[seq]).payload

        place = ""
        try:
            for op in state.ops.values():
                place = op.position
                self._read_op(op, program, payload_of)
            place = ""
            for ref in live_refs(state):
                payload = compose(ref, payload_of)
                if has_tags(payload):
                    decode(payload, self._types)
            place, problem = self._replayer.misfit(program, state, payload_of)
            if problem:
                return Verdict(Fit.MISSING, place, problem, ADAPT)
        except ValueMismatch as error:
            where = f" at {error.path} of the value" if error.path else ""
            hint = "take the old values too: an upcast, or a default for a new field"
            return Verdict(Fit.MISFIT, place, f"{error.message}{where}", error.hint or hint)
        return None

    def _read_op(self, op: Any, program: Program, payload_of: Callable[[int], str]) -> None:
        """Read an op's input as its node will."""
        site = program.sites.get(op.position)  # what a body awaits has none
        flow = None if site is None else site.flow
        if type(op) is not NodeOp or not isinstance(flow, Node):
            return
        signature = flow.leaf.signature
        if flow.fn is None or not signature.value:
            return
        reader = self._readers.get(id(flow.leaf))
        if reader is None:
            annotation = flow.leaf.hints.get(signature.value_name, Any)
            reader = self._readers[id(flow.leaf)] = Reader(annotation, self._types)
        input_: Ref = op.input
        reader(compose(input_, payload_of))


def _why(verdict: Verdict, error: FlowError) -> str:
    """Why a run would be parked: functions are gone, and an upgrade doesn't help."""
    if verdict.fit is not Fit.CANNOT:
        return error.message
    return f"{error.message}, and the run can't be upgraded: {verdict.reason}"
