"""``it``: small expressions as data, so that a predicate can be seen, drawn and carried.

``it["ok"] & (it["score"] >= 3)`` is a flow that gives the value of that expression for its input. Item
access reads keys, indexes and fields alike. An expression is a nested list, ``[operator, operand,
...]``; it is interpreted over values by the table below and never becomes code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from everflow.core.flow import Flow, Moves, Site
from everflow.core.ops import NodeOp
from everflow.core.refs import Ref
from everflow.errors import ValueMismatch, WrongArgument

__all__ = ["It", "evaluate", "it", "show"]

EXPRESSION = "it"  # the node name of an expression's ops
DEEPEST = 50
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "in": lambda a, b: a in b,
}
_PLAIN = (str, int, float, bool, type(None))


class It(Flow[Any, Any]):
    """An expression over the input. Twin: "JSONPath choice rules" (Step Functions), made typed."""

    kind = "it"
    __hash__ = Flow.__hash__

    def __init__(self, data: list[Any]) -> None:
        self.data = data

    def shape(self) -> dict[str, Any]:
        return {"it": self.data}

    @classmethod
    def build(
        cls,
        shape: Mapping[str, Any],
        settings: Mapping[str, Any],
        children: list[tuple[str, Flow[Any, Any]]],
        names: Callable[[str], Flow[Any, Any]],
    ) -> Flow[Any, Any]:
        return It(shape["it"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.open(NodeOp(path, site.position, parent, key, value, m.seq, EXPRESSION))

    def __getitem__(self, key: str | int) -> It:
        if not isinstance(key, (str, int)):
            raise WrongArgument(f"it[...] takes a name or an index, not {key!r:.60}")
        return It(["get", self.data, key])

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
        return It(["and", self.data, _data(other)])

    def __or__(self, other: object) -> It:
        return It(["or", self.data, _data(other)])

    def __invert__(self) -> It:
        return It(["not", self.data])

    def has(self, member: object) -> It:
        """Whether the value contains ``member``."""
        return It(["in", _data(member), self.data])

    def size(self) -> It:
        """How many items or characters the value has."""
        return It(["size", self.data])

    def __iter__(self) -> Any:
        raise WrongArgument(
            "an expression can't be iterated or tested with `in`",
            hint='write it["tags"].has("x")',
        )

    def __repr__(self) -> str:
        return show(self.data)


it = It(["it"])


def _data(value: object) -> Any:
    if isinstance(value, It):
        return value.data
    if type(value) not in _PLAIN:
        raise WrongArgument(f"an expression takes texts, numbers, true, false, None; not {value!r:.60}")
    return ["value", value]


def _binary(symbol: str, left: It, right: object) -> It:
    return It([symbol, left.data, _data(right)])


def evaluate(data: list[Any], value: Any, depth: int = 0) -> Any:
    """The value of an expression for an input. ValueMismatch says which part doesn't fit."""
    if depth > DEEPEST or not isinstance(data, list) or not data:
        raise ValueMismatch("the expression is too deep or isn't one")
    name, *rest = data
    if name == "it":
        return value
    if name == "value":
        return rest[0]
    first = evaluate(rest[0], value, depth + 1)
    if name == "and":
        return bool(first) and bool(evaluate(rest[1], value, depth + 1))
    if name == "or":
        return bool(first) or bool(evaluate(rest[1], value, depth + 1))
    if name == "not":
        return not first
    try:
        if name == "get":
            return _get(first, rest[1])
        if name == "size":
            return len(first)
        return _BINARY[name](first, evaluate(rest[1], value, depth + 1))
    except (TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueMismatch(f"{show(data)} has no value for this input ({what})") from error


def _get(value: Any, key: str | int) -> Any:
    if isinstance(key, str) and not isinstance(value, Mapping):
        fields = getattr(type(value), "__dataclass_fields__", None) or getattr(
            type(value), "__struct_fields__", None
        ) or getattr(type(value), "model_fields", ())
        if key not in fields:
            raise KeyError(key)
        return getattr(value, key)
    return value[key]


def show(data: list[Any]) -> str:
    """An expression as one would write it."""
    name, *rest = data
    if name == "it":
        return "it"
    if name == "value":
        return repr(rest[0])
    if name == "get":
        return f"{show(rest[0])}[{rest[1]!r}]"
    if name == "not":
        return f"~{show(rest[0])}"
    if name == "size":
        return f"{show(rest[0])}.size()"
    if name == "in":
        return f"{show(rest[1])}.has({show(rest[0])})"
    symbol = {"and": "&", "or": "|"}.get(name, name)
    return f"({show(rest[0])} {symbol} {show(rest[1])})"
