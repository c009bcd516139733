"""JSON from outside, read strictly, and its one canonical text (RFC 8785) with that text's CID.

Laws: two texts that mean the same value get the same canonical text, whatever the order of their
keys, their spaces, their escapes and the forms of their numbers; what could mean two things, or
means another thing to another reader, is refused: a key twice, NaN, an integer that a double can't
hold, half a surrogate pair. Nothing here trusts the size or the depth of what it is given.

rfc8785 is an extra, ``everflow[federation]``: it is imported here alone, and where it is missing,
whoever needs a canonical text is told so.
"""

from __future__ import annotations

import base64
import hashlib
import json
from types import ModuleType
from typing import Any, Never

from everflow.errors import ActivityRefused, ConfigurationError

__all__ = ["DEPTH", "LARGEST", "canonical", "cid_of", "read_json"]

LARGEST = 1024 * 1024  # bytes of an activity; what servers send is rarely above 100,000
DEPTH = 64  # containers within one another
_EXACT = 2**53  # up to here a double holds each integer (RFC 7493, section 2.2)
_CID_PREFIX = bytes((0x01, 0x80, 0x04, 0x12, 0x20))  # CIDv1, the codec json, 32 bytes of SHA-256


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text of UTF-8. ActivityRefused for what no two readers agree on."""
    if len(text) > LARGEST:
        raise ActivityRefused(f"it is larger than {LARGEST:,} bytes")
    try:
        given = text.decode() if isinstance(text, bytes) else text
        return json.loads(
            given, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer
        )
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise ActivityRefused(f"it isn't UTF-8: {error}") from None
    except json.JSONDecodeError as error:
        raise ActivityRefused(f"it isn't JSON: {error}") from None


def canonical(value: Any) -> str:
    """The canonical text of plain data. ActivityRefused for what has none."""
    write = _rfc8785().dumps
    plain = _plain(value, DEPTH)
    try:
        data: bytes = write(plain)
    except (ValueError, UnicodeEncodeError) as error:  # NaN, infinities, halves of pairs
        raise ActivityRefused(f"it has no canonical form: {error}") from None
    if len(data) > LARGEST:
        raise ActivityRefused(f"it is larger than {LARGEST:,} bytes")
    return data.decode()


def cid_of(text: str) -> str:
    """The content identifier of a canonical text: CIDv1, JSON, SHA-256, in base 32.

    Source: https://github.com/multiformats/cid and the table of multicodec.
    """
    data = _CID_PREFIX + hashlib.sha256(text.encode()).digest()
    return "b" + base64.b32encode(data).decode().rstrip("=").lower()


def _rfc8785() -> ModuleType:
    try:
        import rfc8785  # noqa: PLC0415 - an extra, as is said above
    except ImportError:
        raise ConfigurationError(
            "activities need rfc8785, which isn't installed here",
            hint="pip install 'everflow[federation]'",
        ) from None
    return rfc8785


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ActivityRefused(f"it has the key {twice!r:.80} twice in one object")
    return found


def _constant(name: str) -> Never:
    raise ActivityRefused(f"{name} isn't JSON")


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise _inexact(text)
    return int(text)


LONGEST_INTEGER = 310  # digits: no double is above 1.8e308


def _plain(value: Any, depth: int) -> Any:
    """The same value with each number in the form that canonical text is made of."""
    kind = type(value)
    if kind is dict or kind is list:
        if depth == 0:
            raise _too_deep()
        if kind is list:
            return [_plain(item, depth - 1) for item in value]
        for key in value:
            if type(key) is not str:
                raise ActivityRefused(f"the key {key!r:.80} isn't a text")
        return {key: _plain(item, depth - 1) for key, item in value.items()}
    if kind is int and abs(value) >= _EXACT:
        return _as_double(value)
    if value is not None and kind not in {str, int, float, bool}:
        raise ActivityRefused(f"{value!r:.80} isn't JSON")
    return value


def _as_double(value: int) -> float:
    """An integer that a double holds exactly, though not each of its neighbours."""
    try:
        double = float(value)
    except OverflowError:
        raise _inexact(str(value)) from None
    if int(double) != value:
        raise _inexact(str(value))
    return double


def _inexact(text: str) -> ActivityRefused:
    return ActivityRefused(
        f"the number {text:.40} can't be held exactly by everybody who reads JSON",
        hint="send it as a text",
    )


def _too_deep() -> ActivityRefused:
    return ActivityRefused(f"it nests deeper than {DEPTH} lists and objects")
