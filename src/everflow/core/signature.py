"""What a node's function asks for, read once from its signature.

The first parameter is the value (a function without one ignores its input); a parameter named
``run`` gets the node's view of its run; keyword parameters with ``need(T)`` get what the
application provides; all others must be bound by ``bind``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from everflow.core.faults import Caught, Failure
from everflow.errors import NotAFlow

__all__ = ["Need", "Signature", "need", "read_signature"]

T = TypeVar("T")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Need:
    """The mark of a dependency in a signature."""

    kind: type[Any]


def need(kind: type[T]) -> T:
    """Ask the application for a dependency of that type.

    In ``def send(q, *, mailer: Mailer = need(Mailer))`` it is a parameter's default. The engine is
    given a maker for each by ``Engine(store, provide={Mailer: make_mailer})``. What is provided is
    never recorded.
    """
    return Need(kind)  # type: ignore[return-value]  # stands in the signature only; calls get a T


@dataclass(frozen=True)
class Signature:
    """``value`` and ``run`` say whether they are asked for; ``free`` are those to bind."""

    value: bool
    value_name: str
    run: bool
    needs: dict[str, type[Any]]
    free: tuple[str, ...]
    required: tuple[str, ...]
    takes_failure: bool


def hints(fn: Callable[..., Any]) -> dict[str, Any]:
    """A function's annotations, resolved as far as they can be."""
    try:
        return get_type_hints(fn, include_extras=True)
    except Exception:  # noqa: BLE001 - a forward reference may raise anything; then nothing is known
        return {}


def read_signature(fn: Any) -> Signature:
    """Read a function's parameters; NotAFlow when it can't be called with one value."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError) as error:
        raise NotAFlow(f"{fn!r:.80} can't be a node: its signature can't be read") from error
    value: inspect.Parameter | None = None
    needs: dict[str, type[Any]] = {}
    free: list[str] = []
    required: list[str] = []
    run = False
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL and value is None:
            value = parameter
        elif parameter.kind in _VARIADIC:
            continue
        elif isinstance(parameter.default, Need):
            needs[parameter.name] = parameter.default.kind
        elif parameter.name == "run":
            run = True
        elif value is None and parameter.kind in _POSITIONAL:
            value = parameter
        else:
            free.append(parameter.name)
            if parameter.default is inspect.Parameter.empty:
                required.append(parameter.name)
    annotation = hints(fn).get(value.name, Any) if value is not None else Any
    return Signature(
        value=value is not None,
        value_name=value.name if value is not None else "",
        run=run,
        needs=needs,
        free=tuple(free),
        required=tuple(required),
        takes_failure=value is None or takes_failure(annotation),
    )


def takes_failure(annotation: Any) -> bool:
    """Whether a parameter so annotated is meant to get a ``Failure``."""
    if annotation is Failure or annotation is object:
        return True
    origin = get_origin(annotation)
    if origin is Caught:
        return False
    if origin in {Union, UnionType}:
        return any(takes_failure(part) for part in get_args(annotation))
    return False
