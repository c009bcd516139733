"""Values, times and labels out of what somebody typed.

A value is JSON. A text that isn't is taken as a string, as long as it doesn't begin like JSON: a
slip in an object is told, not sent. ``@FILE`` reads the value from a file and ``-`` from the
standard input.
"""

from __future__ import annotations

import getpass
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Never

from everflow.errors import AnswerRefused, CallerError, ConfigurationError, InputRefused

__all__ = [
    "JSON",
    "TEXT",
    "answer_value",
    "input_given",
    "labels",
    "moment",
    "read_value",
    "seconds",
    "user_name",
]

LONGEST = 36_500 * 86_400.0  # seconds of a length of time: a century
LARGEST = 64 * 1024 * 1024  # bytes of a value that is read; an engine's own limit is lower
_WORDS = {"yes": True, "y": True, "no": False, "n": False}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_SCALAR = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")  # JSON that may be meant as a text
JSON = "json"
TEXT = "text"


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} isn't JSON")


def read_value(text: str | None) -> tuple[Any, str]:
    """The value of an argument, and whether it was ``JSON`` or plain ``TEXT``; None without one."""
    if text is None:
        return None, JSON
    source = text
    if text == "-":
        source = _of_input()
    elif text.startswith("@"):
        source = _of_file(text[1:])
    if len(source) > LARGEST:
        raise CallerError(f"the value is larger than {LARGEST:,} bytes")
    try:
        return json.loads(source, parse_constant=_refuse_constant), JSON
    except (ValueError, RecursionError) as error:
        stripped = source.strip()
        if not stripped or stripped[0] in '{["' or isinstance(error, RecursionError):
            raise CallerError(
                f"the value isn't JSON: {error}",
                hint="""put it in single quotes: '{"post": "swifts.md"}'""",
            ) from error
        return stripped, TEXT


def _of_input() -> str:
    """The standard input, which is UTF-8 as JSON is, whatever the terminal's encoding."""
    try:
        return sys.stdin.buffer.read(LARGEST + 1).decode()
    except UnicodeDecodeError as error:
        raise CallerError(f"the standard input isn't UTF-8: {error}") from error


def _of_file(name: str) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.read(LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)  # that names it, too
        raise ConfigurationError(f"{name!r:.200} can't be read: {why}") from error


def answer_value(text: str | None, schema: Any) -> Any:
    """The value of an answer; yes and no are words where the question takes true or false."""
    if text is None:
        raise AnswerRefused(
            "an answer needs its value", hint="give it as JSON, as @FILE, or as - for the input"
        )
    value, form = read_value(text)
    if form == TEXT and isinstance(schema, dict) and schema.get("type") == "boolean":
        return _WORDS.get(value.lower(), value)
    return value


@contextmanager
def input_given(text: str | None) -> Iterator[None]:
    """Say that the INPUT is missing, or was no text, where a flow takes one or a text."""
    try:
        yield
    except InputRefused as error:
        if text is None:
            error.hint = """no INPUT was given: write it behind the FLOW, as JSON: '"swifts"'"""
        elif _SCALAR.fullmatch(text) and "expected str" in error.message:
            error.hint = f"""INPUT is read as JSON; as a text it is written '"{text}"'"""
        raise


def seconds(text: str) -> float:
    """A length of time: ``10``, ``1.5s``, ``3m``, ``2h``, ``1d``."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r:.40} is no length of time; write 10, 1.5s, 3m, 2h or 1d")
    length = float(found[1]) * _UNITS[found[2]]
    if length > LONGEST:
        raise ValueError(f"{text!r:.40} is too long a time: {LONGEST / _UNITS['d']:,.0f}d at most")
    return length


def moment(text: str, now: int) -> int:
    """A time as microseconds: ISO 8601 (local where it has no zone), or ``2h`` for so long ago."""
    if _SPAN.fullmatch(text.strip()):
        return now - round(seconds(text) * 1_000_000)
    try:
        time = datetime.fromisoformat(text)
        time = time if time.tzinfo else time.astimezone()
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r:.40} is no time; write 2026-01-31T12:00, 2026-01-31, or 2h for two hours ago"
        ) from None
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """Labels out of ``NAME=VALUE``."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise CallerError(f"{pair!r:.80} isn't a label", hint="write NAME=VALUE")
        found[name] = value
    return found


def user_name() -> str:
    """Who is at the keyboard, where the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
