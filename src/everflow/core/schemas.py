"""JSON Schema for what people and other processes may answer, and the check of a value against it.

A schema is plain data, so that a process without the flow's code can refuse a wrong answer before
it is accepted. ``check`` knows the keywords that msgspec and pydantic write and takes any other as
saying nothing; a schema of ``{}`` takes any value. What a schema describes and the check takes, the
consumer's Reader takes too: texts that stand for dates and the like are parsed here already.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from everflow.core.describing import Schema, schema_of
from everflow.core.unfit import Unfit, at_field, at_index, at_key, expected, short

__all__ = ["Schema", "check", "schema_of"]

_DEFS = "#/$defs/"
_FORMATS: dict[str, type] = {
    "date-time": dt.datetime,
    "date": dt.date,
    "time": dt.time,
    "duration": dt.timedelta,
    "uuid": uuid.UUID,
    "decimal": decimal.Decimal,
}
_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def check(value: object, schema: Schema) -> str | None:
    """None when a value of plain JSON fits, else a sentence that says where and why it doesn't."""
    try:
        _check(value, schema, schema.get("$defs", {}))
    except Unfit as unfit:
        return f"{unfit.path}: {unfit.message}" if unfit.path else unfit.message
    except RecursionError:
        return "the value nests too deeply to be checked"
    return None


def _check(value: Any, schema: Any, definitions: Schema) -> None:
    if schema is False:
        raise Unfit("no such field or part is expected")
    if schema is True:
        return
    for keyword, argument in schema.items():
        rule = _RULES.get(keyword)
        if rule is not None and (rule.of is None or type(value) in rule.of):
            rule.test(value, argument, schema, definitions)


def _ref(value: Any, name: str, _schema: Schema, definitions: Schema) -> None:
    _check(value, definitions.get(name.removeprefix(_DEFS), {}), definitions)


def _type(value: Any, named: Any, _schema: Schema, _definitions: Schema) -> None:
    names = [named] if isinstance(named, str) else named
    if not any(type(value) in _TYPES[name] for name in names):
        raise expected(" or ".join(names), value)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: True isn't 1."""
    return type(one) is type(other) and bool(one == other)


def _enum(value: Any, allowed: list[Any], _schema: Schema, _definitions: Schema) -> None:
    if not any(_same(value, one) for one in allowed):
        raise expected(f"one of {short(', '.join(map(repr, allowed)))}", value)


def _const(value: Any, only: Any, _schema: Schema, _definitions: Schema) -> None:
    if not _same(value, only):
        raise expected(repr(only), value)


def _any_of(value: Any, members: list[Any], schema: Schema, definitions: Schema) -> None:
    by = schema.get("discriminator")
    if by is not None and type(value) is dict:
        # JSON has strings alone for keys, so that a tag that is a number is found by its text.
        mapping = {str(tag): ref for tag, ref in by["mapping"].items()}
        tag = value.get(by["propertyName"])
        if str(tag) not in mapping:
            raise expected(f"one of {', '.join(mapping)}", tag).inside(at_field(by["propertyName"]))
        members = [{"$ref": mapping[str(tag)]}]
    faults = []
    for member in members:
        try:
            return _check(value, member, definitions)
        except Unfit as unfit:
            faults.append(unfit)
    deepest = max(faults, key=lambda fault: len(fault.trail))
    if deepest.trail or len(faults) == 1:
        raise deepest
    raise Unfit("; ".join(dict.fromkeys(fault.message for fault in faults)))


def _properties(value: Any, fields: Schema, schema: Schema, definitions: Schema) -> None:
    more = schema.get("additionalProperties", True)
    for key, item in value.items():
        try:
            if key in fields:
                _check(item, fields[key], definitions)
            else:
                _check(item, more, definitions)
        except Unfit as unfit:
            raise unfit.inside(at_field(key) if key in fields else at_key(key)) from None


def _additional(value: Any, _more: Any, schema: Schema, definitions: Schema) -> None:
    if "properties" not in schema:
        _properties(value, {}, schema, definitions)


def _required(value: Any, names: list[str], _schema: Schema, _definitions: Schema) -> None:
    missing = [name for name in names if name not in value]
    if missing:
        raise Unfit(f"lacks {', '.join(map(repr, missing))}")


def _items(value: Any, item: Any, schema: Schema, definitions: Schema) -> None:
    _each(value, len(schema.get("prefixItems", ())), [item] * len(value), definitions)


def _prefix(value: Any, items: list[Any], _schema: Schema, definitions: Schema) -> None:
    _each(value[: len(items)], 0, items, definitions)


def _each(value: list[Any], start: int, items: list[Any], definitions: Schema) -> None:
    for index in range(start, len(value)):
        try:
            _check(value[index], items[index], definitions)
        except Unfit as unfit:
            raise unfit.inside(at_index(index)) from None


def _unique(value: Any, wanted: bool, _schema: Schema, _definitions: Schema) -> None:  # noqa: FBT001 - the keyword's own argument
    if wanted and len({msgspec.json.encode(item) for item in value}) < len(value):
        raise Unfit("has a part twice")


def _pattern(value: Any, pattern: str, _schema: Schema, _definitions: Schema) -> None:
    if not re.search(pattern, value):
        raise Unfit(f"{short(repr(value))} doesn't match {pattern!r}")


def _format(value: Any, name: str, _schema: Schema, _definitions: Schema) -> None:
    kind = bytes if name == "base64" else _FORMATS.get(name)
    if kind is not None:
        try:
            msgspec.convert(value, kind)
        except ValueError:
            raise expected(f"a text of format {name}", value) from None


class _Rule(NamedTuple):
    """What a keyword tests, and the types of values that it speaks of (None: of all)."""

    of: tuple[type, ...] | None
    test: Callable[[Any, Any, Schema, Schema], None]


def _bound(word: str, holds: Callable[[Any, Any], bool]) -> Callable[..., None]:
    """A rule that compares a number, or a length, with a bound."""

    def test(value: Any, bound: Any, _schema: Schema, _definitions: Schema) -> None:
        if not holds(value, bound):
            raise Unfit(f"{word} {bound}, got {short(repr(value))}")

    return test


def _length(word: str, holds: Callable[[int, int], bool]) -> Callable[..., None]:
    def test(value: Any, bound: int, _schema: Schema, _definitions: Schema) -> None:
        if not holds(len(value), bound):
            raise Unfit(f"{word} {bound} long, got {len(value)}")

    return test


_NUMBERS = (int, float)
_AT_LEAST = _length("expected to be at least", lambda size, bound: size >= bound)
_AT_MOST = _length("expected to be at most", lambda size, bound: size <= bound)
_RULES: dict[str, _Rule] = {
    "$ref": _Rule(None, _ref),
    "type": _Rule(None, _type),
    "enum": _Rule(None, _enum),
    "const": _Rule(None, _const),
    "anyOf": _Rule(None, _any_of),
    "oneOf": _Rule(None, _any_of),
    "properties": _Rule((dict,), _properties),
    "additionalProperties": _Rule((dict,), _additional),
    "required": _Rule((dict,), _required),
    "minProperties": _Rule((dict,), _AT_LEAST),
    "maxProperties": _Rule((dict,), _AT_MOST),
    "items": _Rule((list,), _items),
    "prefixItems": _Rule((list,), _prefix),
    "minItems": _Rule((list,), _AT_LEAST),
    "maxItems": _Rule((list,), _AT_MOST),
    "uniqueItems": _Rule((list,), _unique),
    "minLength": _Rule((str,), _AT_LEAST),
    "maxLength": _Rule((str,), _AT_MOST),
    "pattern": _Rule((str,), _pattern),
    "format": _Rule((str,), _format),
    "contentEncoding": _Rule((str,), _format),
    "minimum": _Rule(_NUMBERS, _bound("expected at least", lambda a, b: a >= b)),
    "maximum": _Rule(_NUMBERS, _bound("expected at most", lambda a, b: a <= b)),
    "exclusiveMinimum": _Rule(_NUMBERS, _bound("expected more than", lambda a, b: a > b)),
    "exclusiveMaximum": _Rule(_NUMBERS, _bound("expected less than", lambda a, b: a < b)),
    "multipleOf": _Rule(_NUMBERS, _bound("expected a multiple of", lambda a, b: a % b == 0)),
}
