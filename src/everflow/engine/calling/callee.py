"""How a node's function is called: decode, call, encode, in whatever place it is run.

One ``Callee`` a node, made once. ``perform`` never raises: how a node ended is a value (``Ended``),
because everything that a node can do is an outcome of the run's, not of the engine's.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from everflow.core.combine.each import COUNTING, Each
from everflow.core.elements import count_of
from everflow.core.entries import Kind
from everflow.core.expressions import It, evaluate
from everflow.core.faults import encode_error
from everflow.core.node import Node, Place
from everflow.core.refs import FAILURE_PREFIX, SMALL
from everflow.core.values import Reader, Types, encode
from everflow.engine.calling.noderun import NodeRun, current
from everflow.engine.calling.reify import reify
from everflow.errors import (
    BodySuspended,
    NotAList,
    SuspensionSwallowed,
    UnresolvedName,
    ValueMismatch,
)
from everflow.store import Put

__all__ = ["Callee", "Ended", "make_callee"]

MISFIT = "misfit"  # the value doesn't fit today's code: the run parks
REFUSED = "refused"  # the store won't have what it settles: the run is set aside

_RESULT = Kind.RESULT.value  # a plain text is formatted twice as fast as an enum's member


class Ended(msgspec.Struct, gc=False):
    """How an attempt ended.

    ``kind`` is an entry's kind, or MISFIT or REFUSED with the reason as payload. ``puts`` are
    records that are written with the entry. ``arrival``: the message in the inbox that tells the
    same, 0 where there is none; the entry takes its place. ``started``: so were runs.
    """

    kind: str
    payload: str
    ticks: int = 0
    note: str = ""
    puts: tuple[Put, ...] = ()
    arrival: int = 0
    started: bool = False


class Callee:
    """A node's function with all that calling it takes."""

    __slots__ = (
        "bound", "call", "fn", "given", "inline", "light", "limit", "name", "place", "pure",
        "questions", "read", "types", "wants_run", "wants_value",
    )  # fmt: skip

    def __init__(
        self, node: Node[Any, Any], types: Types, given: Mapping[str, Any], limit: int
    ) -> None:
        if node.fn is None:
            raise UnresolvedName(
                f"no module that is imported here has the node {node.name!r}",
                hint="import the module that defines it; the run goes on by itself then",
            )
        leaf = node.leaf
        signature = leaf.signature
        self.fn: Callable[..., Any] = node.fn
        self.name = leaf.name
        self.place = leaf.place
        self.pure = leaf.options.pure
        self.questions = leaf.options.questions
        self.types = types
        self.limit = limit
        self.wants_value = signature.value
        self.wants_run = signature.run
        self.bound = node.bound
        self.given = {name: given[name] for name in signature.needs if name in given}
        annotation = leaf.hints.get(signature.value_name, Any) if signature.value else Any
        self.read: Callable[[str], Any] = Reader(annotation, types)
        # nothing but a value in and a value out: the way without a NodeRun
        self.call = _call_of(node) if node.call is not None else None
        if self.call is not None:
            hints = [leaf.hints.get(name, Any) for name in node.call or ()]
            self.read = Reader(_tuple_of(hints), types)
        self.light = not (self.wants_run or self.bound or self.given or self.call)
        self.inline = self.place == Place.INLINE

    def _arguments(self, payload: str, run: NodeRun | None) -> tuple[list[Any], dict[str, Any]]:
        keywords = {**self.bound, **self.given}
        if self.call is not None:
            args, more = self.call(self.read(payload))
            keywords.update(more)
        else:
            args = [self.read(payload)] if self.wants_value else []
        if self.wants_run:
            keywords["run"] = run
        return args, keywords

    def perform(self, payload: str, run: NodeRun | None) -> Ended:
        """Run a sync node once on the payload of its input."""
        try:
            args, keywords = self._arguments(payload, run)
        except ValueMismatch as error:
            return Ended(MISFIT, str(error))
        token = current.set(run)
        try:
            value = self.fn(*args, **keywords)
        except BodySuspended as suspension:
            return self._suspended(suspension, run)
        except BaseException as error:  # noqa: BLE001 - whatever a node raises is the run's
            return self._raised(error, run)
        finally:
            current.reset(token)
        return self._returned(value, run)

    async def perform_async(self, payload: str, run: NodeRun | None) -> Ended:
        """Run an async node once; a cancellation from outside is raised through."""
        try:
            args, keywords = self._arguments(payload, run)
        except ValueMismatch as error:
            return Ended(MISFIT, str(error))
        mine = asyncio.current_task()
        token = current.set(run)
        try:
            coroutine: Awaitable[Any] = self.fn(*args, **keywords)
            value = await coroutine
        except BaseException as error:
            if _is_ended_by_others(error, mine):
                raise
            return self._raised(error, run)  # whatever a node raises is the run's
        finally:
            current.reset(token)
        return self._returned(value, run)

    def quick(self, payload: str) -> Ended:
        """Run a light sync node: nothing but a value in and a value out."""
        try:
            value = self.read(payload) if self.wants_value else None
        except ValueMismatch as error:
            return Ended(MISFIT, str(error))
        try:
            result = self.fn(value) if self.wants_value else self.fn()
            return Ended(_RESULT, encode(result, self.types, limit=self.limit))
        except BaseException as error:  # noqa: BLE001 - whatever a node raises is the run's
            return self._raised(error, None)

    def _returned(self, value: Any, run: NodeRun | None) -> Ended:
        spent = run.spent if run is not None else 0
        if run is not None and run.suspended is not None:
            swallowed = SuspensionSwallowed(
                f"{self.name} went on after wait_for({run.suspended.tag!r}) had suspended it",
                hint="let the suspension pass: no bare `except:` or `except BaseException:`",
            )
            return self._raised(swallowed, run)
        try:
            return Ended(Kind.RESULT, encode(value, self.types, limit=self.limit), spent)
        except Exception as error:  # noqa: BLE001 - a value's own code may raise anything
            return self._raised(error, run)

    def _raised(self, error: BaseException, run: NodeRun | None) -> Ended:
        position = run.position if run is not None else ""
        reified = reify(error, self.types, position)
        return Ended(Kind.ERROR, encode_error(reified), run.spent if run is not None else 0)

    def _suspended(self, suspension: BodySuspended, run: NodeRun | None) -> Ended:
        spent = run.spent if run is not None else 0
        try:
            prompt = encode(suspension.prompt, self.types, limit=self.limit)
        except Exception as error:  # noqa: BLE001 - a value's own code may raise anything
            return self._raised(error, run)
        return Ended(Kind.WANTED, prompt, spent, suspension.tag)


def _is_ended_by_others(error: BaseException, mine: asyncio.Task[Any] | None) -> bool:
    """Whether an async node was cancelled, or thrown away with its loop, rather than raised."""
    if isinstance(error, asyncio.CancelledError):
        return mine is not None and mine.cancelling() > 0
    if not isinstance(error, GeneratorExit):
        return False
    try:
        return asyncio.current_task() is not mine
    except RuntimeError:  # no loop is running
        return True


def _tuple_of(parts: list[Any]) -> Any:
    """The annotation of a tuple with parts of these types."""
    return tuple.__class_getitem__(tuple(parts)) if parts else Any


def _call_of(node: Node[Any, Any]) -> Callable[[Any], tuple[list[Any], dict[str, Any]]]:
    """How a tuple of values becomes the arguments of the parameters that the node's use names."""
    names = node.call or ()
    signature = inspect.signature(node.require_fn())

    def call(values: Any) -> tuple[list[Any], dict[str, Any]]:
        arguments = inspect.BoundArguments(signature, dict(zip(names, values or (), strict=True)))
        return list(arguments.args), arguments.kwargs

    return call


class ExpressionCallee(Callee):
    """An ``it`` expression: pure, and interpreted."""

    __slots__ = ()

    def __init__(self, flow: It, types: Types, limit: int) -> None:
        data = flow.data
        self.fn = lambda value: evaluate(data, value)
        self.name = "it"
        self.place = Place.INLINE
        self.pure = True
        self.questions = 0
        self.types = types
        self.limit = limit
        self.wants_value = True
        self.wants_run = False
        self.bound = {}
        self.given = {}
        self.read = Reader(Any, types)
        self.call = None
        self.light = self.inline = True


class CountingCallee(Callee):
    """Counts the list that an ``each`` got: pure, on its text alone."""

    __slots__ = ()

    def __init__(self, types: Types, limit: int) -> None:
        self.name = COUNTING
        self.place = Place.INLINE
        self.types = types
        self.limit = limit
        self.questions = 0
        self.wants_run = False
        self.pure = self.light = self.inline = True

    def quick(self, payload: str) -> Ended:
        try:
            return Ended(_RESULT, count_of(payload, SMALL, FAILURE_PREFIX))
        except NotAList as error:
            return self._raised(error, None)

    def perform(self, payload: str, run: NodeRun | None) -> Ended:
        del run  # nothing of it matters to a count
        return self.quick(payload)


def make_callee(
    flow: Any,
    types: Types,
    given: Mapping[type[Any], Any],
    limit: int,
    kind: type[Callee] = Callee,
) -> Callee:
    """The callee of a leaf, of that kind where it is a node.

    UnresolvedName when its function isn't here.
    """
    if isinstance(flow, Each):
        return CountingCallee(types, limit)
    if isinstance(flow, It):
        return ExpressionCallee(flow, types, limit)
    by_name = {name: given[kind] for name, kind in flow.dependencies.items() if kind in given}
    return kind(flow, types, by_name, limit)
