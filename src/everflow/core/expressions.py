"""``it``: small expressions as data, so that a predicate can be seen, drawn and carried.

``it["ok"] & (it["score"] >= 3)`` is a flow that gives the value of that expression for its input.
Item access reads keys, indexes and fields alike. An expression is a nested list, ``[operator,
operand, ...]``; it is interpreted over values by the table below and never becomes code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from everflow.core.flow import Children, Flow, Moves, Names, Site
from everflow.core.ops import NodeOp
from everflow.core.refs import Ref
from everflow.errors import UnresolvedName, ValueMismatch, WrongArgument

__all__ = ["It", "evaluate", "it", "show"]

EXPRESSION = "it"  # the node name of an expression's ops
DEEPEST = 100  # nested operators; each takes two of Python's frames
_PLAIN = (str, int, float, bool, type(None))
_LAZY = ("and", "or")


def _of_numbers(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator that Python also has for texts and lists, where it could fill the memory."""

    def checked(a: Any, b: Any) -> Any:
        if hasattr(a, "__len__") or hasattr(b, "__len__"):
            raise TypeError("it is for numbers only")
        return apply(a, b)

    return checked


def _get(value: Any, key: Any) -> Any:
    if not isinstance(key, str) or isinstance(value, Mapping):
        return value[key]
    kind = type(value)
    fields = (
        getattr(kind, "__dataclass_fields__", None)
        or getattr(kind, "__struct_fields__", None)
        or getattr(kind, "model_fields", None)
        or ()
    )
    if key not in fields:
        raise KeyError(key)
    return getattr(value, key)


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "get": _get,
    "not": lambda a, _: not a,
    "size": lambda a, _: len(a),
    "in": lambda a, b: a in b,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": _of_numbers(operator.mul),
    "/": operator.truediv,
    "%": _of_numbers(operator.mod),
}
_ARITY = dict.fromkeys((*_OPERATORS, *_LAZY), 2) | {"it": 0, "not": 1, "size": 1}


class It(Flow[Any, Any]):
    """An expression over the input. Twin: "JSONPath choice rules" (Step Functions), made typed."""

    kind = "it"
    __hash__ = Flow.__hash__

    def __init__(self, data: list[Any], depth: int = 0) -> None:
        if depth > DEEPEST:
            raise WrongArgument(
                f"an expression nests {DEEPEST} operators at most",
                hint="write a function and use it as a node",
            )
        self.data = data
        self.depth = depth

    def shape(self) -> dict[str, Any]:
        return {"it": self.data}

    @classmethod
    def build(
        cls,
        shape: Mapping[str, Any],
        settings: Mapping[str, Any],
        children: Children,
        names: Names,
    ) -> Flow[Any, Any]:
        _check(shape["it"])
        return It(shape["it"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.open(NodeOp(path, site.position, parent, key, value, m.seq, EXPRESSION))

    def __getitem__(self, key: str | int) -> It:
        if type(key) not in {str, int}:
            raise WrongArgument(f"it[...] takes a name or an index, not {key!r:.60}")
        return It(["get", self.data, key], self.depth + 1)

    def __eq__(self, other: object) -> It:  # type: ignore[override]  # gives an expression
        return _binary("==", self, other)

    def __ne__(self, other: object) -> It:  # type: ignore[override]  # gives an expression
        return _binary("!=", self, other)

    def __lt__(self, other: object) -> It:
        return _binary("<", self, other)

    def __le__(self, other: object) -> It:
        return _binary("<=", self, other)

    def __gt__(self, other: object) -> It:
        return _binary(">", self, other)

    def __ge__(self, other: object) -> It:
        return _binary(">=", self, other)

    def __add__(self, other: object) -> It:
        return _binary("+", self, other)

    def __sub__(self, other: object) -> It:
        return _binary("-", self, other)

    def __mul__(self, other: object) -> It:
        return _binary("*", self, other)

    def __truediv__(self, other: object) -> It:
        return _binary("/", self, other)

    def __mod__(self, other: object) -> It:
        return _binary("%", self, other)

    def __and__(self, other: object) -> It:
        return _binary("and", self, other)

    def __or__(self, other: object) -> It:
        return _binary("or", self, other)

    def __invert__(self) -> It:
        return It(["not", self.data], self.depth + 1)

    def has(self, member: object) -> It:
        """Whether the value contains ``member``."""
        return _binary("in", _lifted(member), self)

    def size(self) -> It:
        """How many items or characters the value has."""
        return It(["size", self.data], self.depth + 1)

    def __iter__(self) -> Any:
        raise WrongArgument(
            "an expression can't be iterated or tested with `in`",
            hint='write it["tags"].has("x")',
        )

    def __repr__(self) -> str:
        return show(self.data)


it = It(["it"])


def _lifted(value: object) -> It:
    if isinstance(value, It):
        return value
    if type(value) not in _PLAIN:
        raise WrongArgument(
            f"an expression takes texts, numbers, true, false, None; not {value!r:.60}"
        )
    return It(["value", value])


def _binary(symbol: str, left: It, right: object) -> It:
    other = _lifted(right)
    return It([symbol, left.data, other.data], max(left.depth, other.depth) + 1)


def _check(data: Any) -> None:
    """An expression that was read from a definition: known operators, and not too deep."""
    level = [data]
    for _ in range(DEEPEST + 2):
        inner = []
        for part in level:
            name = part[0] if isinstance(part, list) and part else None
            if name == "value" and len(part) == 2 and type(part[1]) in _PLAIN:  # noqa: PLR2004 - a value stands after its mark
                continue
            if not isinstance(name, str) or len(part) - 1 != _ARITY.get(name):
                raise UnresolvedName(f"this release has no such expression: {part!r:.60}")
            inner += part[1:2] if name == "get" else part[1:]
        if not inner:
            return
        level = inner
    raise UnresolvedName(f"an expression nests {DEEPEST} operators at most")


def evaluate(data: list[Any], value: Any) -> Any:
    """The value of an expression for an input. ValueMismatch says which part doesn't fit."""
    name = data[0]
    if name == "it":
        return value
    if name == "value":
        return data[1]
    if name in _LAZY:
        first = bool(evaluate(data[1], value))
        return first if first is (name == "or") else bool(evaluate(data[2], value))
    left = evaluate(data[1], value)
    right = None
    if len(data) > 2:  # noqa: PLR2004 - there is a right side
        right = data[2] if name == "get" else evaluate(data[2], value)
    try:
        return _OPERATORS[name](left, right)
    except (TypeError, LookupError, AttributeError, ArithmeticError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueMismatch(f"{show(data)} has no value for this input ({what})") from error


_SHOWN: dict[str, Callable[..., str]] = {
    "it": lambda: "it",
    "value": repr,
    "get": lambda a, key: f"{_whole(a)}[{key!r}]",
    "not": lambda a: f"~{show(a)}",
    "size": lambda a: f"{_whole(a)}.size()",
    "in": lambda member, a: f"{_whole(a)}.has({show(member)})",
}


def _whole(data: list[Any]) -> str:
    """An expression as one would write it before a dot or a bracket, which bind tighter."""
    return f"({show(data)})" if data[0] == "not" else show(data)


def show(data: list[Any]) -> str:
    """An expression as one would write it."""
    name, *rest = data
    special = _SHOWN.get(name)
    if special is not None:
        return special(*rest)
    symbol = {"and": "&", "or": "|"}.get(name, name)
    return f"({show(rest[0])} {symbol} {show(rest[1])})"
