"""Mistakes of the core: occurrences, attempts, snapshots, cancelled nodes."""

from typing import Any

import msgspec
import pytest

from everflow.core.combine.control import Retry
from everflow.core.entries import Entry
from everflow.core.frames import LoopFrame, RetryFrame
from everflow.core.machine import Machine
from everflow.core.refs import stored
from everflow.core.state import State
from everflow.core.stepping import DONE, Stepper
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft
from everflow.engine.cells.recorder import Recorder
from tests.simulator.planted import bug


@bug()
def a_question_s_occurrence_is_reused(patch: pytest.MonkeyPatch) -> None:
    """Every question of a tag is number one."""
    patch.setattr(Stepper, "occurrence", lambda self, tag: 1)


def _changed_when_read(patch: pytest.MonkeyPatch, change: Any) -> None:
    real = msgspec.json.Decoder(State).decode

    class Changing:
        def decode(self, text: str) -> State:
            state = real(text)
            change(state)
            return state

    patch.setattr("everflow.core.state._state_decoder", Changing())


@bug()
def a_snapshot_loses_the_attempt(patch: pytest.MonkeyPatch) -> None:
    """A retry begins to count anew after a snapshot."""

    def change(state: State) -> None:
        for frame in state.frames.values():
            if isinstance(frame, RetryFrame):
                frame.attempt = 1

    _changed_when_read(patch, change)


@bug()
def a_snapshot_loses_the_round(patch: pytest.MonkeyPatch) -> None:
    """A loop goes back to its first round after a snapshot."""

    def change(state: State) -> None:
        for frame in state.frames.values():
            if isinstance(frame, LoopFrame):
                frame.round = 1

    _changed_when_read(patch, change)


@bug(spawn=12, kill=6, retire=4)
def a_base_is_noted_at_the_wrong_seq(patch: pytest.MonkeyPatch) -> None:
    """A run's row names the entry before the snapshot as its base."""
    real = Recorder._rebase

    def rebase(self: Recorder, draft: Draft, cell: Cell) -> None:
        real(self, draft, cell)
        cell.row.base -= 1

    patch.setattr(Recorder, "_rebase", rebase)


@bug()
def a_cancelled_node_s_result_counts(patch: pytest.MonkeyPatch) -> None:
    """The late result of a node that was being stopped is taken for a result."""

    def result(self: Machine, entry: Entry) -> None:
        op = self._close_node(entry)
        if op is not None:
            self._work.append((DONE, op.parent, op.key, stored(entry.seq, entry.payload)))

    patch.setitem(Machine._REACTIONS, "result", result)


@bug()
def a_retry_gives_one_attempt_too_few(patch: pytest.MonkeyPatch) -> None:
    """The last attempt isn't made."""
    real = Retry.child_failed

    def child_failed(self: Retry, m: Any, frame: RetryFrame, key: str, error: Any) -> None:
        if frame.attempt >= self.most - 1:
            m.throw(frame, error)
        else:
            real(self, m, frame, key, error)

    patch.setattr(Retry, "child_failed", child_failed)
