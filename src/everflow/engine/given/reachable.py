"""Where another process finds an object: in a module that it can import, under a name."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

import msgspec

from everflow.core.naming import module_name
from everflow.core.node import Node

__all__ = ["Place", "is_reachable", "place_of"]


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where an object is found: a module that can be imported, and a name inside it."""

    module: str
    qualname: str


def _import_name(module: str) -> str:
    """The name by which another process imports a module."""
    main = sys.modules.get("__main__") if module == "__main__" else None
    spec = getattr(main, "__spec__", None)
    return spec.name if spec is not None else module_name(module) or module


def place_of(thing: Any) -> Place:
    """Where an object says that it was defined."""
    module = getattr(thing, "__module__", None) or "__main__"
    return Place(_import_name(module), getattr(thing, "__qualname__", "<object>"))


def is_reachable(thing: Any) -> bool:
    """Whether another process finds this very function or class by its module and name."""
    if not isinstance(thing, (FunctionType, type)):
        return False
    found: Any = sys.modules.get(thing.__module__)
    if found is None or (thing.__module__ == "__main__" and not module_name("__main__")):
        return False
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return (found.fn if isinstance(found, Node) else found) is thing
