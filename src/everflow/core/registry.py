"""The registry: what names mean in this process. Flows, nodes and value types, each by its name.

There is a default one, filled by ``flow(...)`` and by decorating; an engine can be given another,
so that two engines in one process can be two instances. A second object under a taken name is
refused, except that a module may be loaded again and that the newest definition of a flow serves
new starts.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from everflow.core.faults import Caught, ErrorData, Failure, Question, Scheduled, Settled
from everflow.core.flow import Flow
from everflow.core.naming import module_name
from everflow.core.node import Leaf, Node, node_of
from everflow.core.program import Program
from everflow.core.types import Types
from everflow.errors import NameTaken, NoSuchFlow, WrongArgument

__all__ = ["Registry", "default_registry"]

T = TypeVar("T")


class Registry:
    """Flows, nodes and types by name; of each flow the newest."""

    def __init__(self) -> None:
        self.types = Types()
        self.flows: dict[str, Flow[Any, Any]] = {}
        self.nodes: dict[str, Node[Any, Any]] = {}
        self.exposed: set[str] = set()  # names of flows that peers may be allowed to call
        self.version = 0  # grows with what is registered
        self._homes: dict[str, str] = {}
        self._found: dict[tuple[str, object], tuple[Flow[Any, Any], Any]] = {}
        for kind, name in (
            (ErrorData, "Error"),
            (Caught, "Caught"),
            (Failure, "Failure"),
            (Question, "Question"),
            (Scheduled, "Scheduled"),
            (Settled, "Settled"),
        ):
            self.types.add(kind, name)

    def add_flow(self, name: str, flow: Flow[Any, Any], home: str) -> None:
        """Register a flow and everything in it. ``home`` is the module that defines it."""
        known = self._homes.get(name)
        if known is not None and known != home:
            raise NameTaken(
                f"a flow named {name!r} is defined in {known} already",
                hint=f"give the flow in {home} another name",
            )
        if any(site.flow.kind == "step" for site in Program(flow).sites.values()):
            raise WrongArgument(
                "step(...) gives a value to what a body awaits, and this flow is no body",
                hint="in a flow write const(value) >> f, or bind(node, parameter=value)",
            )
        self.add_parts(flow)
        self._homes[name] = home
        self.flows[name] = flow
        self.version += 1

    def add_parts(self, flow: Flow[Any, Any]) -> None:
        """Register the nodes of a flow and the types that their annotations name.

        WrongArgument for a node with a parameter that nobody will give it.
        """
        for site in Program(flow).sites.values():
            inner = site.flow
            if isinstance(inner, Node) and inner.fn is not None:
                inner.require_arguments()
                self.add_node(inner)
            record = getattr(inner, "record", None)
            if record is not None:
                self.types.add(record)
            self.types.add_from(getattr(inner, "answers", None))
            for kind in getattr(inner, "asked", {}).values():
                self.types.add_from(kind)

    def add_node(self, node: Node[Any, Any]) -> None:
        """Register a node under its canonical name, and the types that it takes and gives."""
        name = node.name
        known = self.nodes.get(name)
        if known is not None and not _same(known.leaf, node.leaf):
            raise NameTaken(
                f"two functions are named {name!r}",
                hint='give one of them a name of its own: node(fn, name="...")',
            )
        if known is not None and known.leaf is node.leaf:
            return
        self.nodes[name] = node
        for annotation in node.leaf.hints.values():
            self.types.add_from(annotation)
        self.version += 1

    def flow(self, name: str) -> Flow[Any, Any]:
        """The newest flow of that name; NoSuchFlow lists those that there are."""
        try:
            return self.flows[name]
        except KeyError:
            known = ", ".join(sorted(self.flows)[:20]) or "none"
            raise NoSuchFlow(
                f"no flow named {name!r:.80} is known here; known are: {known}",
                hint="import the module that defines it, or name it as FILE.py:flow",
            ) from None

    def once(self, name: str, find: Callable[[Flow[Any, Any], str], T]) -> T:
        """What ``find`` tells of the flow of that name: asked once, and anew for a newer flow.

        It must follow from the flow and the name alone. So engines that are made one after the
        other, as tests make them, don't lay out anew what didn't change.
        """
        flow = self.flow(name)
        known = self._found.get((name, find))
        if known is None or known[0] is not flow:
            known = self._found[name, find] = flow, find(flow, name)
        found: T = known[1]
        return found

    def node(self, name: str) -> Node[Any, Any]:
        """The node of a canonical name, or one without a function."""
        known = self.nodes.get(name)
        return known if known is not None else Node(Leaf(None, name))

    def awaited(self, name: str) -> Node[Any, Any]:
        """The same for a node that a body awaits, which no definition brings with it."""
        if name not in self.nodes and (found := imported(name)) is not None:
            self.add_node(found)
        return self.node(name)


def imported(name: str) -> Node[Any, Any] | None:
    """The node of a function at the top of a module that is imported already, by canonical name.

    What a body awaits isn't in any definition, so that a new process meets such a name before the
    body says it. Nothing is imported for it.
    """
    home, _, qualname = name.partition(":")
    module = sys.modules.get(home)
    if module is None and module_name("__main__") == home:
        module = sys.modules["__main__"]
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is None or not (isinstance(found, Node) or inspect.isfunction(found)):
        return None
    node = node_of(found)
    return node if node.name == name else None


def _same(a: Leaf, b: Leaf) -> bool:
    if a.fn is b.fn or a.fn is None or b.fn is None:
        return True
    return (a.fn.__module__, a.fn.__qualname__) == (b.fn.__module__, b.fn.__qualname__) and (
        "<locals>" not in a.fn.__qualname__ and "<lambda>" not in a.fn.__qualname__
    )


_default = Registry()


def default_registry() -> Registry:
    """The registry that ``flow`` fills unless it is given another."""
    return _default
