"""Times, lengths, example answers and quoting."""

import shlex
from datetime import datetime
from typing import Any

import pytest

from everflow.cli.examples import example
from everflow.cli.inputs import moment, seconds
from everflow.cli.words import ago, pretty, shell_quoted, since
from everflow.views import instant

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0, "now"),
        (2 * SECOND, "2 s ago"),
        (90 * SECOND, "1 min ago"),
        (3 * HOUR + 5, "3 h ago"),
        (3 * DAY + HOUR, "3 days ago"),
        (-5 * HOUR, "in 5 h"),
    ],
)
def test_how_long_ago(distance: int, words: str) -> None:
    """In the largest unit that fits."""
    assert ago(10**15 - distance, 10**15) == words


def test_times_for_machines_and_timelines() -> None:
    """RFC 3339 in UTC; distances with milliseconds while they are short."""
    assert instant(1) == "1970-01-01T00:00:00.000001Z"
    assert since(1_234_567) == "+1.235 s"
    assert since(2 * HOUR) == "+2 h"


@pytest.mark.parametrize(
    ("text", "length"), [("10", 10), ("1.5s", 1.5), ("250ms", 0.25), ("3m", 180), ("2h", 7200)]
)
def test_lengths_of_time(text: str, length: float) -> None:
    """Seconds without a unit."""
    assert seconds(text) == length


def test_times_are_iso_or_so_long_ago() -> None:
    """Local where there is no zone."""
    assert moment("1970-01-01T00:00:01+00:00", 0) == SECOND
    assert moment("1d", DAY + 5) == 5
    assert moment("2026-01-31", 0) == int(datetime(2026, 1, 31).astimezone().timestamp()) * SECOND
    with pytest.raises(ValueError, match="is no time"):
        moment("tomorrow", 0)


@pytest.mark.parametrize("text", ["a b", "it's", '{"a": "b"}', "", "$x", "é", "a.b.1"])
def test_a_quoted_text_is_one_word(text: str) -> None:
    """As a shell reads it."""
    assert shlex.split(shell_quoted(text)) == [text]


def test_what_is_not_printable_is_quoted_by_escapes() -> None:
    """Nothing raw reaches the terminal, and a shell still gets the same text."""
    assert shell_quoted("a\x1b'b") == "$'a\\x1b\\'b'"


def test_long_values_go_over_lines() -> None:
    """Short ones stay in one."""
    assert pretty([1, 2]) == "[1, 2]"
    assert len(pretty(["x" * 50, "y" * 50]).split("\n")) == 4


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (None, True),
        ({}, True),
        ({"type": "boolean"}, True),
        ({"type": "integer"}, 1),
        ({"type": "string"}, "…"),
        ({"type": ["string", "null"]}, True),
        ({"const": 3}, 3),
        ({"enum": ["a", "b"]}, "a"),
        ({"anyOf": [{"type": "array"}, {"type": "null"}]}, []),
        ({"$ref": "#/$defs/D", "$defs": {"D": {"type": "number"}}}, 1.5),
        ({"$ref": "#/$defs/D"}, True),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "required": ["a"],
            },
            {"a": "…"},
        ),
        ({"$ref": "#/$defs/D", "$defs": {"D": {"$ref": "#/$defs/D"}}}, True),
    ],
)
def test_an_example_has_what_is_required(schema: Any, value: Any) -> None:
    """Of each kind of schema; circles end."""
    assert example(schema) == value
