"""The algebra as users write it: constructors that need more than their own class.

Here the operators of ``Flow`` are tied to the classes that they make, and what encodes a value into
a definition (``const``, ``fail``, a default answer) meets the default registry's types.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeVar, overload

from everflow.core.combine import sequence as sequences
from everflow.core.combine.body import Step, body_of
from everflow.core.combine.call import make_call
from everflow.core.combine.control import retry, timeout
from everflow.core.combine.failure import make_fail
from everflow.core.combine.sequence import keep, sequence
from everflow.core.combine.signals import make_receive
from everflow.core.combine.waiting import MISSING, make_ask, make_suspend
from everflow.core.encoding import encode
from everflow.core.faults import Failure, Question
from everflow.core.flow import Flow, FlowLike, Keeping, check_label, lift, set_composition
from everflow.core.naming import module_name
from everflow.core.node import Node, node_of
from everflow.core.queueing import check_queue
from everflow.core.registry import Registry, default_registry
from everflow.core.schemas import schema_of
from everflow.core.upcasts import FIRST, add_step, declare
from everflow.errors import NotAFlow, WrongArgument

__all__ = ["ask", "call", "const", "expose", "fail", "flow", "receive", "suspend", "value"]

In = TypeVar("In")
Out = TypeVar("Out")
A = TypeVar("A")
T = TypeVar("T")
Upcasting = TypeVar("Upcasting", bound=Callable[[Any], Any])


def _lift_function(value: Any, where: str) -> Flow[Any, Any]:
    try:
        return node_of(value)
    except NotAFlow as error:
        raise NotAFlow(
            f"{where} takes flows and functions; {error.message}", hint=error.hint
        ) from None


def expand(node: Node[Any, Any]) -> Flow[Any, Any]:
    """A node with its defaults around it: the timeout bounds each attempt."""
    options = node.leaf.options
    flow: Flow[Any, Any] = node.bare()
    if options.timeout is not None:
        flow = timeout(options.timeout, flow)
    if options.retry is not None:
        flow = retry(options.retry, flow, backoff=options.backoff)
    return flow


set_composition(sequence, keep, _lift_function, expand)


def _payload(given: object) -> str:
    types = default_registry().types
    types.add_from(type(given))
    return encode(given, types)


def const(given: A) -> Flow[Any, A]:
    """The flow that ignores its input and gives ``given``, which must be plain data."""
    return sequences.Const(_payload(given))


def fail(reason: object = None) -> Flow[Any, Failure]:
    """The flow that gives a ``Failure``: data that goes downstream, neither caught nor retried."""
    return make_fail(_payload(reason))


@overload
def suspend(tag: str) -> Flow[Any, Any]: ...
@overload
def suspend(tag: str, kind: type[T]) -> Flow[Any, T]: ...
@overload
def suspend(tag: str, kind: Any) -> Flow[Any, Any]: ...
def suspend(tag: str, kind: Any = Any) -> Flow[Any, Any]:
    """Wait for an answer: the value in is the prompt, the answer (a ``kind``) the value out."""
    made = make_suspend(tag, _schema(kind))
    made.answers = kind
    return made


@overload
def ask(
    tag: str,
    kind: type[T],
    *,
    notify: FlowLike[Question[Any], Any] | None = ...,
    show: FlowLike[Any, Any] | None = ...,
    escalate: FlowLike[Question[Any], Any] | None = ...,
    within: timedelta | None = ...,
    default: Any = ...,
) -> Keeping[T]: ...
@overload
def ask(
    tag: str,
    kind: type[T],
    *,
    notify: FlowLike[Question[Any], Any] | None = ...,
    show: FlowLike[Any, Any] | None = ...,
    escalate: FlowLike[Question[Any], Any] | None = ...,
    within: timedelta | None = ...,
    default: Any = ...,
    value: Any,
) -> Flow[Any, T]: ...
@overload
def ask(
    tag: str,
    kind: Any,
    *,
    notify: FlowLike[Question[Any], Any] | None = ...,
    show: FlowLike[Any, Any] | None = ...,
    escalate: FlowLike[Question[Any], Any] | None = ...,
    within: timedelta | None = ...,
    default: Any = ...,
) -> Keeping[Any]: ...
def ask(
    tag: str,
    kind: Any,
    *,
    notify: Any = None,
    show: Any = None,
    escalate: Any = None,
    within: timedelta | None = None,
    default: Any = MISSING,
    value: Any = MISSING,
) -> Any:
    """Ask a person: out comes (value, answer).

    ``show`` makes the prompt from the value. ``notify`` gets ``Question(value, token, deadline)``
    once the question is open, so that a link can be mailed. ``within`` is the deadline; when it
    passes, ``default`` is the answer, or ``DeadlineExpired`` is raised; with ``escalate``, a flow
    that gets the ``Question`` then, the question stays open. In a body, ``value`` is what is asked
    about, and the answer alone comes out.
    """
    given = None if default is MISSING else _payload(default)
    made = make_ask(
        tag,
        _schema(kind),
        notify=notify,
        show=show,
        escalate=escalate,
        within=within,
        default=given,
    )
    made.answers = kind
    return made if value is MISSING else Step(made.answer_only(), value)


@overload
def receive(
    name: str, kind: type[T], *, within: timedelta | None = ..., default: Any = ...
) -> Flow[Any, T]: ...
@overload
def receive(
    name: str, kind: Any = ..., *, within: timedelta | None = ..., default: Any = ...
) -> Flow[Any, Any]: ...
def receive(
    name: str, kind: Any = Any, *, within: timedelta | None = None, default: Any = MISSING
) -> Flow[Any, Any]:
    """Take the oldest signal of that name (a ``kind``), or wait for the next one.

    Signals are sent by ``engine.signal(run, name, value)``; those that come before they are waited
    for are kept, in their order. ``within`` is a deadline: when it passes, ``default`` is given, or
    ``DeadlineExpired`` is raised.
    """
    given = None if default is MISSING else _payload(default)
    made = make_receive(name, _schema(kind), within, given)
    made.answers = kind
    return made


@overload
def call(flow: Flow[In, Out]) -> Flow[In, Out]: ...
@overload
def call(flow: str, *, detached: Literal[False] = ...) -> Flow[Any, Any]: ...
@overload
def call(flow: Flow[In, Any], *, detached: Literal[True]) -> Flow[In, str]: ...
@overload
def call(flow: str, *, detached: Literal[True]) -> Flow[Any, str]: ...
def call(flow: Any, *, detached: bool = False) -> Flow[Any, Any]:
    """Start a run of another flow, which gets the value, and wait for its result.

    The flow is named (so one may call itself) and is today's of that name when it is called; the
    run waits until there is one. A child that fails or is cancelled raises ``ChildFailed`` or
    ``ChildCancelled`` here. A cancel here cancels it, and waits for its end. At most 100 such runs
    wait for one another, else ``CallTooDeep`` is raised. A ``detached`` child goes on by itself,
    and its id is given as soon as it is started. Twin: a "child workflow" (Temporal).
    """
    return make_call(flow, detached=detached)


def _schema(kind: Any) -> Any:
    if kind is Any or kind is object:
        return None
    default_registry().types.add_from(kind)
    return schema_of(kind) or None


@overload
def flow(
    name: str, body: FlowLike[In, Out], *, queue: str = ..., registry: Registry | None = ...
) -> Flow[In, Out]: ...
@overload
def flow(name: Callable[[], Coroutine[Any, Any, Out]], /) -> Flow[Any, Out]: ...
@overload
def flow(name: Callable[[In], Coroutine[Any, Any, Out]], /) -> Flow[In, Out]: ...
@overload
def flow(name: Callable[[], Out], /) -> Flow[Any, Out]: ...
@overload
def flow(name: Callable[[In], Out], /) -> Flow[In, Out]: ...
@overload
def flow(
    name: str = ...,
    *,
    asks: Mapping[str, Any] | None = ...,
    queue: str = ...,
    registry: Registry | None = ...,
) -> BodyMaker: ...
def flow(
    name: Any = "",
    body: Any = None,
    *,
    asks: Mapping[str, Any] | None = None,
    queue: str = "",
    registry: Registry | None = None,
) -> Any:
    """Name a flow and register it, so that a later process can find it: ``flow("name", body)``.

    Used inside another flow it is inlined: its suspensions belong to the outer run. As a decorator,
    ``@flow``, ``@flow("name")`` or ``@flow(name="name")``, it makes a flow of a function in direct
    style, whose body awaits flows: see ``step``. ``asks`` says by tag of what types the answers are
    that its body will ask for, so that they are taken before it asks: ``@flow(asks={"ok": bool})``.

    ``queue``: where its runs wait for a place, unless their start says another or ``None``. It is
    no part of the definition: a changed one counts for runs that are started from then on.
    """
    if queue != "":
        check_queue(queue)
    home = module_name(sys._getframe(1).f_globals.get("__name__", "")) or "__main__"  # noqa: SLF001 - the caller's module
    if callable(name) and body is None:
        return _register(_name_of(name), body_of(name), queue, registry, home)
    if body is None:
        return BodyMaker(name, asks or {}, queue, registry, home)
    if asks is not None:
        raise WrongArgument(
            "asks= is for bodies", hint="the tags of any other flow are known by themselves"
        )
    return _register(name, lift(body, "flow"), queue, registry, home)


class BodyMaker:
    """The decorator that ``flow`` with a name gives."""

    def __init__(
        self,
        name: str,
        asks: Mapping[str, Any],
        queue: str,
        registry: Registry | None,
        home: str,
    ) -> None:
        self._name, self._queue, self._registry, self._home = name, queue, registry, home
        self._asks = {check_label(tag, "tag"): kind for tag, kind in asks.items()}

    @overload
    def __call__(self, fn: Callable[[], Coroutine[Any, Any, Out]], /) -> Flow[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[In], Coroutine[Any, Any, Out]], /) -> Flow[In, Out]: ...
    @overload
    def __call__(self, fn: Callable[[], Out], /) -> Flow[Any, Out]: ...
    @overload
    def __call__(self, fn: Callable[[In], Out], /) -> Flow[In, Out]: ...
    def __call__(self, fn: Any, /) -> Any:
        """Make a flow of the function in direct style."""
        name = self._name or _name_of(fn)
        schemas = {tag: _schema(kind) for tag, kind in self._asks.items()}
        body = body_of(fn).asking(schemas, self._asks)
        return _register(name, body, self._queue, self._registry, self._home)


def _name_of(fn: Any) -> str:
    return str(getattr(fn, "__name__", ""))


def _register(
    name: str, inner: Flow[Any, Any], queue: str, registry: Registry | None, home: str
) -> Flow[Any, Any]:
    check_label(name.replace(".", "_"), "flow's name")
    named = inner.copied()
    named.name_of_flow, named.queue_of_flow = name, queue
    (registry or default_registry()).add_flow(name, named, home)
    return named


def expose(
    what: FlowLike[In, Out], name: str = "", *, registry: Registry | None = None
) -> Flow[In, Out]:
    """Let peers call a flow or a node, those that ``everflow peer allow`` names; give the flow.

    A flow is called by its own name. A node, or a flow without one, becomes a flow named ``name``,
    its function's own name where that is left out. Also to be used as a decorator, outermost.
    """
    home = module_name(sys._getframe(1).f_globals.get("__name__", "")) or "__main__"  # noqa: SLF001 - the caller's module
    made: Flow[Any, Any] = lift(what, "expose")
    if name or not made.name_of_flow:
        name = name or _name_of(made.leaf.fn if isinstance(made, Node) else None)
        if not name:
            raise WrongArgument(
                "peers call by a name, and what is exposed has none", hint='expose(f, "name")'
            )
        made = _register(name, made, "", registry, home)
    (registry or default_registry()).exposed.add(made.name_of_flow)
    return made


@overload
def value(kind: type[T], /) -> type[T]: ...
@overload
def value(
    *, version: int = ..., was: str | tuple[str, ...] = ...
) -> Callable[[type[T]], type[T]]: ...
def value(kind: Any = None, /, *, version: int = FIRST, was: str | tuple[str, ...] = ()) -> Any:
    """Register a type of values that no node's annotation names: ``@value class Draft: ...``.

    ``version`` says that its fields changed since: see ``upcast``. ``was`` are the names that it
    had before; what was recorded under them is read as this type.
    """

    def registered(kind: type[T]) -> type[T]:
        if version != FIRST or was:
            declare(kind, version, (was,) if isinstance(was, str) else tuple(was))
        default_registry().types.add_from(kind)
        return kind

    return registered if kind is None else registered(kind)


def upcast(
    kind: type | str, version: int = FIRST, *, registry: Registry | None = None
) -> Callable[[Upcasting], Upcasting]:
    """Turn what was recorded as that version of a type into the next: Axon's upcaster.

    The function gets a dict of the fields (an enum's value), decoded as far as their own types go,
    and gives the next version's. Under a name instead of a type, which is gone by now, it gives the
    value that takes the place of the old one. Nothing that was recorded changes; upcasts are called
    whenever such a value is read, so they must be quick, and must give the same for the same.
    """

    def register(fn: Upcasting) -> Upcasting:
        if isinstance(kind, str):
            (registry or default_registry()).types.retire(kind, version, fn)
        else:
            add_step(kind, version, fn)
        return fn

    return register
