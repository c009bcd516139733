"""Nodes: the leaves of a flow, each a Python function under its canonical name.

Three rules hold here. A node's name, its bound parameters and whether it takes failures are part of
the definition; its function and its execution (thread, process, inline) are today's. Calling a node
calls the function, so that a node is as easy to test as the function was. A node that
a definition names and no module has is a node without a function: it can be drawn, not run.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypedDict, TypeVar, Unpack, overload

from everflow.core.advancing import advancing
from everflow.core.faults import make_error
from everflow.core.flow import Children, Flow, Moves, Names, Site, check_label
from everflow.core.naming import canonical_name, unnamed_reason
from everflow.core.ops import NodeOp
from everflow.core.refs import Ref, is_failure
from everflow.core.signature import Signature, hints, read_signature
from everflow.core.writes import settles_of
from everflow.errors import BodyMisuse, NotAFlow, UnhandledFailure, UnnamedLeaf, WrongArgument

__all__ = ["Dependencies", "Node", "Options", "Place", "bind", "node", "node_of"]

In = TypeVar("In")
Out = TypeVar("Out")
P = ParamSpec("P")
Dependencies = Mapping[str, type[Any]]
LONGEST_NAME = 300
_locals = count(1)


class Place:
    """Where a node is executed."""

    INLINE = "inline"
    THREAD = "thread"
    LOOP = "async"
    PROCESS = "process"


@dataclass(frozen=True)
class Options:
    """A node's own settings: how it is executed, and what surrounds it by default."""

    pure: bool = False
    inline: bool = False
    process: bool = False
    retry: int | None = None
    backoff: Any = None
    timeout: timedelta | None = None
    questions: int = 100


@dataclass(frozen=True, eq=False)
class Leaf:
    """The function behind a node and all that is read from it, shared by the node's copies."""

    fn: Callable[..., Any] | None
    name: str
    options: Options = field(default_factory=Options)
    failure: bool = False
    local: str = ""  # why another process can't find the function, as the end of a sentence
    settles: bool = False  # it writes to its own database in the transaction of its result

    @cached_property
    def signature(self) -> Signature:
        return read_signature(self.fn)

    @cached_property
    def hints(self) -> dict[str, Any]:
        return hints(self.fn) if self.fn is not None else {}

    @cached_property
    def place(self) -> str:
        if inspect.iscoroutinefunction(self.fn):
            return Place.LOOP
        if self.options.process:
            return Place.PROCESS
        return Place.INLINE if self.options.inline or self.options.pure else Place.THREAD


class Node(Flow[In, Out]):
    """A leaf: one function. Twin: an "activity" (Temporal), a "step" (DBOS)."""

    kind = "node"
    call: tuple[str, ...] | None = None  # the parameters that the value, a tuple, is for

    def __init__(self, leaf: Leaf, bound: Mapping[str, Any] | None = None) -> None:
        self.leaf = leaf
        self.bound = dict(bound or {})
        self.has_defaults = leaf.options.retry is not None or leaf.options.timeout is not None

    @property
    def name(self) -> str:
        """The canonical name; one that holds in this process alone where the function has none."""
        return self.leaf.name

    @property
    def fn(self) -> Callable[..., Any] | None:
        return self.leaf.fn

    @property
    def dependencies(self) -> Dependencies:
        return self.leaf.signature.needs if self.leaf.fn is not None else {}

    if TYPE_CHECKING:
        # Seen so, a node is a flow and a function of the same types, which is what lets mypy infer
        # them where either may stand. A thunk's node can be called without a value all the same.
        def __call__(self, value: In, /, *args: Any, **kwargs: Any) -> Out:
            """Call the function itself, outside of any run; an async one gives its coroutine."""
            ...
    else:

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Call the function itself, outside of any run; an async one gives its coroutine."""
            fn = self.require_fn()
            if advancing() is not None:
                raise BodyMisuse(
                    f"a body called {self.name} itself, so that its result wouldn't be recorded",
                    hint="await step(fn, ...); in a plain def body perform(step(fn, ...))",
                )
            return fn(*args, **{**self.bound, **kwargs})

    def require_arguments(self) -> None:
        """WrongArgument where a parameter is neither bound nor provided nor has a default."""
        given = {*self.bound, *(self.call or ())}
        missing = [name for name in self.leaf.signature.required if name not in given]
        if missing:
            raise WrongArgument(
                f"nothing gives {self.name or self.fn} its parameter {missing[0]!r}",
                hint=f"write bind(node, {missing[0]}=...), give it a default, or need(...)",
            )

    def require_name(self) -> str:
        """The name by which another process finds the function; UnnamedLeaf says how to get one."""
        if not self.leaf.local:
            return self.leaf.name
        raise UnnamedLeaf(
            f"the function {getattr(self.fn, '__qualname__', self.fn)!r} can't be found again by"
            f" another process: it {self.leaf.local}",
            hint="define it with def at the top of a module, or give it a name:"
            ' node(fn, name="..."); for a small expression use `it`, as in it["score"] >= 3',
        )

    def shape(self) -> dict[str, Any]:
        data: dict[str, Any] = {"node": self.leaf.name}
        if self.leaf.failure:
            data["failure"] = True
        if self.call is not None:
            data["call"] = list(self.call)
        return data

    def settings(self) -> dict[str, Any]:
        return {"bind": self.bound} if self.bound else {}

    @classmethod
    def build(
        cls,
        shape: Mapping[str, Any],
        settings: Mapping[str, Any],
        children: Children,
        names: Names,
    ) -> Flow[Any, Any]:
        found = names(shape["node"])
        leaf = found.leaf if isinstance(found, Node) else Leaf(None, shape["node"])
        pinned = replace(leaf, failure=bool(shape.get("failure")))
        made = cls(pinned, settings.get("bind")).bare()
        made.call = tuple(shape["call"]) if "call" in shape else None
        return made

    def bound_to(self, other: Node[Any, Any]) -> Node[Any, Any]:
        """The same use of the function of another node: as it is called and what is bound stay."""
        made = other.bare()
        made.bound, made.call = self.bound, self.call
        return made

    def require_fn(self) -> Callable[..., Any]:
        """The function; NotAFlow where there is none here."""
        if self.leaf.fn is None:
            raise NotAFlow(f"the node {self.name!r} has no function here")
        return self.leaf.fn

    def bare(self) -> Node[In, Out]:
        """The node without the defaults that stand around it in a definition."""
        copy = self.copied()
        copy.has_defaults = False
        return copy

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        leaf = self.leaf
        if not leaf.failure and is_failure(value):
            m.fail(parent, key, unhandled(leaf.name, site.position))
            return
        ticks = m.ticks_left(parent, key) if m.state.budgets else None
        m.open(NodeOp(path, site.position, parent, key, value, m.seq, leaf.name, ticks))

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        before, now = old.shape()["node"], self.leaf.name
        return "" if labelled or before == now else f"it was {before} and is {now} now"

    def refit_op(self, op: Any) -> None:
        op.node = self.leaf.name

    def __repr__(self) -> str:
        return f"<node {self.leaf.name or self.leaf.fn!r}>"


def unhandled(name: str, position: str) -> Any:
    return make_error(
        UnhandledFailure,
        f"a failure value reached {name}, whose parameter isn't annotated to take a Failure;"
        " put unless_failed(...) around it or branch on `failed` before it",
        position=position,
    )


def node_of(fn: Any, options: Options | None = None, name: str | None = None) -> Node[Any, Any]:
    """A node of a function; NotAFlow for anything that can't be one."""
    if isinstance(fn, Node):
        return fn
    if not callable(fn) or isinstance(fn, type):
        raise NotAFlow(
            f"{fn!r:.80} is neither a flow nor a function",
            hint="wrap a constant in const(value), and a class in a function that makes it",
        )
    if name is not None and (len(name) > LONGEST_NAME or '"' in name or "\\" in name):
        raise WrongArgument(f"{name!r:.80} can't name a node: too long, or it holds quotes")
    settings = options or Options()
    if inspect.iscoroutinefunction(fn) and (settings.pure or settings.inline or settings.process):
        raise WrongArgument(
            f"{getattr(fn, '__qualname__', fn)!r:.80} is async, so it runs on an event loop",
            hint="leave pure=, inline= and process= away, or make it a plain def",
        )
    given = check_label(name.replace(".", "_").replace(":", "_"), "name") and name if name else None
    signature = read_signature(fn)
    local = "" if given else unnamed_reason(fn) or ""
    unique = given or canonical_name(fn) or f"local {next(_locals)}"
    chosen = [name for name in ("pure", "inline", "process") if getattr(settings, name)]
    is_async = inspect.iscoroutinefunction(fn)
    called = getattr(fn, "__qualname__", unique)
    settles = settles_of(called, signature.needs.values(), chosen, is_async=is_async)
    return Node(Leaf(fn, unique, settings, signature.takes_failure, local, settles))


class Settings(TypedDict, total=False):
    """What ``node(...)`` can be told: a name, and the fields of ``Options``."""

    name: str | None
    pure: bool
    inline: bool
    process: bool
    retry: int | None
    backoff: Any
    timeout: timedelta | None
    questions: int


@overload
def node(fn: Callable[[], Awaitable[Out]], /, **settings: Unpack[Settings]) -> Node[Any, Out]: ...
@overload
def node(fn: Callable[[], Out], /, **settings: Unpack[Settings]) -> Node[Any, Out]: ...
@overload
def node(
    fn: Callable[Concatenate[In, P], Awaitable[Out]], /, **settings: Unpack[Settings]
) -> Node[In, Out]: ...
@overload
def node(
    fn: Callable[Concatenate[In, P], Out], /, **settings: Unpack[Settings]
) -> Node[In, Out]: ...
@overload
def node(**settings: Unpack[Settings]) -> NodeMaker: ...
def node(fn: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a node of a function: ``@node``, ``@node(retry=3)``, ``node(fn, name="...")``.

    ``pure``: the result depends on the input alone, so it is run in place and may be repeated.
    ``inline``: run on the scheduler's own thread; for what takes microseconds. ``process``: run in
    a process of its own, which can be killed. ``retry``, ``backoff``, ``timeout``: what
    ``retry(...)`` and ``timeout(...)`` around every use would say. ``questions``: how often it may
    ``wait_for``.
    """
    settings = Options(**options)
    if settings.process and (settings.pure or settings.inline):
        raise WrongArgument("a node is run either in a process of its own or in place, not both")
    if fn is not None:
        return node_of(fn, settings, name)
    return NodeMaker(settings, name)


class NodeMaker:
    """The decorator that ``node(...)`` with settings gives."""

    def __init__(self, options: Options, name: str | None) -> None:
        self._options = options
        self._name = name

    @overload
    def __call__(self, fn: Callable[[], Awaitable[Out]]) -> Node[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[], Out]) -> Node[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[In, P], Awaitable[Out]]) -> Node[In, Out]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[In, P], Out]) -> Node[In, Out]: ...
    def __call__(self, fn: Any) -> Any:
        return node_of(fn, self._options, self._name)


@overload
def bind(fn: Node[In, Out], **values: Any) -> Node[In, Out]: ...
@overload
def bind(fn: Callable[Concatenate[In, P], Awaitable[Out]], **values: Any) -> Node[In, Out]: ...
@overload
def bind(fn: Callable[Concatenate[In, P], Out], **values: Any) -> Node[In, Out]: ...
def bind(fn: Any, **values: Any) -> Node[Any, Any]:
    """Give a node's other parameters plain values, which become part of the definition."""
    inner = node_of(fn)
    unknown = sorted(set(values) - set(inner.leaf.signature.free))
    if unknown:
        free = ", ".join(inner.leaf.signature.free) or "none"
        raise WrongArgument(
            f"{inner.name or inner.fn} has no parameter {unknown[0]!r} to bind; it has: {free}"
        )
    bound = inner.copied()
    bound.bound = {**inner.bound, **values}
    return bound
