"""Errors and failures as values: what handlers, joins and callers get to see.

An error that a node raised is *reified* once, by the engine, and is plain data from then on. A
``Failure`` isn't an error: it is a value of its own type that goes downstream as data.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from everflow.core.naming import module_name
from everflow.errors import EverflowError

__all__ = [
    "Caught",
    "ErrorData",
    "Errors",
    "Failure",
    "Question",
    "Scheduled",
    "Settled",
    "attached",
    "decode_error",
    "encode_error",
    "error_kinds",
    "error_name",
    "error_names",
    "is_among",
    "make_error",
]

T = TypeVar("T")
Errors = type[BaseException] | str | tuple[type[BaseException] | str, ...]


class ErrorData(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A reified error: plain data that survives restarts.

    ``type`` is the class's name and ``kinds`` the names of the class and its bases
    (``error_kinds``), so that a retry's ``on=`` can match without the class. ``data`` is the
    error's arguments where they are plain, as JSON: dates as texts, records as dicts. ``after`` is
    a delay in microseconds that the node asked for.
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

    def is_a(self, kind: builtins.type[BaseException]) -> bool:
        """Whether the error was of that class, or of one below it."""
        return kind in _EVERY or error_name(kind) in self.kinds


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
    """What ``notify`` gets.

    ``value`` is what is asked about, ``token`` what an answer is addressed to, and ``deadline`` the
    moment after which it is refused.
    """

    value: T
    token: str
    deadline: datetime | None = field(default=None)


@dataclass(frozen=True)
class Scheduled(Generic[T]):
    """What a scheduled run gets that was asked to be told its instant.

    ``at`` is the instant that it was started for, in UTC, which may be long past; ``schedule`` is
    the name. It is Airflow's logical date.
    """

    value: T
    at: datetime
    schedule: str


_EVERY = (Exception, BaseException)
ATTACHED = 16  # errors beside one error, so that its size stays bounded
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


def error_name(kind: type[BaseException]) -> str:
    """The name by which ``retry(on=...)`` knows an error class: canonical, bare for builtins."""
    if kind.__module__ == "builtins":
        return kind.__name__
    return f"{module_name(kind.__module__) or kind.__module__}:{kind.__qualname__}"


def error_names(errors: Errors) -> tuple[str, ...]:
    """The names of error classes, and names and codes as they are; none where all are meant."""
    given = errors if isinstance(errors, tuple) else (errors,)
    if Exception in given or BaseException in given:
        return ()
    return tuple(error if isinstance(error, str) else error_name(error) for error in given)


def error_kinds(kind: type[BaseException]) -> tuple[str, ...]:
    """The names of a class and its bases, but for those that every error has."""
    common = (Exception, BaseException, object)
    return tuple(error_name(base) for base in kind.__mro__ if base not in common)


def is_among(error: ErrorData, names: tuple[str, ...]) -> bool:
    """Whether an error has one of these names or codes; any error is, where there are none."""
    return not names or bool({error.type, error.code, *error.kinds} & set(names))


def make_error(kind: type[EverflowError], message: str, *, position: str = "") -> ErrorData:
    """An error that the machine itself raises (a timeout, a missing case)."""
    return ErrorData(
        type=kind.__name__,
        message=message,
        code=kind.code,
        kinds=error_kinds(kind),
        position=position,
    )


def attached(first: ErrorData, rest: Sequence[ErrorData]) -> ErrorData:
    """An error with the others, theirs among them in one flat row: nesting can't grow it."""
    others = list(first.others)
    for error in rest:
        others += [msgspec.structs.replace(error, others=()), *error.others]
    return msgspec.structs.replace(first, others=tuple(others[:ATTACHED]))
