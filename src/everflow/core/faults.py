"""Errors and failures as values: what handlers, joins and callers get to see.

An error that a node raised is *reified* once, by the engine, and is plain data from then on. A
``Failure`` isn't an error: it is a value of its own type that goes downstream as data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

__all__ = [
    "Caught",
    "ErrorData",
    "Failure",
    "Question",
    "Settled",
    "decode_error",
    "encode_error",
    "make_error",
]

T = TypeVar("T")


class ErrorData(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A reified error: plain data that survives restarts.

    ``type`` is the class's name and ``kinds`` the canonical names of its bases up to ``Exception``,
    so that a retry's ``on=`` can match without the class. ``data`` is the error's arguments where
    they are plain. ``after`` is a delay in microseconds that the node asked for.
    """

    type: str
    message: str
    code: str = ""
    data: Any = None
    kinds: tuple[str, ...] = ()
    trace: str = ""
    retry: bool = True
    after: int | None = None
    position: str = ""
    others: tuple[ErrorData, ...] = ()


@dataclass(frozen=True)
class Caught(Generic[T]):
    """What the handler of ``try_catch`` gets: the error, and the value that had gone in."""

    error: ErrorData
    value: T


@dataclass(frozen=True)
class Failure:
    """A failure as a value: made by ``fail(reason)``, tested by ``failed``."""

    reason: Any = None


@dataclass(frozen=True)
class Settled(Generic[T]):
    """One child's end in ``parallel(join="settled")``: a value, or an error."""

    ok: bool
    value: T | None = None
    error: ErrorData | None = None


@dataclass(frozen=True)
class Question(Generic[T]):
    """What ``notify`` gets: the value asked about, the token that an answer is addressed to, and the deadline."""

    value: T
    token: str
    deadline: datetime | None = field(default=None)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ErrorData)
_PREFIX, _SUFFIX = '{"$":"Error","v":', "}"


def encode_error(error: ErrorData) -> str:
    """The payload of an error, as the codec would write the registered type ``Error``."""
    return f"{_PREFIX}{_encoder.encode(error).decode()}{_SUFFIX}"


def decode_error(payload: str) -> ErrorData:
    """The error of a payload that ``encode_error`` made; ValueError for any other text."""
    if not payload.startswith(_PREFIX):
        raise ValueError(f"not an error's payload: {payload[:80]}")
    return _decoder.decode(payload[len(_PREFIX) : -len(_SUFFIX)])


def make_error(code: str, kind: str, message: str, *, position: str = "") -> ErrorData:
    """An error that the machine itself raises (a timeout, a missing case)."""
    kinds = (f"everflow.errors:{kind}", "everflow.errors:FlowError")
    return ErrorData(type=kind, message=message, code=code, kinds=kinds, position=position)
