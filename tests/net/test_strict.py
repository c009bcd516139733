"""JSON that reads in one way, and what doesn't."""

import pytest

from everflow.net.strict import read_json


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 1}',
        b'[{"a": {"b": 1, "\\u0062": 2}}]',
        b"NaN",
        b"[-Infinity]",
        b"\xef\xbb\xbf1",
        b'"\xff"',
        b'"\\ud83d"',
        b'{"\\udc00": 1}',
    ],
)
def test_what_two_readers_may_read_otherwise_is_not_read(text: bytes) -> None:
    """RELIABILITY 21: by a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r".+"):
        read_json(text)


def test_what_reads_in_one_way_is_read() -> None:
    """Pairs of halves, large numbers and names that stand in different objects."""
    assert read_json(b'[{"a": "\\ud83d\\ude00"}, {"a": 100000000000000000000}]') == [
        {"a": "\U0001f600"},
        {"a": 10**20},
    ]


def test_what_nests_too_deep_is_told() -> None:
    """RELIABILITY 21: by the error that readers of JSON have for it."""
    with pytest.raises(RecursionError):
        read_json(b"[" * 100_000)
