"""Bodies of requests, read no further than they may go. Reliability 15."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from everflow.net.reading import asked_body

MOST = 8


@pytest.mark.parametrize(
    ("length", "chunks", "body", "read"),
    [
        ("6", [b"abc", b"def"], b"abcdef", 2),
        ("", [b"abcd", b"efgh"], b"abcdefgh", 2),
        ("9", [b"abc"], None, 0),
        ("9" * 5_000, [b"abc"], None, 0),
        ("", [b"abcd", b"efgh", b"i", b"j"], None, 3),
        ("3", [b"abcdefghi", b"j"], None, 1),
        ("\u0663", [b"abc"], b"abc", 1),
    ],
)
def test_a_body_is_read_as_far_as_it_may_go(
    length: str, chunks: list[bytes], body: bytes | None, read: int
) -> None:
    """Whatever length it says that it has."""
    came: list[bytes] = []

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            came.append(chunk)
            yield chunk

    assert asyncio.run(asked_body(stream(), length, MOST)) == body
    assert len(came) == read
