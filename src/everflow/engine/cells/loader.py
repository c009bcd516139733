"""The loader: from rows to cells.

A run is pinned to its shape. Where today's flow of that name has the same shape, the run goes on
with today's settings, and its journal says so; else with the definition that it was started with,
whose leaves are bound by name to today's functions. What can't be loaded is blocked
with a reason, and nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everflow.core.definition import Definition, from_data
from everflow.core.entries import decode_body
from everflow.core.flow import Flow
from everflow.core.frames import owes_undo
from everflow.core.journal import fold, in_force
from everflow.core.machine import Machine
from everflow.core.node import Node
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.changing import Changing
from everflow.engine.given.dependencies import check_needs, needs_in, require_node
from everflow.engine.records.erasures import require_open
from everflow.errors import (
    ConfigurationError,
    FlowError,
    KeyMissing,
    StoreDamaged,
    UnresolvedName,
)
from everflow.store import Arrival, Cancel, Loaded, RunRow, Settled, Store, UpgradeTo

__all__ = ["EVERY", "Blocked", "Definitions", "Fresh", "Loader", "lacks"]

EVERY = (1 << 63) - 1  # no message helps a run that can't be read


class Definitions:
    """The definitions that this engine knows: today's by flow, pinned ones by hash."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self.registry = registry
        self._today: dict[str, tuple[Flow[Any, Any], Definition]] = {}
        self._pinned: dict[str, Definition] = {}
        self.changing = Changing()

    def of_flow(self, name: str, flow: Flow[Any, Any]) -> Definition:
        """The definition of a flow as it is now."""
        known = self._today.get(name)
        if known is not None and known[0] is flow:
            return known[1]
        definition = Definition(Program(flow, name))
        self._today[name] = (flow, definition)
        return definition

    def today(self, name: str) -> Definition | None:
        """The newest definition of the flow of that name, if there is one here."""
        flow = self.registry.flows.get(name)
        return None if flow is None else self.of_flow(name, flow)

    def current(self, name: str, hash_: str) -> Definition:
        """The definition of that hash: today's where it is the same, else the one recorded."""
        today = self.today(name)
        return today if today is not None and today.hash == hash_ else self.pinned(hash_)

    def pinned(self, hash_: str) -> Definition:
        """The definition that a run was started with. UnresolvedName when it can't be read."""
        known = self._pinned.get(hash_)
        if known is None:
            body = self._store.definition(hash_)
            if body is None:
                raise StoreDamaged(f"the store has no definition {hash_}")
            known = self._pinned[hash_] = Definition(from_data(body, self.registry))
        return known

    def forget(self) -> None:
        """Bind names anew: modules were imported since."""
        self._pinned.clear()
        self.changing.forget()


@dataclass(frozen=True)
class Fresh:
    """A run that could be loaded. ``moved``: it is to go on with these settings.

    ``lacking``: why its code isn't here; it is to be cancelled, and the undos will wait.
    """

    cell: Cell
    arrivals: list[Arrival]
    moved: Definition | None
    lacking: str = ""

    @property
    def row(self) -> RunRow:
        """The run's row."""
        return self.cell.row


@dataclass(frozen=True)
class Blocked:
    """A run that can't go on here. ``missing``: no run of its definition can.

    ``seen``: the last message that it was tried with.
    """

    row: RunRow
    until: str
    reason: str
    missing: bool
    seen: int


def lacks(definition: Definition) -> UnresolvedName:
    """What is said where functions of a definition aren't here."""
    return UnresolvedName(
        f"no module imported here has {', '.join(definition.missing[:5])}",
        flow=definition.program.name,
        hint="import the module that defines it (--import FILE.py); the run goes on by itself then",
    )


class Loader:
    """Loads runs by their numbers."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        given: Mapping[type[Any], Any],
        cell: Callable[[RunRow, Definition, Machine], Cell] = Cell,
        shares: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._given = given
        self._cell = cell
        self._shares = shares  # definitions of which each worker does what it has the code for

    def load(self, nos: Sequence[int]) -> list[Fresh | Blocked]:
        """Load runs in one query; a damaged one among them doesn't keep the others."""
        try:
            return [self._one(loaded) for loaded in self._store.load(nos)]
        except StoreDamaged as error:
            if len(nos) == 1:
                rows = self._store.rows(nos)
                why = error.message
                return [Blocked(row, "store", why, missing=False, seen=EVERY) for row in rows]
            return [found for no in nos for found in self.load([no])]

    def _one(self, loaded: Loaded) -> Fresh | Blocked:
        row, seen = loaded.row, max([arrival.id for arrival in loaded.arrivals], default=0)
        loaded.arrivals.sort(key=lambda arrival: not isinstance(arrival.message, Settled))
        try:
            fresh = self._fold(loaded)
            if not fresh.lacking and (lack := self._lacks(fresh.cell.machine)):
                return Blocked(row, "code", lack, missing=False, seen=seen)
            fresh.cell.seen = seen
            return fresh
        except KeyMissing as error:  # this worker has no keys at all; another one may
            return Blocked(row, "store", str(error), missing=True, seen=seen)
        except UnresolvedName as error:
            return Blocked(row, "code", str(error), missing=not self._is_shared(row), seen=seen)
        except StoreDamaged as error:
            return Blocked(row, "store", str(error), missing=False, seen=seen)
        except FlowError as error:
            return Blocked(row, "code", str(error), missing=False, seen=seen)

    def _fold(self, loaded: Loaded) -> Fresh:
        row = loaded.row
        bodies = [body for _, _, body, _ in loaded.entries]
        first = decode_body(bodies[0])
        require_open(first)
        current = self._definitions.current(row.flow, row.definition)
        today = self._definitions.today(row.flow)
        settled = self._definitions.changing.settled(current, today) if today else None
        target = settled or current
        begun = in_force(first)

        def program_of(hash_: str) -> Program:
            return self._definitions.current(row.flow, hash_).program

        machine = fold(program_of(begun), bodies, program_of)
        cancelled = any(isinstance(arrival.message, Cancel) for arrival in loaded.arrivals)
        upgraded = any(isinstance(arrival.message, UpgradeTo) for arrival in loaded.arrivals)
        lacking = ""
        try:
            if cancelled or not upgraded:  # an upgrade leads to other code
                self._check_code(target, machine)
        except UnresolvedName as error:
            if not cancelled:
                raise
            if any(map(owes_undo, machine.state.frames.values())):
                lacking = str(error)
        moved = target if target.hash != row.definition else None
        cell = self._cell(row, current, machine)
        cell.lacking = bool(lacking)
        cell.grown = sum(len(body) for body in bodies[1:])
        if row.base:
            cell.base_size = len(bodies[0])
        return Fresh(cell, loaded.arrivals, moved, lacking)

    def _lacks(self, machine: Machine) -> str:
        """What isn't here of what the run's bodies await just now, as a sentence; else nothing."""
        for op in machine.state.ops.values():
            site = machine.sites.get(op.position)
            mounted = site is not machine.program.sites.get(op.position)
            if site is None or not mounted or not isinstance(site.flow, Node):
                continue
            node = self._definitions.registry.awaited(site.flow.name)
            try:
                require_node(node, self._given)
            except UnresolvedName as error:
                return str(error)
        return ""

    def _is_shared(self, row: RunRow) -> bool:
        """Whether some of a definition's functions are here, and others do the rest."""
        if not self._shares(row.definition):
            return False
        definition = self._definitions.current(row.flow, row.definition)
        return any(node.fn is not None for node in definition.nodes)

    def _check_code(self, definition: Definition, machine: Machine) -> None:
        """All functions and dependencies of a definition are here, else UnresolvedName.

        Of one that workers share, those of what is open now.
        """
        if definition.missing and not (self._shares(definition.hash) and _has_code(machine)):
            raise lacks(definition)
        try:
            check_needs(needs_in(definition.program), self._given)
        except ConfigurationError as error:
            raise UnresolvedName(
                error.message,
                flow=definition.program.name,
                position=error.position,
                hint=error.hint,
            ) from error


def _has_code(machine: Machine) -> bool:
    """Whether the functions of all that is open are here."""
    sites = [machine.sites.get(op.position) for op in machine.state.ops.values()]
    nodes = [site.flow for site in sites if site is not None and isinstance(site.flow, Node)]
    return all(node.fn is not None for node in nodes)
