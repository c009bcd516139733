"""How a fault inside a value finds its way out: as one exception whose path grows as it unwinds.

Walking a value costs nothing for paths until something is wrong: each container that an ``Unfit``
passes through adds its own step (``.name``, ``[3]``, ``["key"]``), so that the outermost caller
reads the whole path. ``Unfit`` never leaves the codec: it becomes ValueRefused or ValueMismatch.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Unfit", "at_field", "at_index", "at_key", "expected", "kind_name", "short"]

_SHOWN = 60


class Unfit(Exception):
    """What is wrong and what to do about it; ``trail`` is the way in, innermost step first.

    ``whole`` says that the fault is the whole value's (its size), so that no path is of use.
    """

    def __init__(self, message: str, hint: str = "", *, whole: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.whole = whole
        self.trail: list[tuple[str, object]] = []

    def inside(self, step: str, owner: object = None) -> Unfit:
        """The same fault, seen from the container that holds the faulty part under ``step``."""
        self.trail.append((step, owner))
        return self

    @property
    def path(self) -> str:
        """The path from the outermost value, such as ``.items[3]["name"]``; shortened if long."""
        if self.whole:
            return ""
        steps = [step for step, _ in reversed(self.trail)]
        if len(steps) > _SHOWN:
            steps[_SHOWN // 2 : -_SHOWN // 2] = ["…"]
        return "".join(steps)


def at_field(name: str) -> str:
    """The step to a record's field."""
    return f".{name}"


def at_index(index: int) -> str:
    """The step to a part of a list, tuple or set."""
    return f"[{index}]"


def at_key(key: object) -> str:
    """The step to a dict's value; a key that isn't a scalar is shown by its type alone."""
    if type(key) is str:
        return f"[{json.dumps(short(key))}]"
    if type(key) in {int, float, bool, type(None), bytes}:
        return f"[{short(repr(key))}]"
    return f"[<{kind_name(key)}>]"


def short(text: str) -> str:
    """The text, cut to what a sentence can hold."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def kind_name(value: Any) -> str:
    """A value's type as messages name it: bare for built-in ones, with its module otherwise."""
    kind = type(value)
    if value is None:
        return "None"
    if kind.__module__ in {"builtins", "datetime", "decimal", "uuid"}:
        return str(kind.__qualname__)
    return f"{kind.__module__}.{kind.__qualname__}"


def expected(wanted: str, got: Any, error: Exception | None = None) -> Unfit:
    """What was wanted and what was found: a scalar by its value too, anything else by its type."""
    found = kind_name(got)
    if type(got) in {str, int, float, bool}:
        found = f"{found} {short(repr(got))}"
    return Unfit(f"expected {wanted}, got {found}" + (f" ({error})" if error else ""))
