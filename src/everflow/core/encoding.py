"""Writing values as payloads: JSON text, checked first, so that what is written can be read back.

JSON types stand as themselves and everything else as ``{"$":NAME,"v":...}``. A value of JSON types
alone is checked by one light walk and written by msgspec; any other, and any that fails that
check, is lowered part by part, and that walk knows the path of what it refuses. Nothing is ever
converted in silence: a subclass that would come back as its base is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from everflow.core.kinds import EnumKind, RecordKind, is_kind
from everflow.core.types import Types
from everflow.core.unfit import Unfit, at_field, at_index, at_key, kind_name
from everflow.errors import ValueRefused

__all__ = ["DEPTH", "LIMIT", "MAX_DIGITS", "encode"]

LIMIT = 16 * 1024 * 1024
DEPTH = 100  # reading takes up to five Python frames a container, of the 1,000 that there are
MAX_DIGITS = 4000
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_TOO_LONG = 10**MAX_DIGITS
_MAX_FLOAT = 1.7976931348623157e308
_DAY = 86_400_000_000
_TEXT = msgspec.json.Encoder().encode


def encode(value: Any, types: Types, *, limit: int = LIMIT) -> str:  # noqa: C901, PLR0911 - the hot path
    """The payload of a value: JSON text of at most ``limit`` bytes in UTF-8.

    Raises ValueRefused, with the path inside the value, for what isn't plain data, nests deeper
    than ``DEPTH`` containers, contains itself, or is too large.
    """
    kind = type(value)
    if kind is int:
        if _MIN_INT <= value <= _MAX_INT:
            return repr(value)
    elif value is None:
        return "null"
    elif kind is bool:
        return "true" if value else "false"
    elif (kind is dict or kind is list) and _plain(value, DEPTH, limit) < 0:
        return _encode_by_parts(value, types, limit)
    elif kind is float:
        if -_MAX_FLOAT <= value <= _MAX_FLOAT:
            return _TEXT(value).decode()
    elif kind is not dict and kind is not list and kind is not str:
        known = types.kind_of(kind)
        if isinstance(known, RecordKind):
            return _encode_record(value, known, types, limit)
    else:
        try:
            data = _TEXT(value)
        except UnicodeEncodeError:
            return _encode_by_parts(value, types, limit)
        if len(data) <= limit:
            return data.decode()
    return _encode_by_parts(value, types, limit)


# One flat loop: split into functions it takes three times as long, and every value passes here.
def _plain(value: Any, depth: int, left: int) -> int:  # noqa: C901, PLR0911, PLR0912 - one pass over many kinds, measured
    """What is left of a size budget after a container of JSON types alone; negative for any other.

    The budget counts characters, so that a value that refers to one large part many times is
    stopped before it is written out. Lone surrogates are left to the encoder, which finds them.
    """
    if depth == 0:
        return -1
    items = value
    if type(value) is dict:
        if "$" in value:
            return -1
        for key in value:
            if type(key) is not str:
                return -1
            left -= len(key)
        items = value.values()
    left -= 2 * len(value)
    for item in items:
        kind = type(item)
        if kind is str:
            left -= len(item)
        elif kind is int:
            if not _MIN_INT <= item <= _MAX_INT:
                return -1
        elif kind is dict or kind is list:
            left = _plain(item, depth - 1, left)
            if left < 0:
                return -1
        elif kind is float:
            if not -_MAX_FLOAT <= item <= _MAX_FLOAT:
                return -1
        elif item is not None and kind is not bool:
            return -1
    return left


def _encode_record(value: Any, known: RecordKind, types: Types, limit: int) -> str:
    """The same for a record, whose fields are most often of JSON types alone."""
    try:
        fields = known.read(value)
        if _plain(fields, DEPTH, limit) >= 0:
            text = f"{known.prefix}{_TEXT(fields).decode()}}}"
            if len(text) * 4 <= limit:  # so many bytes a character may take, and no more
                return text
    except (Unfit, UnicodeEncodeError):
        pass  # met again below, with its path
    return _encode_by_parts(value, types, limit)


def _encode_by_parts(value: Any, types: Types, limit: int) -> str:
    """The same for any value: lowered to JSON types first, with tags. Knows where a fault is."""
    try:
        try:
            data = _TEXT(_Lowering(types, limit).lower(value, DEPTH))
        except UnicodeEncodeError:
            # Somewhere is a lone surrogate; strings are looked at one by one only to say where.
            data = _TEXT(_Lowering(types, limit, strings=True).lower(value, DEPTH))
        if len(data) > limit:
            raise _too_large(limit)
    except Unfit as unfit:
        raise ValueRefused(unfit.message, path=unfit.path, hint=unfit.hint) from None
    except RecursionError:
        raise ValueRefused(
            "the value nests too deeply for the Python stack that is left",
            hint="Flatten it: a list of rows that refer to each other by id.",
        ) from None
    return data.decode()


class _Lowering:
    """One walk that turns a value into JSON types, with what is left of its size budget."""

    __slots__ = ("left", "limit", "strings", "types")

    def __init__(self, types: Types, limit: int, *, strings: bool = False) -> None:
        self.types = types
        self.limit = limit
        self.left = limit
        self.strings = strings

    def lower(self, value: Any, depth: int) -> Any:
        """The JSON types that stand for a value; ``depth``: how many containers may still nest."""
        kind = type(value)
        write = _WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth)
        known = self.types.kind_of(kind)
        if known is None:
            raise _refused_type(value)
        if isinstance(known, EnumKind):
            return {"$": known.tag, "v": self.lower(value._value_, depth)}
        return {"$": known.tag, "v": self.record(known, value, depth)}

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise _too_large(self.limit)

    def enter(self, owner: object, size: int, depth: int) -> None:
        """Counts a container of so many parts; Unfit when it is one too deep, or an endless one."""
        if depth == 0:
            raise _TooDeep(owner)
        self.spend(2 * size)

    def string(self, value: str, _depth: int) -> str:
        self.spend(len(value))
        if self.strings and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise Unfit(
                    f"half a surrogate pair ({value[error.start]!a}) is no character",
                    "Decode bytes with errors='replace', or pass them as bytes.",
                ) from None
        return value

    def integer(self, value: int, _depth: int) -> Any:
        if _MIN_INT <= value <= _MAX_INT:
            return value
        if not -_TOO_LONG < value < _TOO_LONG:
            raise Unfit(
                f"an integer of more than {MAX_DIGITS} digits", "Pass it as bytes or as text."
            )
        try:
            text = str(value)
        except ValueError as error:  # the process has a lower limit of its own
            raise Unfit(f"an integer that can't be written: {error}") from None
        self.spend(len(text))
        return {"$": "int", "v": text}

    def number(self, value: float, _depth: int) -> float:
        if -_MAX_FLOAT <= value <= _MAX_FLOAT:
            return value
        raise Unfit(
            f"{value} isn't a finite number", "Use None, or a word, for what has no number."
        )

    def items(self, value: Any, depth: int) -> list[Any]:
        """A list of what the elements of a list or tuple are lowered to."""
        self.enter(value, len(value), depth)
        lower, out, depth = self.lower, [], depth - 1
        try:
            for item in value:
                out.append(lower(item, depth))  # noqa: PERF401 - its length is a fault's index
        except Unfit as unfit:
            raise unfit.inside(at_index(len(out)), value) from None
        return out

    def tuple_(self, value: Any, depth: int) -> Any:
        return {"$": "tuple", "v": self.items(value, depth)}

    def set_(self, value: Any, depth: int) -> Any:
        """In the order of the elements' texts, so that equal sets are written alike."""
        self.enter(value, len(value), depth)
        out = []
        for item in value:
            try:
                out.append(self.lower(item, depth - 1))
            except Unfit as unfit:
                raise unfit.inside(at_key(item), value) from None
        return {"$": type(value).__name__, "v": sorted(out, key=_TEXT)}

    def dict_(self, value: dict[Any, Any], depth: int) -> Any:
        """An object, or pairs where a key isn't a string or is the one that marks tags."""
        if "$" in value or not all(type(key) is str for key in value):
            return {"$": "map", "v": self.pairs(value, depth)}
        for key in value:
            try:
                self.string(key, depth)
            except Unfit as unfit:
                raise unfit.inside(at_key(key), value) from None
        return self.fields(value, depth, at_key, value)

    def pairs(self, value: dict[Any, Any], depth: int) -> Any:
        self.enter(value, len(value), depth)
        out = []
        for key, item in value.items():
            try:
                out.append([self.lower(key, depth - 1), self.lower(item, depth - 1)])
            except Unfit as unfit:
                raise unfit.inside(at_key(key), value) from None
        return out

    def record(self, known: RecordKind, value: Any, depth: int) -> Any:
        """The fields of a record; as they are if they are of JSON types alone, as most are."""
        fields = known.read(value)
        if not self.strings:
            left = _plain(fields, depth, self.left)
            if left >= 0:
                self.left = left
                return fields
        return self.fields(fields, depth, at_field, value)

    def fields(
        self, fields: dict[str, Any], depth: int, step: Callable[[str], str], owner: object
    ) -> Any:
        self.enter(owner, len(fields), depth)
        out = {}
        for key, item in fields.items():
            try:
                out[key] = self.lower(item, depth - 1)
            except Unfit as unfit:
                raise unfit.inside(step(key), owner) from None
        return out

    def datetime_(self, value: datetime, _depth: int) -> Any:
        return {"$": "datetime", "v": value.isoformat() + _zone(value)}

    def time_(self, value: time, _depth: int) -> Any:
        return {"$": "time", "v": value.isoformat() + _zone(value)}

    def decimal_(self, value: Decimal, _depth: int) -> Any:
        if not value.is_finite():
            raise Unfit(f"{value} isn't a finite number", "Use None for what has no number.")
        text = str(value)
        self.spend(len(text))
        return {"$": "decimal", "v": text}

    def bytes_(self, value: bytes, _depth: int) -> Any:
        self.spend(len(value))
        return {"$": "bytes", "v": base64.b64encode(value).decode()}


_WRITERS: dict[type, Callable[[_Lowering, Any, int], Any]] = {
    type(None): lambda _walk, value, _depth: value,
    bool: lambda _walk, value, _depth: value,
    int: _Lowering.integer,
    float: _Lowering.number,
    str: _Lowering.string,
    list: _Lowering.items,
    dict: _Lowering.dict_,
    tuple: _Lowering.tuple_,
    set: _Lowering.set_,
    frozenset: _Lowering.set_,
    bytes: _Lowering.bytes_,
    datetime: _Lowering.datetime_,
    time: _Lowering.time_,
    date: lambda _walk, value, _depth: {"$": "date", "v": value.isoformat()},
    timedelta: lambda _walk, value, _depth: {
        "$": "timedelta",
        "v": value.days * _DAY + value.seconds * 1_000_000 + value.microseconds,
    },
    Decimal: _Lowering.decimal_,
    UUID: lambda _walk, value, _depth: {"$": "uuid", "v": str(value)},
}


def _zone(value: datetime | time) -> str:
    """What the ISO text doesn't say, as suffixes after RFC 9557: the zone's name and the fold."""
    zone = value.tzinfo
    name = ""
    if zone is not None and type(zone) is not timezone:
        if type(zone) is not ZoneInfo or zone.key is None:
            raise Unfit(
                f"a time zone of type {kind_name(zone)} can't be recorded",
                "Use datetime.UTC, a fixed datetime.timezone, or a ZoneInfo by its name.",
            )
        name = f"[{zone.key}]"
    return f"{name}[_fold=1]" if value.fold else name


class _TooDeep(Unfit):
    """Nested too deep; finds out on its way out whether the value contains itself."""

    def __init__(self, innermost: object) -> None:
        super().__init__(
            f"the value nests deeper than {DEPTH} containers",
            "Flatten it: a list of rows that refer to each other by id.",
        )
        self.innermost = innermost

    def inside(self, step: str, owner: object = None) -> Unfit:
        if owner is self.innermost:
            self.message = "the value contains itself"
            self.trail.clear()
        return super().inside(step, owner)


def _too_large(limit: int) -> Unfit:
    return Unfit(
        f"the value takes more than {limit} bytes",
        "Keep large data in a place of its own and pass its address on.",
        whole=True,
    )


def _refused_type(value: Any) -> Unfit:
    name = kind_name(value)
    if is_kind(type(value)):
        hint = "Annotate a node's parameter or result with it, or register it with everflow.value."
        return Unfit(f"the type {name} isn't registered", hint)
    base = next((b for b in type(value).__mro__ if b in _WRITERS), None)
    if base is not None:
        return Unfit(
            f"{name} is a subclass of {base.__name__} and would come back as a plain one",
            f"Convert it to {base.__name__} first, or make it a dataclass.",
        )
    return Unfit(
        f"{name} isn't plain data",
        "Values are JSON types, bytes, dates and times, Decimal, UUID, tuples, sets, enums,"
        " dataclasses, msgspec Structs and pydantic models.",
    )
