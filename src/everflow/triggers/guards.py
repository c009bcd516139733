"""Guards as people type them: the text of an expression of ``it``, read as data.

Laws: the text is parsed and never run; what it may hold is what ``it`` can say, and so every text
that ``show`` gives of an expression reads as that expression.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from everflow.core.expressions import It, it
from everflow.errors import BadTrigger, WrongArgument

__all__ = ["read_guard"]

LONGEST = 2_000  # characters
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.In: lambda member, whole: whole.has(member),
}


def read_guard(text: str) -> It:
    """The expression of a text: ``it["object"]["type"] == "Note"``. BadTrigger for anything else.

    ``and``, ``or``, ``not`` and ``in`` are read as ``&``, ``|``, ``~`` and ``has``.
    """
    try:
        if len(text) > LONGEST:
            raise BadTrigger(f"a guard has at most {LONGEST:,} characters, not {len(text):,}")
        found = _read(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, WrongArgument) as error:
        if isinstance(error, BadTrigger):
            raise
        raise _refused(text, error.msg if isinstance(error, SyntaxError) else str(error)) from None
    if not isinstance(found, It):
        raise _refused(text, "it says nothing of the activity")
    return found


def _read(node: ast.AST) -> Any:  # noqa: C901, PLR0911 - one form of expression after the other
    """An expression, or a plain value."""
    match node:
        case ast.Name(id="it"):
            return it
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
            return ~_of_it(operand)
        case ast.Subscript(value=value, slice=index):
            return _of_it(value)[_read(index)]
        case ast.Call(func=ast.Attribute(value=value, attr="size"), args=[], keywords=[]):
            return _of_it(value).size()
        case ast.Call(func=ast.Attribute(value=value, attr="has"), args=[member], keywords=[]):
            return _of_it(value).has(_read(member))
        case ast.BoolOp(op=op, values=[first, *others]):
            found = _of_it(first)
            for other in others:
                found = _OPERATORS[type(op)](found, _of_it(other))
            return found
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](*_pair(left, right))
        case ast.Compare(left=left, ops=[ast.In()], comparators=[right]):
            return _of_it(right).has(_read(left))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](*_pair(left, right))
    raise WrongArgument(f"`{ast.unparse(node)[:60]}` can't stand in it")


def _pair(left: ast.AST, right: ast.AST) -> tuple[Any, Any]:
    """Two operands, the first of which is an expression, so that nothing is reckoned here."""
    first, second = _read(left), _read(right)
    if not isinstance(first, It):
        raise WrongArgument(f"`{ast.unparse(left)[:60]}` stands first: write it[...] there")
    return first, second


def _of_it(node: ast.AST) -> It:
    found = _read(node)
    if not isinstance(found, It):
        raise WrongArgument(f"`{ast.unparse(node)[:60]}` is no expression of it")
    return found


def _refused(text: str, why: str) -> BadTrigger:
    return BadTrigger(
        f"{text!r:.80} is no expression of it: {why}",
        hint="""write an expression of it: 'it["object"]["type"] == "Note"'""",
    )
