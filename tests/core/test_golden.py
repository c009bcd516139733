"""Golden journals: runs of every release, which must replay for ever."""

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest

from everflow.core.definition import Definition, from_data
from everflow.core.entries import decode_body
from everflow.core.frames import AnyFrame
from everflow.core.journal import fold, outcome_text, read_outcome, restore, snapshot, take
from everflow.core.machine import Machine
from everflow.core.ops import Op
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.state import state_of
from everflow.errors import EverflowError
from tests.core.golden_flows import CORPUS, FOLDER, RELEASE, Golden, record, write_missing

PATHS = sorted(FOLDER.glob("*.json"))
GOLDENS = {path.stem: msgspec.json.decode(path.read_bytes(), type=Golden) for path in PATHS}
GOOD = {name: golden for name, golden in GOLDENS.items() if not golden.fails}
BAD = {name: golden for name, golden in GOLDENS.items() if golden.fails}


def program_of(golden: Golden) -> Program:
    """The program, with today's functions nowhere at hand."""
    return from_data(golden.definition, Registry())


def programs_of(golden: Golden) -> Callable[[str], Program]:
    """The programs by their hashes; a move to other settings stays with the same one."""
    found = {hash_: from_data(body, Registry()) for hash_, body in golden.definitions.items()}
    return lambda hash_: found.get(hash_) or program_of(golden)


@pytest.mark.parametrize("golden", GOLDENS.values(), ids=GOLDENS)
def test_a_golden_definition_is_still_what_it_was(golden: Golden) -> None:
    """The same text and the same hashes, so that runs stay pinned to it."""
    definition = Definition(program_of(golden))
    assert (definition.body, definition.hash) == (golden.definition, golden.hash)


@pytest.mark.parametrize("golden", GOOD.values(), ids=GOOD)
def test_a_golden_journal_still_replays(golden: Golden) -> None:
    """Each state on the way is the one of then, and so is the outcome (B080)."""
    program, programs = program_of(golden), programs_of(golden)
    for seq, state in enumerate(golden.states):
        machine = fold(program, golden.bodies[: seq + 1], programs)
        program_then = machine.program
        assert machine.state == restore(program_then, state)
        assert snapshot(machine) == snapshot(Machine(program_then, restore(program_then, state)))
    outcome = fold(program, golden.bodies, programs).outcome
    assert outcome is not None
    assert outcome == read_outcome(golden.outcome)


@pytest.mark.parametrize("golden", GOOD.values(), ids=GOOD)
def test_a_golden_snapshot_goes_on(golden: Golden) -> None:
    """From each state on, the rest of the entries leads to the same end (B081)."""
    program, programs = program_of(golden), programs_of(golden)
    for seq, state in enumerate(golden.states):
        program_then = fold(program, golden.bodies[: seq + 1], programs).program
        machine = Machine(program_then, restore(program_then, state))
        for body in golden.bodies[seq + 1 :]:
            take(machine, decode_body(body), programs)
        assert machine.outcome == read_outcome(golden.outcome)


@pytest.mark.parametrize("golden", BAD.values(), ids=BAD)
def test_a_journal_of_another_flow_fails(golden: Golden) -> None:
    """By the error's name, and with both sides (B045)."""
    with pytest.raises(EverflowError, match="doesn't fit the flow at entry 1") as caught:
        fold(program_of(golden), golden.bodies)
    assert caught.value.code == golden.fails


def test_every_frame_stands_in_a_golden_state() -> None:
    """And each op: one whose fields change unseen would strand the runs of a release."""
    states = [state_of(state) for golden in GOOD.values() for state in golden.states]
    frames = {type(frame) for state in states for frame in state.frames.values()}
    ops = {type(op) for state in states for op in state.ops.values()}
    assert {*get_args(AnyFrame), *get_args(Op)} - frames - ops == set()
    assert any(state.kept for state in states)
    assert any(state.sections for state in states)


def test_this_release_has_its_golden_journals() -> None:
    """All of the corpus is there, and writing what is missing writes nothing."""
    assert {f"{RELEASE}_{name}" for name in CORPUS} | {f"{RELEASE}_other_order"} == set(GOLDENS)
    assert write_missing() == []


@pytest.mark.parametrize("name", CORPUS)
def test_today_still_writes_what_was_written(name: str) -> None:
    """The same flow, driven in the same way, gives the same entries and outcome."""
    today, then = record(*CORPUS[name]), GOLDENS[f"{RELEASE}_{name}"]
    assert today.outcome == then.outcome
    assert today.bodies == then.bodies
    assert outcome_text(read_outcome(then.outcome)) == then.outcome
