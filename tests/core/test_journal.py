"""The journal's two ends: folding entries, writing bases, and reading what was written."""

import msgspec
import pytest

from everflow.core.algebra import const, suspend
from everflow.core.combine.control import retry
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import sequence
from everflow.core.definition import Definition
from everflow.core.entries import Kind, body_of, decode_body, row_of
from everflow.core.journal import (
    base_entry,
    fold,
    outcome_text,
    outweighs,
    read_outcome,
    restore,
    snapshot,
)
from everflow.core.machine import Machine
from everflow.core.node import node
from everflow.core.program import Program
from everflow.core.refs import Literal
from everflow.core.state import Cancelled, Done, Failed
from everflow.errors import (
    EverflowError,
    JournalMismatch,
    StoreDamaged,
    UnknownFrame,
    UnresolvedName,
)
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, first, second

FLOW = sequence(retry(2, first), suspend("x"), parallel(first, second))


def halfway() -> Driver:
    """A run that waits for an answer."""
    return Driver(FLOW).start("x" * 99).error("first").result("first", "y" * 99)


def test_a_fold_of_nothing_is_a_run_that_has_not_begun() -> None:
    """No entry, no command, no outcome."""
    machine = fold(Program(FLOW), [])
    assert (machine.seq, machine.commands(), machine.outcome) == (-1, [], None)


def test_a_base_shortens_the_fold_and_changes_nothing() -> None:
    """The state after it is the same as from the start (B052)."""
    driver = halfway()
    base = base_entry(driver.machine, driver.now)
    driver.tell(base.kind, payload=base.payload)
    driver.answer("x", 1)
    long = fold(Program(FLOW), driver.bodies)
    short = fold(Program(FLOW), driver.bodies[base.seq :])
    assert snapshot(short) == snapshot(long) == snapshot(driver.machine)


def test_a_base_names_the_definition_in_force() -> None:
    """So that a fold from it begins under those settings."""
    driver = halfway()
    hashed = Definition(driver.program).hash
    base = base_entry(driver.machine, driver.now, hashed)
    driver.tell(base.kind, payload=base.payload, note=base.note)
    asked = []

    def program_of(name: str) -> Program:
        asked.append(name)
        return Program(FLOW)

    fold(Program(node(first)), driver.bodies[base.seq :], program_of)
    assert asked == [hashed]


def test_a_base_that_does_not_follow_its_state_is_refused() -> None:
    """Its seq is one more than its state's."""
    driver = halfway()
    base = base_entry(driver.machine, driver.now)
    base.seq += 1
    with pytest.raises(JournalMismatch):
        fold(Program(FLOW), [body_of(base)])


def test_a_run_moves_to_other_settings_of_its_shape() -> None:
    """A changed retry count holds from the entry on that says so."""
    driver = Driver(retry(2, first)).start(1).move(retry(3, first))
    driver.error("first").error("first").restart()
    assert [op.id for op in driver.nodes()] == [".!3/body"]
    assert driver.error("first").failure().message == "it broke"


def test_a_move_needs_the_program_and_its_shape() -> None:
    """A shape without the run's position is refused, and so is an unknown hash."""
    driver = Driver(sequence(first, second)).start(1)
    with pytest.raises(UnresolvedName):
        driver.move(sequence(node(first).named("one"), second))
    with pytest.raises(
        JournalMismatch, match="stands in a sequence, where the flow has a parallel"
    ):
        driver.move(parallel(first, second))
    driver.move(sequence(first, second))
    with pytest.raises(UnresolvedName, match="isn't at hand"):
        fold(Program(sequence(first, second)), driver.bodies)


def test_an_unknown_frame_blocks_the_run() -> None:
    """It isn't guessed at; the error says that nothing is lost."""
    payload = snapshot(halfway().machine)
    for unknown in (
        payload.replace('"sequence/1"', '"sequence/2"'),
        payload.replace('"type":"question"', '"type":"signal"'),
        payload.replace('"version":1', '"version":2'),
        payload.replace('"seq":2', '"seq":"2"'),
        "{}",
    ):
        assert unknown != payload
        with pytest.raises(UnknownFrame) as caught:
            restore(Program(FLOW), unknown)
        assert isinstance(caught.value, EverflowError)
        assert caught.value.code == "unknown_frame"
        assert "loses nothing" in caught.value.hint


def test_a_snapshot_that_is_none_is_damage() -> None:
    """As is an entry that can't be read."""
    for text in ("", "{", '{"version":1,"early":' + "[" * 100_000):
        with pytest.raises(StoreDamaged):
            restore(Program(FLOW), text)
    for body in ("", "[]", '[0,1,"start","","1","",null]'):
        with pytest.raises(StoreDamaged, match="an entry"):
            fold(Program(FLOW), [body])


def test_a_snapshot_of_another_flow_is_refused() -> None:
    """Each position must be there, and be of its kind (B045)."""
    payload = snapshot(halfway().machine)
    assert restore(Program(FLOW), payload) == halfway().machine.state
    with pytest.raises(JournalMismatch):
        restore(Program(parallel(first, second)), payload)
    inside = snapshot(Driver(sequence(retry(2, first), second)).start(1).machine)
    with pytest.raises(UnresolvedName, match="no such position"):
        restore(Program(node(second).named("x") >> first), inside)
    nothing_above = msgspec.json.decode(payload)
    nothing_above["frames"] = {}
    with pytest.raises(UnresolvedName, match="no such position"):
        restore(Program(node(first)), msgspec.json.encode(nothing_above).decode())


def test_a_base_is_due_when_the_entries_outweigh_the_state() -> None:
    """Small journals never need one."""
    assert not outweighs(4_096, 0)
    assert outweighs(4_097, 0)
    assert not outweighs(50_000, 50_000)
    assert outweighs(50_001, 50_000)


def test_bases_of_a_wide_parallel_take_no_more_than_its_entries() -> None:
    """Written by the rule they aren't quadratic."""
    width = 500
    driver = Driver(parallel(*[first] * width), shadow=False).start("x" * 99)
    since = state = bases = entries = 0
    for n in range(width - 1):
        driver.result(f"./{n}", "y" * 99)
        since += len(driver.bodies[-1])
        entries += len(driver.bodies[-1])
        if outweighs(since, state):
            state = len(snapshot(driver.machine))
            bases += state
            since = 0
    assert bases < 3 * entries


def test_outcomes_are_written_and_read() -> None:
    """Each as an object with its kind."""
    done = Driver(const(5)).start(1).outcome
    failed = Driver(node(broken)).start(1).run().outcome
    assert done == Done(Literal("5"))
    assert outcome_text(Done(Literal("5"))) == '{"kind":"done","value":["l","5"]}'
    assert outcome_text(Cancelled()) == '{"kind":"cancelled"}'
    assert isinstance(failed, Failed)
    for outcome in (Done(Literal("5")), failed, Cancelled()):
        assert read_outcome(outcome_text(outcome)) == outcome
    with pytest.raises(StoreDamaged):
        read_outcome('{"kind":"lost"}')


def test_an_entry_is_one_array_and_a_row_has_its_checksum() -> None:
    """What is written comes back, notes and tags of any text too."""
    driver = Driver(sequence(first, suspend("ümlaut"))).start({"a": 'q"\\'})
    driver.early("ümlaut", None).result("first", 1, ticks=3)
    assert [body_of(decode_body(body)) for body in driver.bodies] == driver.bodies
    entry = decode_body(driver.bodies[0])
    assert (entry.kind, entry.note, entry.input) == (Kind.START, "run", None)
    no, seq, body, checksum = row_of(7, entry)
    assert (no, seq, body) == (7, 0, driver.bodies[0])
    assert checksum == 0xFFFFFFFF & checksum
    with pytest.raises(UnknownFrame, match="format 9"):
        decode_body('[0,1,"start","",1,"",null,0,"",9]')


def test_a_machine_goes_on_from_a_restored_state() -> None:
    """Commands, outcome and time are those of the one that was written down (B080)."""
    driver = halfway()
    program = Program(FLOW)
    again = Machine(program, restore(program, snapshot(driver.machine)))
    assert again.commands() == driver.commands()
    assert (again.seq, again.now, again.run) == (2, driver.now, "run")
