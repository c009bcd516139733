"""The journal's two ends: entries folded into a machine, and a machine written down as a base.

Two rules hold here. The state after a fold is the same whether it begins at the start or at a base:
a base only shortens the way. What a snapshot holds and this release doesn't know is never guessed
at: the run is blocked until code is there that does.

A base is an entry too. Its payload is the state after the entry before it, and its note the hash of
the definition in force then, where that has one. The entry that opens a run's next generation is a
base as well: what was told before it is behind the run for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from everflow.core.entries import Entry, Kind, decode_body
from everflow.core.machine import Machine
from everflow.core.mounting import sites_of
from everflow.core.ops import CallOp, NodeOp
from everflow.core.program import Program
from everflow.core.state import Outcome, State, state_of
from everflow.errors import JournalMismatch, StoreDamaged, UnresolvedName

__all__ = [
    "BASES",
    "MOVES",
    "base_entry",
    "fold",
    "in_force",
    "outcome_text",
    "outweighs",
    "read_outcome",
    "restore",
    "snapshot",
    "state_text",
    "take",
]

ProgramOf = Callable[[str], Program]
BASES = frozenset({Kind.BASE, Kind.RETRIED})  # a fold may begin at one of these
MOVES = frozenset({Kind.MOVED, Kind.UPGRADED})  # their notes are definitions
FLOOR = 4_096  # bytes of entries that are read faster than a snapshot is written


_state_encoder = msgspec.json.Encoder()
_outcome_decoder: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)


def fold(program: Program, bodies: Iterable[str], program_of: ProgramOf | None = None) -> Machine:
    """The machine after these entries: all of a run's, or those from a base on.

    ``program`` is the one in force at the first of them. ``program_of`` gives the program of a
    definition's hash and is needed where the run moved to another. Raises JournalMismatch
    where an entry doesn't belong, UnknownFrame and UnresolvedName where code is missing.
    """
    machine: Machine | None = None
    for body in bodies:
        entry = _entry(body)
        if machine is None:
            machine, entry = _begun(program, entry, program_of)
        take(machine, entry, program_of)
    return machine if machine is not None else Machine(program)


def _begun(program: Program, entry: Entry, program_of: ProgramOf | None) -> tuple[Machine, Entry]:
    """The machine that the first entry at hand is told to, and how that is told."""
    if entry.kind not in BASES or entry.seq == 0:
        return Machine(program), entry
    hash_ = in_force(entry)
    if hash_ and program_of is not None:
        program = program_of(hash_)
    machine = Machine(program, restore(program, entry.payload))
    return machine, msgspec.structs.replace(entry, kind=Kind.BASE)


def in_force(entry: Entry) -> str:
    """The hash of the definition under which a fold that begins at the entry begins."""
    return entry.note if entry.kind == Kind.BASE else entry.node


def take(machine: Machine, entry: Entry, program_of: ProgramOf | None = None) -> None:
    """Tell the machine an entry, and move it where the entry says so."""
    if entry.kind == Kind.RETRIED:
        restore(machine.program, entry.payload)
    if entry.kind not in MOVES:
        machine.tell(entry)
        return
    if program_of is None:
        raise UnresolvedName(f"the run moved to the definition {entry.note}, which isn't at hand")
    program = program_of(entry.note)
    if entry.kind == Kind.MOVED:  # before anything changes; an upgrade moves positions first
        _check_fit(program, machine.state)
    machine.tell(entry)
    _check_fit(program, machine.state)
    machine.move(program)


def _entry(body: str) -> Entry:
    try:
        return decode_body(body)
    except ValueError as error:
        raise StoreDamaged(f"an entry of the journal can't be read: {error}") from error


def snapshot(machine: Machine) -> str:
    """The machine's state as the payload of a base."""
    return state_text(machine.state)


def state_text(state: State) -> str:
    """A state as the payload of a base; ``state_of`` reads it."""
    return _state_encoder.encode(state).decode()


def base_entry(machine: Machine, at: int, definition: str = "") -> Entry:
    """The entry that makes the present state the base; it is to be told like any other."""
    return Entry(machine.seq + 1, at, Kind.BASE, payload=snapshot(machine), note=definition)


def restore(program: Program, payload: str) -> State:
    """The state of a snapshot, checked against the program.

    Raises what ``state_of`` does, and UnresolvedName and JournalMismatch where the program lacks
    what the run stands on.
    """
    state = state_of(payload)
    _check_fit(program, state)
    return state


def _check_fit(program: Program, state: State) -> None:
    """Every frame and op stands on a position of the program, each frame on one of its kind.

    What a body awaited and was cancelled with it may still be stopping where nothing is any more.
    """
    sites = sites_of(program, state)
    for frame in state.frames.values():
        site = sites.get(frame.position)
        if site is None:
            raise _no_position(frame.position)
        kind = str(frame.__struct_config__.tag).partition("/")[0]
        if site.flow.kind != kind:
            raise JournalMismatch(
                f"the run stands in a {kind}, where the flow has a {site.flow.kind}",
                position=frame.position,
            )
    for op in state.ops.values():
        stops = isinstance(op, NodeOp | CallOp) and op.stopping and program.bodies
        if op.position not in sites and not stops:
            raise _no_position(op.position)


def _no_position(position: str) -> UnresolvedName:
    return UnresolvedName("the flow has no such position, where the run stands", position=position)


def outweighs(entries: int, state: int) -> bool:
    """Whether a base is due: the entries since the last one outweigh it (both in bytes).

    A base at each rest point would be quadratic for a wide ``parallel``; by this rule all bases
    of a run together take no more than its entries do.
    """
    return entries > max(state, FLOOR)


def outcome_text(outcome: Outcome) -> str:
    """How a run ended, for its row: ``{"kind":"done","value":REF}``, or failed, or cancelled."""
    return _state_encoder.encode(outcome).decode()


def read_outcome(text: str) -> Outcome:
    """The outcome of a text that ``outcome_text`` gave; StoreDamaged for any other."""
    try:
        return _outcome_decoder.decode(text)
    except ValueError as error:
        raise StoreDamaged(f"a run's outcome can't be read: {error}") from error
