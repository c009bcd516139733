"""Canonical names: how a function or type is found again by another process, another day.

A canonical name is ``module:qualified.name``. The module is the one that an import would find: for
a program run as ``__main__`` it is the name in its spec, or the stem of its file, never
``__main__``. A lambda, a local function, or a module typed at a prompt has none.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["canonical_name", "module_name", "unnamed_reason"]


def module_name(module: str) -> str | None:
    """The importable name of a module; None for a ``__main__`` without spec and file."""
    if module != "__main__":
        return module
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        name: str = spec.name
        return name.removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    if not file:
        return None
    stem: str = str(file).replace("\\", "/").rsplit("/", 1)[-1]
    return stem.removesuffix(".py")


def unnamed_reason(fn: Any) -> str | None:
    """Why a function has no canonical name, as the end of a sentence; None when it has one."""
    qualname = getattr(fn, "__qualname__", None)
    if not qualname or not getattr(fn, "__module__", None):
        return "is an object without a name of its own"
    if "<lambda>" in qualname:
        return "is a lambda"
    if "<locals>" in qualname:
        return "is local to another function"
    if module_name(fn.__module__) is None:
        return "was typed into a program that has no file"
    return None


def canonical_name(fn: Any) -> str | None:
    """``module:qualified.name``, or None (see ``unnamed_reason``)."""
    if unnamed_reason(fn) is not None:
        return None
    return f"{module_name(fn.__module__)}:{fn.__qualname__}"
