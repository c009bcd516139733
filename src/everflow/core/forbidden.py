"""What a body must not ask for by itself: found in its code when it is made, as far as it shows.

A body is run again from its start, so what it reads must be the same each time. Its code names what
it uses; names that are known to read the clock, chance or the world are refused with the line and
the twin that is recorded. What hides behind other functions is found by tests, which run each body
twice (``NotDeterministic``).
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from typing import Any

from everflow.errors import BodyMisuse

__all__ = ["check_code"]

_NODE = "a node: await step(fn, ...)"
_CHANCE = "await random(), or a generator seeded by it"
_NOW = "await now()"
_MODULES = {
    "random": _CHANCE,
    "secrets": _NODE,
    "socket": _NODE,
    "requests": _NODE,
    "httpx": _NODE,
    "aiohttp": _NODE,
    "urllib": _NODE,
    "subprocess": _NODE,
    "threading": "parallel(...)",
    "asyncio": "parallel(...), race(...), sleep(...), or a node",
}
_MEMBERS = {
    ("time", "time"): _NOW,
    ("time", "time_ns"): _NOW,
    ("time", "monotonic"): _NOW,
    ("time", "perf_counter"): _NOW,
    ("time", "sleep"): "await sleep(...)",
    ("datetime", "now"): _NOW,
    ("datetime", "utcnow"): _NOW,
    ("datetime", "today"): _NOW,
    ("date", "today"): _NOW,
    ("uuid", "uuid1"): "await uuid()",
    ("uuid", "uuid4"): "await uuid()",
    ("posix", "urandom"): _NODE,
    ("os", "getenv"): _NODE,
}
_BUILTINS = {"open": _NODE, "input": "await ask(...)"}
_SETS = frozenset({"BUILD_SET", "SET_UPDATE"})  # what leaves a set for a loop to walk over
_ORDER = "sorted(...): a set has another order in each process"
_EXEMPT = frozenset({("random", "Random")})  # seeded, it gives the same each time


def check_code(fn: types.FunctionType) -> None:
    """Refuse a body whose own code reads the clock, chance or the world: BodyMisuse."""
    for line, name, twin in _found(fn.__code__, fn.__globals__):
        raise BodyMisuse(
            f"the body {fn.__qualname__} uses {name} in line {line}, which a replay would find"
            " changed",
            hint=f"use {twin}",
        )


def _found(code: types.CodeType, names: dict[str, Any]) -> Iterator[tuple[int, str, str]]:
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _found(inner, names)
    line, path = code.co_firstlineno, ""
    held: Any = None
    is_set = False
    for step in dis.get_instructions(code):
        if step.positions is not None and step.positions.lineno is not None:
            line = step.positions.lineno
        if is_set and step.opname == "GET_ITER":
            yield line, "the order of a set", _ORDER
        is_set = step.opname in _SETS or isinstance(step.argval, frozenset)
        if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            path = str(step.argval)
            held = names.get(path, _BUILTINS.get(path))
        elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and held is not None:
            path = f"{path}.{step.argval}"
            held = _member(held, str(step.argval))
        else:
            held = None
            continue
        if (twin := _twin(held)) is not None:
            yield line, path, twin


def _member(held: Any, name: str) -> Any:
    """What an attribute of a module, or of the class of dates, is."""
    if isinstance(held, types.ModuleType):
        return getattr(held, name, None)
    return (held, name) if isinstance(held, type) else None


def _twin(held: Any) -> str | None:
    """What to use instead; None for what is no matter."""
    if isinstance(held, str):
        return held if held in _BUILTINS.values() else None
    owner, name = _named(held)
    if (owner, name) in _EXEMPT:
        return None
    return _MEMBERS.get((owner, name)) or (_MODULES.get(owner) if name else None)


def _named(held: Any) -> tuple[str, str]:
    """The module, or the class, that a thing is of, and its name there."""
    if isinstance(held, tuple):
        return held[0].__name__, held[1]
    home = getattr(held, "__module__", None)
    own = getattr(held, "__self__", None)  # functions of ``random`` are methods of one object
    home = home or getattr(type(own), "__module__", "") or ""
    return str(home).partition(".")[0].removeprefix("_"), str(getattr(held, "__name__", ""))
