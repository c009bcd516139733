"""Reading payloads by their tags: what was recorded comes back, equal and with equal types, fresh.

The data decides nothing but which registered type is restored: a tag names a built-in reading below
or a type in the registry, and any other name is a mismatch. Nothing is imported, and no object is
shared between two decodes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from everflow.core.kinds import EnumKind, RecordKind
from everflow.core.marks import ASIDE, SEALED
from everflow.core.types import Types
from everflow.core.unfit import Unfit, at_field, at_index, at_key, expected
from everflow.core.upcasts import fields_of
from everflow.errors import ValueMismatch

__all__ = ["decode", "has_tags", "mismatch", "parse", "revived", "untagged"]

_PARSE = msgspec.json.Decoder().decode
_INTEGER = re.compile(r"-?[0-9]{1,4000}", re.ASCII)
_ZONED = re.compile(r"([^\[]*)(?:\[([A-Za-z0-9][A-Za-z0-9_+/-]{0,63})\])?(\[_fold=1\])?")
_TAG_KEYS = {"$", "v"}


def decode(payload: str, types: Types) -> Any:
    """The value of a payload, as it was recorded. Always a fresh object.

    Raises ValueMismatch for text that no encoder wrote, and where the registered types don't fit.
    """
    value = parse(payload)
    if not has_tags(payload):
        return value
    try:
        return revived(value, types)
    except Unfit as unfit:
        raise mismatch(unfit) from None
    except RecursionError:
        raise ValueMismatch("the payload nests too deeply to be decoded") from None


def parse(payload: str) -> Any:
    """The plain JSON of a payload, tags and all."""
    try:
        return _PARSE(payload)
    except RecursionError:
        raise ValueMismatch("the payload nests too deeply to be decoded") from None
    except ValueError as error:  # msgspec's errors and those of Unicode are among them
        raise ValueMismatch(f"the payload isn't JSON: {error}") from None


def has_tags(payload: str) -> bool:
    """Whether the payload may hold a tag; an escaped key counts, though no encoder writes one."""
    return '"$"' in payload or "\\u0024" in payload


def mismatch(unfit: Unfit) -> ValueMismatch:
    """The error that the codec's callers see."""
    return ValueMismatch(unfit.message, path=unfit.path, hint=unfit.hint)


def revived(value: Any, types: Types) -> Any:
    """The value that parsed JSON stands for; lists and dicts are changed in place."""
    if type(value) is list:
        return _items(value, types)
    if type(value) is not dict:
        return value
    if "$" in value:
        return _tagged(value, types)
    return _fields(value, types, at_key)


def _items(value: Any, types: Types) -> list[Any]:
    if type(value) is not list:
        raise expected("a list", value)
    index = 0
    try:
        for index, item in enumerate(value):
            if type(item) is dict or type(item) is list:
                value[index] = revived(item, types)
    except Unfit as unfit:
        raise unfit.inside(at_index(index)) from None
    return value


def _fields(value: Any, types: Types, step: Callable[[str], str]) -> dict[str, Any]:
    if type(value) is not dict:
        raise expected("an object", value)
    key = ""
    try:
        for key, item in value.items():
            if type(item) is dict or type(item) is list:
                value[key] = revived(item, types)
    except Unfit as unfit:
        raise unfit.inside(step(key)) from None
    return value


def _tagged(value: dict[str, Any], types: Types) -> Any:
    name = value["$"]
    if value.keys() != _TAG_KEYS or type(name) is not str:
        raise Unfit(
            'an object with the key "$" that isn\'t a tagged value',
            'A tagged value has the keys "$", a type\'s name, and "v", its content.',
        )
    content = value["v"]
    read = _READERS.get(name)
    if read is not None:
        try:
            return read(content, types)
        except (ValueError, TypeError, ArithmeticError, OSError, LookupError) as error:
            # What the constructors of the built-in types say of text that isn't theirs.
            raise expected(f"the content of a {name}", content, error) from None
    known = types.kind_tagged(name)
    if known is None:
        return _older(name, content, types)
    if isinstance(known, EnumKind):
        return known.member(revived(content, types))
    return known.restore(_fields(content, types, at_field))


def _older(tag: str, content: Any, types: Types) -> Any:
    """A value whose type has another version or name by now, or is gone."""
    known, raised = types.older(tag, revived(content, types))
    if known is None:
        return raised
    if isinstance(known, RecordKind):
        return known.restore(fields_of(known.name, raised))
    return known.member(raised)


def _text(content: Any) -> str:
    if type(content) is not str:
        raise TypeError("it isn't a string")
    return content


def _integer(content: Any, _types: object) -> int:
    if not _INTEGER.fullmatch(_text(content)):
        raise ValueError("it isn't a decimal number of at most 4000 digits")
    return int(content)


def _bytes(content: Any, _types: object) -> bytes:
    return binascii.a2b_base64(_text(content), strict_mode=True)


def _zoned(content: Any) -> tuple[str, dict[str, Any]]:
    """The ISO text, and what the suffixes say: the zone by name and the fold."""
    found = _ZONED.fullmatch(_text(content))
    if found is None:
        raise ValueError("its suffixes aren't a zone's name and a fold")
    said: dict[str, Any] = {}
    if found[2]:
        said["tzinfo"] = ZoneInfo(found[2])
    if found[3]:
        said["fold"] = 1
    return found[1], said


def _datetime(content: Any, _types: object) -> datetime:
    # The wall time and the zone's name are what was recorded; the offset between is for readers
    # that know no zones, and today's rules of the zone win over it.
    text, said = _zoned(content)
    return datetime.fromisoformat(text).replace(**said)


def _time(content: Any, _types: object) -> time:
    text, said = _zoned(content)
    return time.fromisoformat(text).replace(**said)


def _timedelta(content: Any, _types: object) -> timedelta:
    if type(content) is not int:
        raise TypeError("it isn't a count of microseconds")
    return timedelta(microseconds=content)


def _decimal(content: Any, _types: object) -> Decimal:
    value = Decimal(_text(content))
    if not value.is_finite():
        raise InvalidOperation("it isn't finite")
    return value


def _set(content: Any, types: Types) -> set[Any]:
    made = set(_items(content, types))
    if len(made) != len(content):
        raise ValueError("it has an element twice")
    return made


def _map(content: Any, types: Types) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    if type(content) is not list:
        raise expected("a list of pairs", content)
    for pair in content:
        if type(pair) is not list or len(pair) != 2:  # noqa: PLR2004 - two is what a pair has
            raise expected("a list of pairs", content)
        try:
            made[revived(pair[0], types)] = revived(pair[1], types)
        except Unfit as unfit:
            raise unfit.inside(at_key(pair[0])) from None
    if len(made) != len(content):
        raise ValueError("it has a key twice")
    return made


def _sealed(_content: Any, _types: object) -> Any:
    raise Unfit("the value is sealed", "Open the store with the keys it was written with.")


def _aside(_content: Any, _types: object) -> Any:
    raise Unfit("the value is kept aside", "Read the entry by itself, and it comes with it.")


_READERS: dict[str, Callable[[Any, Types], Any]] = {
    SEALED: _sealed,
    ASIDE: _aside,
    "int": _integer,
    "bytes": _bytes,
    "datetime": _datetime,
    "date": lambda content, _types: date.fromisoformat(_text(content)),
    "time": _time,
    "timedelta": _timedelta,
    "decimal": _decimal,
    "uuid": lambda content, _types: UUID(_text(content)),
    "tuple": lambda content, types: tuple(_items(content, types)),
    "set": _set,
    "frozenset": lambda content, types: frozenset(_set(content, types)),
    "map": _map,
}


def untagged(value: Any) -> Any:
    """Parsed JSON without its tags: what msgspec's own JSON of the value would be.

    For processes that check values by JSON Schema and don't have the flow's types. A named zone is
    reduced to its offset; pairs become an object where every key is a string or an integer.
    """
    if type(value) is list:
        return [untagged(item) for item in value]
    if type(value) is not dict:
        return value
    name = value.get("$")
    if value.keys() != _TAG_KEYS or type(name) is not str:
        return {key: untagged(item) for key, item in value.items()}
    content = untagged(value["v"])
    plainly = _PLAINLY.get(name)
    try:
        return content if plainly is None else plainly(content)
    except (TypeError, ValueError, OverflowError):
        return content  # not what the codec writes: the schema will say so


def _object(pairs: Any) -> dict[str, Any]:
    made = {}
    for key, value in pairs:
        if type(key) not in {str, int}:
            raise TypeError(key)
        made[str(key)] = value
    return made


_PLAINLY: dict[str, Callable[[Any], Any]] = {
    "int": lambda content: _integer(content, None),
    "timedelta": lambda content: msgspec.to_builtins(_timedelta(content, None)),
    "datetime": lambda content: _text(content).split("[", 1)[0],
    "time": lambda content: _text(content).split("[", 1)[0],
    "map": _object,
    SEALED: lambda _content: "(sealed)",
    ASIDE: lambda _content: "(kept aside)",
}
