"""The shadow: what must be true of a machine whenever it is at rest. It only asserts.

Each claim is a sentence about plain state, none of them changes anything, and a flow that a user
wrote can't break any: a broken claim is a defect of the core, named by the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from everflow.core.frames import AnyFrame, CriticalFrame, holds_budget, outlives
from everflow.core.journal import fold, restore, snapshot
from everflow.core.machine import Machine
from everflow.core.ops import CallOp, NodeOp, Op, QuestionOp, position_of
from everflow.core.program import Program
from everflow.core.state import State, live_seqs

__all__ = ["check", "check_fold"]

_STEP = r"(?:[^/~!@]+|@[a-z]+)"
_OP = re.compile(rf"\.(?:[~!]\d+)*(?:/{_STEP}(?:[~!]\d+)*)*(?:@\d+)?")


def _claim(holds: bool, sentence: str, where: object = "") -> None:  # noqa: FBT001 - a claim reads best that way
    if not holds:
        raise AssertionError(f"{sentence}: {where}" if where else sentence)


def check(machine: Machine) -> None:
    """Assert everything that holds of one machine at rest."""
    state = machine.state
    _check_frames(machine)
    for name, op in state.ops.items():
        _claim(op.id == name, "an op stands under its id", op)
        _check_op(machine, op)
    _check_sections(machine)
    _check_ends(state)
    _check_last(machine)
    _check_snapshot(machine)


def _check_frames(machine: Machine) -> None:
    state = machine.state
    for path, frame in state.frames.items():
        _claim(frame.path == path, "a frame stands under its path", frame)
        _claim(position_of(path) == frame.position, "a path tells the position", frame)
        parent = state.frames.get(frame.parent)
        if parent is None:
            _claim(not frame.parent, "a frame's parent exists", frame)
        else:
            site = machine.sites[parent.position]
            known = site.flow.kid(machine.sites, site, frame.key) is not None
            _claim(known, "a parent knows its child by the key", frame)
        _check_closing(state, frame)
    held = sum(map(holds_budget, state.frames.values()))
    _claim(state.budgets == held, "budgets are counted as often as frames hold one", held)


def _check_closing(state: State, frame: AnyFrame) -> None:
    for name in getattr(frame, "closing", ()):
        op, lasting = state.ops.get(name), state.frames.get(name)
        stops = isinstance(op, NodeOp | CallOp) and op.stopping and op.parent == frame.path
        ends = lasting is not None and outlives(lasting) and lasting.parent == frame.path
        _claim(stops or ends, "what a frame waits for is being closed, and told to it", name)
    if outlives(frame) and frame.cancelled and frame.parent:
        waits = frame.path in getattr(state.frames[frame.parent], "closing", ())
        _claim(waits, "a cancelled frame that ends by itself is waited for", frame)


def _check_sections(machine: Machine) -> None:
    """One frame is in each critical section, and all that are at one stand in its line."""
    state = machine.state
    lines = dict(state.sections or {})
    _claim(all(lines.values()), "a section is known while somebody is at it", lines)
    for name, line in lines.items():
        for place, path in enumerate(line):
            frame = state.frames.get(path)
            known = isinstance(frame, CriticalFrame) and (frame.input is None) == (place == 0)
            _claim(known, "the first in the line of a section is in it, and no other", (name, path))
    at = [path for line in lines.values() for path in line]
    frames = [path for path, frame in state.frames.items() if isinstance(frame, CriticalFrame)]
    _claim(sorted(at) == sorted(frames), "who is at a section stands in its line once", at)


def _check_op(machine: Machine, op: Op) -> None:
    state = machine.state
    _claim(_OP.fullmatch(op.id) is not None, "an op's id is a path", op.id)
    _claim(
        op.position in machine.sites or _left(machine, op), "an op's position is in the flow", op
    )
    own = position_of(op.id).partition("/@")[0]
    _claim(own == op.position, "an op's id tells its position", op)
    _claim(op.since <= state.seq, "an op waits for a seq that was told", op)
    parent = state.frames.get(op.parent)
    _claim(not op.parent or parent is not None, "an op's parent exists", op)
    if isinstance(op, NodeOp | CallOp) and op.stopping and parent is not None:
        _claim(op.id in getattr(parent, "closing", ()), "a frame waits for what it stops", op)
    if isinstance(op, NodeOp):
        asks = [o for o in state.ops.values() if isinstance(o, QuestionOp) and o.asker == op.id]
        _claim(len(asks) == int(op.asking), "a node that asks has one question", op)
    elif isinstance(op, QuestionOp) and op.asker:
        asker = state.ops.get(op.asker)
        _claim(isinstance(asker, NodeOp) and asker.asking, "a node's question has its node", op)


def _left(machine: Machine, op: Op) -> bool:
    """Whether the op was awaited by a body that is gone, and is still to be stopped."""
    return machine.program.bodies and isinstance(op, NodeOp | CallOp) and op.stopping


def _check_ends(state: State) -> None:
    if state.outcome is not None:
        _claim(not state.ops, "nothing is outstanding once there is an outcome", list(state.ops))
        _claim(not state.frames, "no frame is left once there is an outcome", list(state.frames))
    elif state.seq >= 0:
        _claim(bool(state.ops), "a run that isn't finished waits for something")
    _claim(
        all(seq <= state.seq for seq in live_seqs(state)), "refs point at entries that were told"
    )


def _check_last(machine: Machine) -> None:
    ops = machine.state.ops
    for op in machine.opened:
        _claim(ops.get(op.id) is op, "what was opened is outstanding", op)
    for op in machine.closed:
        _claim(op.id not in ops, "what was closed isn't outstanding", op)


def _check_snapshot(machine: Machine) -> None:
    text = snapshot(machine)
    again = Machine(machine.program, restore(machine.program, text))
    _claim(again.state == machine.state, "a snapshot gives the same state", text)
    _claim(snapshot(again) == text, "a snapshot gives the same text", text)
    _claim(again.commands() == machine.commands(), "a snapshot gives the same commands", text)
    _claim(
        (again.seq, again.now, again.run) == (machine.seq, machine.now, machine.run),
        "a snapshot stands where the machine stands",
    )


def check_fold(
    machine: Machine,
    program: Program,
    bodies: Iterable[str],
    program_of: Callable[[str], Program] | None = None,
) -> None:
    """Assert that folding the entries gives the machine's state and commands."""
    folded = fold(program, bodies, program_of)
    _claim(snapshot(folded) == snapshot(machine), "the fold of the entries is the state")
    _claim(folded.commands() == machine.commands(), "the fold asks for the same")
