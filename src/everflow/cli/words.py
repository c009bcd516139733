"""Words for people: times, durations and texts that a terminal can't be hurt by.

Whatever comes out of a store may have been written by anybody. Before it reaches a terminal
everything in it that isn't printable is written out, so that no name, id or value moves a cursor,
rings a bell or turns a line around.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from everflow.core.drawing.words import clipped, plain, span

__all__ = [
    "ago",
    "broken",
    "clipped",
    "local",
    "many",
    "one_line",
    "plain",
    "pretty",
    "shell_quoted",
    "since",
    "span",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MINUTE, _HOUR, _DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
_BROAD = 80  # characters of a value that stay in one line
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def broken(text: str) -> bool:
    """Whether a text came from bytes that were no UTF-8, so that no store can hold it."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def local(micros: int) -> str:
    """A time for people, in their own zone."""
    return (_EPOCH + timedelta(microseconds=micros)).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(micros: int, now: int) -> str:
    """How long before or after now: ``3 min ago``, ``in 2 days``."""
    distance = abs(now - micros)
    if distance < _SECOND:
        return "now"
    step = next(unit for unit in (_DAY, _HOUR, _MINUTE, _SECOND) if distance >= unit)
    words = span(distance // step * step)
    return f"{words} ago" if micros < now else f"in {words}"


def since(micros: int) -> str:
    """A distance in a timeline: ``+0.012 s``."""
    if micros < _MINUTE:
        return f"+{micros / _SECOND:.3f} s"
    return f"+{span(micros // _SECOND * _SECOND)}"


def one_line(value: Any, most: int = 100) -> str:
    """Plain data as JSON in one line, cut short."""
    return clipped(plain(json.dumps(value, ensure_ascii=False)), most)


def many(count: int, one: str, more: str = "") -> str:
    """A number of things: ``1 run``, ``2,000 runs``."""
    return f"1 {one}" if count == 1 else f"{count:,} {more or f'{one}s'}"


def pretty(value: Any) -> str:
    """Plain data as JSON over several lines where it is long; texts keep their line breaks."""
    short = json.dumps(value, ensure_ascii=False)
    text = short if len(short) <= _BROAD else json.dumps(value, ensure_ascii=False, indent=2)
    return "\n".join(plain(line) for line in text.split("\n"))


def shell_quoted(text: str) -> str:
    """A text as one word of a shell, printable whatever is in it."""
    if text and set(text) <= _SAFE:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "'\"'\"'") + "'"
    return "$'" + plain(text.replace("\\", "\\\\").replace("'", "\\'")) + "'"
