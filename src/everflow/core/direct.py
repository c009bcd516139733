"""Direct style as users write it: what stands in the body of a function under ``@flow``.

``step`` gives a function or a flow the value that it is to get, and is awaited (in an ``async
def``) or performed (in a plain ``def``). ``now``, ``random`` and ``uuid`` are told by the run
itself, since a body is run again from its start and must find what it found before.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from functools import cache
from typing import Any, NoReturn, ParamSpec, TypeVar, overload
from uuid import UUID

from everflow.core.advancing import advancing
from everflow.core.combine.body import Ambient, Body, Step
from everflow.core.flow import Flow, lift
from everflow.core.naming import unnamed_reason
from everflow.core.node import Node, node_of
from everflow.errors import BodyContinued, BodyMisuse, UnnamedLeaf, WrongArgument

__all__ = ["continue_with", "now", "perform", "random", "step", "uuid"]

P = ParamSpec("P")
In = TypeVar("In")
Out = TypeVar("Out")


@overload
def step(fn: Node[In, Out], value: In = ..., /, *args: Any, **kwargs: Any) -> Step[Out]: ...
@overload
def step(fn: Flow[In, Out], value: In = ..., /) -> Step[Out]: ...
@overload
def step(
    fn: Callable[P, Coroutine[Any, Any, Out]], /, *args: P.args, **kwargs: P.kwargs
) -> Step[Out]: ...
@overload
def step(fn: Callable[P, Awaitable[Out]], /, *args: P.args, **kwargs: P.kwargs) -> Step[Out]: ...
@overload
def step(fn: Callable[P, Out], /, *args: P.args, **kwargs: P.kwargs) -> Step[Out]: ...
def step(fn: Any, /, *args: Any, **kwargs: Any) -> Step[Any]:
    """A node with its arguments, or a flow with its value, to be awaited in a body.

    A node's arguments are those of its function but for ``run`` and for what ``need(...)`` says,
    which the engine gives. What is awaited is recorded, and is not run again when the body is.
    """
    if isinstance(fn, Flow) and (not isinstance(fn, Node) or isinstance(fn, Body)):
        if kwargs or len(args) > 1:
            raise WrongArgument("a flow gets one value: step(flow, value)")
        return Step(fn, args[0] if args else None)
    node = fn if isinstance(fn, Node) else _node(fn)
    return _call(node, args, kwargs)


@cache
def _node(fn: Any) -> Node[Any, Any]:
    reason = unnamed_reason(fn) if callable(fn) else None
    if reason is not None:
        raise UnnamedLeaf(
            f"step can't take {getattr(fn, '__qualname__', fn)!r}: it {reason}, so that a later"
            " process couldn't find it",
            hint="define it with def at the top of a module, and give it what it needs by"
            " arguments: await step(fn, a, b)",
        )
    found = lift(fn, "step")
    return node_of(found)


def _call(node: Node[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step[Any]:
    signature = node.leaf.signature
    if not kwargs and len(args) == int(signature.value):
        return Step(node, *args)
    try:
        bound = _free(node).bind(*args, **kwargs)
    except TypeError as error:
        raise WrongArgument(
            f"step({node.name.rpartition(':')[2]}, ...): {error}",
            hint="give what its function takes, without `run` and what it needs",
        ) from None
    return Step(_called(node, tuple(bound.arguments)), tuple(bound.arguments.values()))


@cache
def _free(node: Node[Any, Any]) -> inspect.Signature:
    """The parameters that a caller gives."""
    whole = inspect.signature(node.require_fn())
    given = {*node.leaf.signature.needs, *node.bound}
    if node.leaf.signature.run:
        given.add("run")
    return whole.replace(parameters=[p for p in whole.parameters.values() if p.name not in given])


@cache
def _called(node: Node[Any, Any], call: tuple[str, ...]) -> Node[Any, Any]:
    made = node.copied()
    made.call = call
    return made


def perform(flow: Flow[Any, Out]) -> Out:
    """In a plain ``def`` body: wait for a flow, as ``await`` does in an ``async def`` one.

    The body is run again from its start, on a thread, for each flow that it performs.
    """
    place = advancing()
    if place is None:
        raise BodyMisuse(
            "perform was called outside the body of a plain def under @flow",
            hint="in an async def body write await; to run a flow, start it",
        )
    given: Out = place.perform(flow)
    return given


def continue_with(state: object) -> NoReturn:
    """Begin the body anew with ``state`` as its input, and forget its log.

    What it costs to resume a body grows with what it awaited since its start, or since this. Twin:
    "continue as new" (Temporal).
    """
    place = advancing()
    if place is None:
        raise BodyMisuse("continue_with was called outside a body under @flow")
    place.check()
    raise BodyContinued(state)


def now() -> Flow[Any, datetime]:
    """The time as the run knows it, in UTC; a body has no other clock."""
    return _NOW


def random() -> Flow[Any, float]:
    """A number from 0 up to 1, drawn from the run's id: no secret, and the same at a replay."""
    return _RANDOM


def uuid() -> Flow[Any, UUID]:
    """A UUID, drawn from the run's id and the await: no secret, and the same at a replay."""
    return _UUID


_NOW: Flow[Any, datetime] = Ambient("now")
_RANDOM: Flow[Any, float] = Ambient("random")
_UUID: Flow[Any, UUID] = Ambient("uuid")
