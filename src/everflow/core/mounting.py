"""Mounts: flows that bodies await, laid out under the body's own position while they go on.

An awaited flow is named by a *note*, which stands in the entry that says so: ``=NAME`` for a plain
node, ``=NAME!first,second`` for one that gets a tuple of values for its parameters of those names,
and the text of a definition for any other flow. A note says all that the machine needs, so that a
fold needs neither code nor a store. The ``sign`` of a note leaves settings out: by it a replay
knows the flow again.
"""

from __future__ import annotations

from typing import Any

from everflow.core.combine.body import Body, Step
from everflow.core.definition import Definition, flow_of
from everflow.core.flow import Flow, Site
from everflow.core.frames import BodyFrame
from everflow.core.node import Leaf, Node
from everflow.core.ops import ROOT
from everflow.core.program import Program, lay_out
from everflow.core.state import State
from everflow.core.titles import side_of, title_of
from everflow.errors import UnresolvedName

__all__ = ["Mount", "mount", "note_of", "sites_of", "steps_in"]

MOST_MOUNTS = 256  # kept for each program
_LEAF = "="


class Mount:
    """A flow at its place under a body. ``plain``: it is given one value, rather than its steps.

    ``logged`` is how it stands in the body's log: by its sign, and for people by its title.
    ``learnt``: whoever runs it told its questions the types that the body's code gives them.
    """

    __slots__ = ("key", "learnt", "logged", "plain", "root", "sign", "sites")

    def __init__(self, note: str, position: str) -> None:
        flow, self.key, self.sign = _read(note)
        self.logged = self.sign if note.startswith(_LEAF) else f"{self.sign} {title_of(flow)}"
        self.sites = lay_out(flow, f"{position}/{self.key}")
        self.root = next(iter(self.sites.values()))
        steps = [site for site in self.sites.values() if isinstance(site.flow, Step)]
        for index, site in enumerate(steps):
            site.flow = site.flow.at(index)  # type: ignore[attr-defined]  # all of them are steps
        self.plain = not steps
        self.learnt = False

    @property
    def side(self) -> str:
        """What an error shows of it."""
        return side_of(self.sign, self.logged.partition(" ")[2])


def _read(note: str) -> tuple[Flow[Any, Any], str, str]:
    if note.startswith(_LEAF):
        name, called, call = note[1:].partition("!")
        node: Node[Any, Any] = Node(Leaf(None, name))
        if called:
            node.call = tuple(call.split(",")) if call else ()
        return node, name, note
    flow = flow_of(note, _nameless)
    sign = Definition(Program(flow)).shape_hash[:32]
    return flow, f"{flow.kind}-{sign[:12]}", sign


def _nameless(name: str) -> Node[Any, Any]:
    return Node(Leaf(None, name))


def note_of(flow: Flow[Any, Any]) -> tuple[str, str]:
    """The note of a flow that is awaited, and its sign."""
    if type(flow) is Node and not (flow.has_defaults or flow.bound or flow.leaf.failure):
        note = _LEAF + flow.leaf.name
        if flow.call is not None:
            note += f"!{','.join(flow.call)}"
        return note, note
    definition = Definition(Program(flow))
    return definition.body, definition.shape_hash[:32]


def steps_in(flow: Flow[Any, Any]) -> list[Step[Any]]:
    """The steps in a flow, in the order in which their values are given."""
    sites = lay_out(flow, ROOT).values()
    return [site.flow for site in sites if isinstance(site.flow, Step)]


def mount(program: Program, position: str, note: str) -> Mount:
    """What is awaited under the body at a position. UnresolvedName for what can't be read."""
    mounts = program.mounts
    found = mounts.get((position, note))
    if found is None:
        if len(mounts) >= MOST_MOUNTS:
            mounts.clear()
        found = mounts[position, note] = Mount(note, position)
    return found


def sites_of(program: Program, state: State) -> dict[str, Site]:
    """All positions on which a run may stand: those of its flow, and of what its bodies await."""
    if not program.bodies:
        return program.sites
    sites = dict(program.sites)
    for kept in (state.kept or {}).values():
        sites.update(mount(program, kept.position, kept.awaited).sites)
    for frame in state.frames.values():
        if not isinstance(frame, BodyFrame):
            continue
        site = sites.get(frame.position)
        if site is None or not isinstance(site.flow, Body):
            raise UnresolvedName(
                "the flow has no body at this position, where the run stands in one",
                position=frame.position,
            )
        if frame.awaited:
            sites.update(mount(program, frame.position, frame.awaited).sites)
    return sites
