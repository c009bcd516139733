"""Reading annotations as data: what a class's fields are annotated with, what classes one mentions.

Annotations are written by users for people and type checkers, so nothing here raises: what can't be
resolved (a name that isn't imported at run time) counts as ``Any``.
"""

from __future__ import annotations

import enum
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["classes_in", "hints_of", "is_union", "unwrapped"]


def hints_of(kind: type) -> dict[str, Any]:
    """The annotations of a class and its bases, each resolved by itself; Any where that fails.

    A class defined inside a function sees itself, so that a recursive one can be resolved.
    """
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        scope = {**vars(sys.modules.get(base.__module__, types)), base.__name__: base}
        for name, annotation in _written(base).items():
            hints[name] = _resolved(name, annotation, scope)
    return hints


def _written(base: type) -> dict[str, Any]:
    try:
        return inspect.get_annotations(base)
    except Exception:  # noqa: BLE001 - where annotations are evaluated late, they may raise anything
        return {}


def _resolved(name: str, annotation: object, scope: dict[str, Any]) -> Any:
    carrier = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        return typing.get_type_hints(carrier, globalns=scope, include_extras=True)[name]
    except Exception:  # noqa: BLE001 - an annotation is an expression and may raise anything
        return Any


def unwrapped(annotation: Any) -> Any:
    """The annotation without the wrappers that don't change what a value is: NewType, aliases."""
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif typing.get_origin(annotation) in {
            typing.Final,
            typing.ClassVar,
            typing.Required,
            typing.NotRequired,
        }:
            annotation = typing.get_args(annotation)[0]
        elif type(annotation).__name__ == "TypeAliasType":  # typing has it from Python 3.12 on
            annotation = annotation.__value__
        else:
            return annotation


def is_union(annotation: Any) -> bool:
    """Whether it is ``A | B``, ``Union[A, B]`` or ``Optional[A]``."""
    return typing.get_origin(annotation) in {typing.Union, types.UnionType}


def classes_in(annotation: object, wanted: Callable[[Any], bool]) -> Iterator[type]:
    """The wanted classes that an annotation mentions, through their fields too, each once."""
    seen: set[int] = set()
    keep: list[object] = []  # ids are compared, so what was seen has to stay alive
    open_: list[Any] = [annotation]
    while open_:
        part = unwrapped(open_.pop())
        if id(part) in seen:
            continue
        seen.add(id(part))
        keep.append(part)
        if wanted(part):
            yield part
        open_.extend(reversed(list(_parts(part, wanted))))


def _parts(part: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """What stands directly inside an annotation."""
    if isinstance(part, list | tuple):  # the parameters of a Callable
        yield from part
    elif isinstance(part, typing.TypeVar):
        yield from (part.__bound__, *part.__constraints__)
    elif isinstance(part, type) and typing.get_origin(part) is None:
        if wanted(part) or typing.is_typeddict(part):
            yield from hints_of(part).values()
    elif typing.get_origin(part) is typing.Literal:
        yield from (type(value) for value in typing.get_args(part) if isinstance(value, enum.Enum))
    elif typing.get_origin(part) is typing.Annotated:
        yield typing.get_args(part)[0]
    else:
        yield from (typing.get_origin(part), *typing.get_args(part))
