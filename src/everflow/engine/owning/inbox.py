"""The inbox: how a message that was accepted for a run becomes an entry of its journal.

Two rules hold here. A message's row goes in the batch that journals it, and not before. Which
question an early answer is for is the store's to say: a question that opens there takes it. So one
that comes while its tag is asked here waits until the store knows all that is asked here; if it is
an early answer even then, no question took it, and it is kept for the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from everflow.core.entries import Kind
from everflow.core.matching import Fit, Verdict
from everflow.core.ops import CallOp, NodeOp, ReceiveOp, input_of
from everflow.core.upgrade import upgrade_text
from everflow.engine.cells.cell import Cell
from everflow.engine.given.answers import as_asked, kept_as, position_of_name
from everflow.engine.owning.parts import Parts
from everflow.engine.records.audit import audit
from everflow.errors import FlowError
from everflow.store import (
    Answer,
    Arrival,
    Cancel,
    ChildEnded,
    Early,
    Message,
    Settled,
    Signal,
    UpgradeTo,
)

__all__ = ["Inbox"]

_log = logging.getLogger("everflow.engine")
Question = tuple[str, int]  # tag, occurrence


class Inbox:
    """Applies messages to runs in memory.

    ``keeps`` says that a message is left as a pause has it; ``again`` has everything unapplied read
    once more; ``block`` parks a run whose code doesn't take a message; ``lacking`` is told a
    definition whose functions aren't here.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        keeps: Callable[[Cell, Arrival], bool],
        again: Callable[[], None],
        block: Callable[[Cell, str, str], None],
        lacking: Callable[[str], object],
    ) -> None:
        self._recorder = parts.recorder
        self._cells = parts.cells
        self._keeps = keeps
        self._definitions = parts.definitions
        self._dispatcher = parts.dispatcher
        self._types = parts.definitions.registry.types
        self._again = again
        self._block = block
        self._lacking = lacking
        self._applying: set[int] = set()  # ids in a draft that isn't committed
        self._passed: dict[int, set[Question]] = {}  # ids, and questions that didn't take them

    def apply(self, cell: Cell, arrival: Arrival) -> None:
        """Journal a message, unless that is under way."""
        cell.seen = max(cell.seen, arrival.id)
        if arrival.id in self._applying or cell.dropped or self._keeps(cell, arrival):
            return
        if isinstance(arrival.message, Settled) and arrival.message.op in cell.running:
            return  # its attempt is about to tell it
        try:
            self._learn(cell, arrival.message)
        except FlowError as error:
            self._block(cell, "code", str(error))
            return
        self._applying.add(arrival.id)
        self._cells.wake(cell)
        if isinstance(arrival.message, Early):
            asked = {asked for asked in cell.asked if asked[0] == arrival.message.tag}
            if not asked <= self._passed.get(arrival.id, set()):
                self._recorder.draft.after.append(lambda: self._look_again(arrival.id, asked))
                return
        self._journal(cell, arrival)

    def _learn(self, cell: Cell, message: Message) -> None:
        """Know the type of what comes before it is journaled; else it stays in the inbox."""
        if isinstance(message, Answer):
            asked = cell.asked.get((message.tag, message.occurrence))
            if asked is not None:
                self._dispatcher.learn(cell, cell.machine.state.ops[asked])
        elif isinstance(message, Signal):
            for op in cell.machine.state.ops.values():
                if type(op) is ReceiveOp and op.name == message.name:
                    self._dispatcher.learn(cell, op)

    def _look_again(self, arrival: int, asked: set[Question]) -> None:
        """The store knows these questions by now: what it says of the message holds for them."""
        self._applying.discard(arrival)
        self._passed[arrival] = asked
        self._again()

    def written(self, arrivals: Iterable[int]) -> None:
        """These messages are journaled, and gone from the store."""
        self._applying.difference_update(arrivals)
        for arrival in arrivals if self._passed else ():
            self._passed.pop(arrival, None)

    def clear(self) -> None:
        """The worker begins anew."""
        self._applying.clear()
        self._passed.clear()

    def _journal(self, cell: Cell, arrival: Arrival) -> None:
        recorder, message = self._recorder, arrival.message
        recorder.draft.arrivals[arrival.id] = cell.no
        self._cells.wake(cell)
        recorder.touch(cell)
        try:
            if isinstance(message, Answer):
                self._answered(cell, message)
            elif isinstance(message, Early) and cell.machine.outcome is None:
                self._kept(cell, message)
            elif isinstance(message, Signal):
                self._signalled(cell, message)
            elif isinstance(message, ChildEnded):
                if type(cell.machine.state.ops.get(message.op)) is CallOp:
                    payload, note = message.payload, message.kind
                    recorder.record(cell, Kind.CHILD, message.op, payload, note=note)
            elif isinstance(message, Settled):
                self._settled(cell, message)
            elif isinstance(message, UpgradeTo):
                self._upgraded(cell, arrival.id, message)
            elif isinstance(message, Cancel) and not cell.machine.state.cancelling:
                recorder.record(cell, Kind.CANCEL, note=message.by)
                cell.changed = True  # it is cancelling now, whatever still runs
        except FlowError as error:
            del recorder.draft.arrivals[arrival.id]  # it stays until code that takes it is here
            self._applying.discard(arrival.id)
            self._block(cell, "code", str(error))

    def _settled(self, cell: Cell, message: Settled) -> None:
        """A node's writes were committed with its result, by an attempt that couldn't tell it."""
        op = cell.machine.state.ops.get(message.op)
        if type(op) is NodeOp:
            given, source = message.payload, input_of(op.input)
            self._recorder.record(cell, Kind.RESULT, op.id, given, op.node, source, message.ticks)

    def _upgraded(self, cell: Cell, arrival: int, message: UpgradeTo) -> None:
        """Go on under another definition, if the run can just now."""
        recorder, changing = self._recorder, self._definitions.changing
        target = self._definitions.current(cell.row.flow, message.definition)
        if target.missing:  # its next owner may have them; here it stays as it is
            del recorder.draft.arrivals[arrival]
            self._lacking(target.hash)
            return
        verdict = changing.judge(cell.definition, target, cell.machine.state)
        upgrade = verdict.upgrade
        if verdict.fit is Fit.CANNOT or (
            upgrade and any(op.id in cell.running for op in upgrade.ops)
        ):
            self._refused(cell, message, verdict)
            return
        led_to = changing.led_to(cell.definition, target, verdict.fit)
        if upgrade is not None:
            upgrade = replace(upgrade, by=message.by)
            recorder.move(cell, Kind.UPGRADED, led_to, upgrade_text(upgrade))
        elif led_to is not cell.definition:
            recorder.move(cell, Kind.MOVED, led_to)

    def _refused(self, cell: Cell, message: UpgradeTo, verdict: Verdict) -> None:
        """Say why a run stays as it is, where who asked will look: in the log and in the audit."""
        row, place = cell.row, verdict.position or "its start"
        reason = verdict.reason or "a step that has another function now is being run"
        _log.warning("run %s of %s wasn't upgraded: at %s %s", row.id, row.flow, place, reason)
        line = audit(
            "upgrade refused",
            at=self._recorder.now,
            by=message.by,
            run=row.id,
            definition=message.definition,
            position=verdict.position,
            reason=reason,
        )
        self._recorder.draft.puts.append(replace(line, source=row.no))

    def _answered(self, cell: Cell, message: Answer) -> None:
        op = cell.asked.get((message.tag, message.occurrence))
        if op is None:
            return
        sites, question = cell.machine.sites, cell.machine.state.ops[op]
        payload = as_asked(sites, question.position, message.payload, self._types)
        self._recorder.record(cell, Kind.ANSWER, op, payload, note=message.by)

    def _signalled(self, cell: Cell, message: Signal) -> None:
        machine = cell.machine
        if machine.outcome is None and not machine.state.cancelling:
            position = position_of_name(machine.sites, message.name)
            payload = as_asked(machine.sites, position, message.payload, self._types)
            self._recorder.record(cell, Kind.SIGNAL, message.name, payload, note=message.by)

    def _kept(self, cell: Cell, message: Early) -> None:
        """Nobody asks yet: the answer is kept for the question."""
        payload = kept_as(cell.machine.sites, message.tag, message.payload, self._types)
        self._recorder.record(cell, Kind.EARLY, message.tag, payload, note=message.by)
