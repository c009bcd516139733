"""The witness: notes every effect in the moment it happens, and holds invariants against it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from everflow.core.entries import Kind
from everflow.core.node import Node
from everflow.core.ops import NodeOp, attempt_of, position_of, stable_key
from everflow.core.refs import Ref, compose
from everflow.core.values import Types, decode
from everflow.engine.calling.callee import Ended
from everflow.engine.cells.cell import Cell
from everflow.engine.nodes.attempts import Attempt
from everflow.store import RunQuery, RunRow
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.ledger import Ledger
from everflow.testing.simulator.seen import Effect, Life, Seen, ended, raised
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.untrue import Untrue

__all__ = ["Witness"]


class Witness:
    """``seen`` is what invariants look at; effects are told in ``story``, too."""

    def __init__(
        self,
        ledger: Ledger,
        types: Types,
        given: Mapping[type[Any], Any],
        story: list[str],
        subjects: Sequence[Subject],
    ) -> None:
        self._base: MemoryStore = ledger.base
        self._ledger = ledger
        self._types = types
        self._story = story
        ledger.story = story
        self._invariants = [check for subject in subjects for check in subject.invariants]
        self.seen = Seen(given, self._lives)

    def pooled(self, attempt: Attempt, end: Ended | None) -> None:
        """A pool performed an attempt; one that was cancelled happened nowhere."""
        if end is not None and self._invariants:
            row = self._base.rows([attempt.no])[0]
            self._note(row, attempt.callee.name, attempt.op, attempt.payload, end)

    def inline(self, cell: Cell, op: NodeOp, end: Ended) -> None:
        """The scheduler ran a node in place."""
        if self._invariants and isinstance(cell.machine.sites[op.position].flow, Node):
            payload = cell.payload(op.input, self._body)
            self._note(cell.row, op.node, op.id, payload, end)

    def look(self) -> None:
        """Untrue when an invariant doesn't hold now."""
        for invariant in self._invariants:
            against = invariant.holds(self.seen)
            if against is not None:
                raise Untrue(invariant.sentence, against)

    def _note(self, row: RunRow, node: str, op: str, payload: str, end: Ended) -> None:
        gave = end.kind == Kind.RESULT
        effect = Effect(
            run=row.id,
            flow=row.flow,
            node=node,
            position=position_of(op),
            key=f"{row.id}:{stable_key(op)}",
            attempt=attempt_of(op),
            value=decode(payload, self._types),
            result=decode(end.payload, self._types) if gave else None,
            error=raised(end.payload) if end.kind == Kind.ERROR else "",
        )
        self.seen.effects.append(effect)
        said = effect.error or ("" if gave else f" ({end.kind})")
        self._story.append(f"  {node} happens in run {row.no} at {op}{said and ': '}{said}")

    def _lives(self) -> list[Life]:
        lives = []
        for row in self._base.runs(RunQuery(limit=10_000)):
            machine = self._ledger.machines[row.no]
            result, error = ended(machine.outcome, partial(self._value, row.no))
            first = self._ledger.journals[row.no][0].payload
            given = decode(first, self._types)
            lives.append(Life(row.id, row.flow, str(row.status), given, result, error))
        return lives

    def _value(self, no: int, ref: Ref) -> Any:
        journal = self._ledger.journals[no]
        return decode(compose(ref, lambda seq: journal[seq].payload), self._types)

    def _body(self, no: int, seq: int) -> str:
        return self._base.entries(no, [seq])[seq]
