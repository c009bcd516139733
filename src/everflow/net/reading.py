"""Requests and replies, read within bounds: bytes are counted as they come, packed and unpacked.

One rule holds: nothing is kept beyond what may be, not for a moment. A kilobyte that unpacks to a
gigabyte is unpacked as far as the limit and no further. Only gzip was asked for, so only gzip is
taken.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass

from everflow.errors import BadReply, TooLarge

__all__ = ["Reply", "asked_body", "body_of", "fields_of"]

_GZIP = zlib.MAX_WBITS | 16
_AROUND = 4  # bytes of a header beside its name and value


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said. ``url`` is where it was said in the end; ``body`` is unpacked."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes
    url: str

    def value(self, name: str) -> str:
        """The first header of that name, or nothing."""
        return next((value for key, value in self.headers if key == name), "")


def fields_of(headers: Iterable[tuple[bytes, bytes]], most: int) -> tuple[tuple[str, str], ...]:
    """The headers as texts, one character a byte. TooLarge where they are longer than ``most``."""
    pairs = tuple(headers)
    if sum(len(name) + len(value) + _AROUND for name, value in pairs) > most:
        raise TooLarge(f"the headers of the reply are longer than {most} bytes")
    return tuple((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in pairs)


async def asked_body(chunks: AsyncIterable[bytes], length: str, most: int) -> bytes | None:
    """The body of a request of that content length, as it says; None where it has over ``most``.

    Of a longer one no more is read than shows that.
    """
    # Only the first digits count: int() refuses a text of thousands.
    if length.isascii() and length.isdecimal() and int(length[:19]) > most:
        return None
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


async def body_of(chunks: AsyncIterable[bytes], reply: Reply, most: int) -> bytes:
    """The body, unpacked, of at most ``most`` bytes; as many may come over the wire.

    TooLarge as soon as it is longer, BadReply where it is packed otherwise or cut.
    """
    length = reply.value("content-length")
    if length.isdecimal() and int(length) > most:
        raise TooLarge(f"the reply has {length} bytes, {most} are taken")
    packing = reply.value("content-encoding").strip().lower()
    if packing not in {"", "identity", "gzip"}:
        raise BadReply(f"the reply is packed by {packing!r:.40}, which wasn't asked for")
    unpack = zlib.decompressobj(_GZIP) if packing == "gzip" else None
    body = bytearray()
    came = 0
    async for chunk in chunks:
        came += len(chunk)
        body += chunk if unpack is None else _unpacked(unpack, chunk, most - len(body) + 1)
        if max(came, len(body)) > most:
            raise TooLarge(f"the reply has more than {most} bytes")
    if unpack is not None and came and (not unpack.eof or unpack.unused_data):
        raise BadReply("the packed reply is cut, or something follows it")
    return bytes(body)


def _unpacked(unpack: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    # What is left over for want of room needs no second look: the body is too long by then.
    try:
        return unpack.decompress(chunk, room)
    except zlib.error as error:
        raise BadReply(f"the reply isn't gzip: {error}") from error
