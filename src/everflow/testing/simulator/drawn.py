"""Values drawn from a JSON Schema: what an input, an answer or a stub's result may well be.

Every value fits its schema; small ones come more often, and an enum's members, both booleans and
both sides of an optional value all come. Where a schema says nothing, a small number is drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

__all__ = ["drawn"]

DEEPEST = 6
LONGEST = 3
WORDS = ("a", "bird", "dune", "eel", "fern", "gale", "heron", "isle")
_EPOCH = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def drawn(schema: Any, dice: Random) -> Any:
    """A value of plain JSON that fits the schema."""
    named = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
    return _drawn(schema, named, dice, 0)


def _drawn(schema: Any, named: Mapping[str, Any], dice: Random, depth: int) -> Any:
    known = schema if isinstance(schema, Mapping) else {}
    while "$ref" in known:
        known = named.get(str(known["$ref"]).rpartition("/")[2], {})
    choices = [known["const"]] if "const" in known else list(known.get("enum", ()))
    if choices:
        return dice.choice(choices)
    several = known.get("anyOf") or known.get("oneOf")
    if several:
        flat = [one for one in several if one == {"type": "null"}] if depth > DEEPEST else []
        return _drawn(dice.choice(flat or list(several)), named, dice, depth + 1)
    if known.get("type") == "array":
        return _array(known, named, dice, depth)
    if known.get("type") == "object":
        return _object(known, named, dice, depth)
    draw: Draw = _SCALARS.get(str(known.get("type")), _number)
    return draw(known, dice)


def _array(schema: Mapping[str, Any], named: Mapping[str, Any], dice: Random, depth: int) -> Any:
    items = [_drawn(item, named, dice, depth + 1) for item in schema.get("prefixItems", ())]
    least = schema.get("minItems", 0)
    most = min(max(least, LONGEST), schema.get("maxItems", LONGEST))
    wanted = least if depth > DEEPEST else dice.randint(least, max(least, most))
    while len(items) < wanted and schema.get("items") is not False:
        items.append(_drawn(schema.get("items", {}), named, dice, depth + 1))
    return items


def _object(schema: Mapping[str, Any], named: Mapping[str, Any], dice: Random, depth: int) -> Any:
    required = set(schema.get("required", ()))
    return {
        name: _drawn(inner, named, dice, depth + 1)
        for name, inner in schema.get("properties", {}).items()
        if name in required or (depth <= DEEPEST and dice.random() < 0.5)  # noqa: PLR2004 - half of them
    }


def _number(schema: Mapping[str, Any], dice: Random) -> int:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 10) - 1)
    return dice.randint(int(least), max(int(least), int(most)))


def _text(schema: Mapping[str, Any], dice: Random) -> str:
    made = _FORMATS.get(str(schema.get("format")))
    if made is not None:
        return made(dice)
    text = dice.choice(WORDS)
    least = int(schema.get("minLength", 0))
    most = int(schema.get("maxLength", max(least, len(text))))
    return (text * (least // len(text) + 1))[:most]


def _moment(dice: Random) -> dt.datetime:
    return _EPOCH + dt.timedelta(seconds=dice.randrange(10_000_000))


Draw = Callable[[Mapping[str, Any], Random], Any]
_FORMATS: Mapping[str, Callable[[Random], str]] = {
    "date-time": lambda dice: _moment(dice).isoformat(),
    "date": lambda dice: _moment(dice).date().isoformat(),
    "time": lambda dice: _moment(dice).time().isoformat(),
    "duration": lambda dice: f"PT{dice.randrange(1, 10_000)}S",
    "uuid": lambda dice: f"00000000-0000-4000-8000-{dice.randrange(1 << 48):012x}",
    "decimal": lambda dice: f"{dice.randrange(10_000) / 100:.2f}",
}
_SCALARS: Mapping[str, Draw] = {
    "null": lambda _schema, _dice: None,
    "boolean": lambda _schema, dice: dice.random() < 0.5,  # noqa: PLR2004 - as often as not
    "integer": _number,
    "number": lambda schema, dice: float(_number(schema, dice)),
    "string": _text,
}
