"""Dependencies: what the application provides and nodes need, opened and closed once a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from everflow.core.flow import Flow
from everflow.core.node import Node, Place
from everflow.core.program import Program
from everflow.core.writes import AsyncTransaction, Settles, Transaction, Writes
from everflow.engine.given.reachable import is_reachable
from everflow.errors import ConfigurationError, MissingDependency, UnresolvedName
from everflow.store import Store, Transacting
from everflow.stores.layer import innermost

__all__ = ["check_needs", "needs_in", "needs_of", "offered", "open_all", "require_node"]

Need = tuple[str, Node[Any, Any]]  # the position of a node that needs something, and the node


def needs_in(program: Program) -> tuple[Need, ...]:
    """The nodes that need something, with their positions."""
    found = ((site.position, site.flow) for site in program.sites.values())
    return tuple((at, flow) for at, flow in found if isinstance(flow, Node) and flow.dependencies)


def needs_of(flow: Flow[Any, Any], name: str) -> tuple[Need, ...]:
    """The same of a flow."""
    return needs_in(Program(flow, name))


def check_needs(needs: Iterable[Need], provide: Mapping[type[Any], Any]) -> None:
    """Every need of every node is provided; MissingDependency names the node and the type.

    What a node with ``process=True`` needs is made by a function or class that its process finds.
    """
    for position, node in needs:
        for name, kind in node.dependencies.items():
            if kind not in provide and kind is not Writes:
                raise MissingDependency(
                    f"the node {node.name} needs {name}: {kind.__name__}, and nobody provides it",
                    position=position,
                    hint=_ways_to(kind),
                )
            if node.leaf.place == Place.PROCESS:
                _check_maker(node.name, kind, provide[kind])


def require_node(node: Node[Any, Any], given: Mapping[type[Any], Any]) -> None:
    """A node that a body awaits is here with what it needs; UnresolvedName says what is missing."""
    if node.fn is None:
        raise UnresolvedName(
            f"no module imported here has {node.name}, which a body awaits",
            hint="import the module that defines it; the run goes on where it is",
        )
    for name, kind in node.dependencies.items():
        if kind not in given:
            raise UnresolvedName(
                f"the node {node.name} needs {name}: {kind.__name__}, and nobody provides it",
                hint=_ways_to(kind),
            )


def _ways_to(kind: type[Any]) -> str:
    if issubclass(kind, Settles):
        return "only a store in PostgreSQL has it; need(Writes) is there on every store"
    return f"Engine(store, provide={{{kind.__name__}: make_it}})"


def _check_maker(node: str, kind: type[Any], maker: object) -> None:
    for thing, what in ((kind, "the type"), (maker, "its maker")):
        if not is_reachable(thing):
            raise ConfigurationError(
                f"{node} is run in a process of its own, which must make the {kind.__name__} that"
                f" it needs, and can't find {what} {thing!r:.80} by module and name",
                hint="provide a function or class from the top of a module: no lambda, no object",
            )


def offered(store: Store) -> dict[type[Any], Any]:
    """What a store itself provides to nodes."""
    own = isinstance(innermost(store), Transacting)
    return {kind: kind for kind in (Transaction, AsyncTransaction) if own}


def open_all(provide: Mapping[type[Any], Any], stack: ExitStack) -> dict[type[Any], Any]:
    """Make what is provided. A maker is called; a context manager is entered, and left at the end.

    What is an instance of the type already stands for itself.
    """
    made: dict[type[Any], Any] = {Writes: Writes}
    for kind, maker in provide.items():
        if maker is kind and issubclass(kind, Settles):  # each attempt gets one of its own
            made[kind] = kind
            continue
        try:
            value = maker if isinstance(maker, kind) or not callable(maker) else maker()
        except Exception as error:
            raise ConfigurationError(
                f"the maker of {kind.__name__} failed: {type(error).__name__}: {error}"
            ) from error
        if isinstance(value, AbstractContextManager) and not isinstance(value, kind):
            value = stack.enter_context(value)
        made[kind] = value
    return made
