"""Signalling: how a signal is accepted for a run, and what its sender is told.

What a flow receives stands in its definition. What a body receives doesn't, so that a signal to one
is checked against what it waits for just now; one that comes earlier is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from everflow.clock import Clock
from everflow.core.definition import from_data
from everflow.core.entries import decode_body
from everflow.core.flow import check_label
from everflow.core.journal import fold, in_force
from everflow.core.ops import ReceiveOp
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.schemas import check
from everflow.core.values import parse, untagged
from everflow.engine.given.replies import require_here
from everflow.engine.given.taken import bears_bodies
from everflow.errors import (
    AlreadyDone,
    AnswerRefused,
    EverflowError,
    RunCancelled,
    RunFailed,
    TooManySignals,
)
from everflow.store import SIGNALS, Message, RunRow, Signal, Store, Verdict

__all__ = ["Signals"]

_WHAT = "signal's name"
_REFUSED: dict[Verdict, tuple[type[AlreadyDone | RunCancelled | RunFailed], str]] = {
    Verdict.CANCELLED: (RunCancelled, "the run is cancelled"),
    Verdict.FAILED: (RunFailed, "the run has failed"),
}


class Signals:
    """``fitting`` encodes a value and checks it against what a position of the flow takes."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        accept: Callable[[Message], Verdict],
        fitting: Callable[[RunRow, str, Any], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._accept = accept
        self._fitting = fitting

    def send(self, row: RunRow, name: str, value: Any, key: str, by: str) -> RunRow:
        """Have a signal accepted; raises where the run has ended, or where too many wait for it."""
        payload = self._fitting(row, f"!{check_label(name, _WHAT)}", value)
        self._refuse_unheard(row, name, payload)
        at = self._clock.wall()
        signal = Signal(no=row.no, name=name, payload=payload, key=key, at=at, by=by)
        verdict = self._accept(signal)
        if verdict in {Verdict.ACCEPTED, Verdict.REPEATED}:
            return row
        if verdict is Verdict.FULL:
            raise TooManySignals(
                f"{SIGNALS:,} signals wait for the run already",
                run=row.id,
                flow=row.flow,
                hint="send it again once its worker has taken some",
            )
        require_here(self._store.find(row.id) or row)
        kind, why = _REFUSED.get(verdict, (AlreadyDone, "the run is done"))
        raise kind(why, run=row.id, flow=row.flow)

    def _refuse_unheard(self, row: RunRow, name: str, payload: str) -> None:
        """Refuse what fits nothing that the run's bodies wait for under that name."""
        schemas = _awaited(self._store, row, name)
        problems = [check(untagged(parse(payload)), schema) for schema in schemas]
        if problems and all(problems):
            raise AnswerRefused(
                f"the signal doesn't fit what the run receives: {problems[0]}",
                run=row.id,
                flow=row.flow,
                hint=f"it must fit {msgspec.json.encode(schemas[0]).decode()[:500]}",
            )


def _awaited(store: Store, row: RunRow, name: str) -> list[Any]:
    """The schemas of what a run's bodies wait for; nothing where that can't be read here."""
    if row.ended is not None or not bears_bodies(store.definition(row.definition)):
        return []

    def program_of(hash_: str) -> Program:
        return from_data(store.definition(hash_) or "", Registry())

    try:
        [loaded] = store.load([row.no])
        bodies = [body for _, _, body, _ in loaded.entries]  # few: those since its base
        machine = fold(program_of(in_force(decode_body(bodies[0]))), bodies, program_of)
    except (EverflowError, msgspec.MsgspecError):
        return []
    waits = [op for op in machine.commands() if isinstance(op, ReceiveOp) and op.name == name]
    return [getattr(machine.sites[op.position].flow, "schema", None) or {} for op in waits]
