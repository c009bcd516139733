"""From a file's bytes to its lines, never holding more than a line.

Whatever is read is counted before it is kept, so that neither a bomb nor a line without an end
costs more than its cap.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Never

from everflow.errors import ImportRefused
from everflow.stores.transfer.limits import MEGABYTE, Limits

GZIP = b"\x1f\x8b"
_CHUNK = 1 << 16
_GZIP_WINDOW = 31  # zlib's number for: a gzip header, the largest window

CUT = "the file is cut: copy or export it again"
EDITED = "the file was edited or damaged on its way: copy or export it again"
RAISE = "if you trust the file, raise the limit"


def refuse(what: str, hint: str, line: int = 0) -> Never:
    """Raise ``ImportRefused``, naming the line."""
    where = f"line {line}: " if line else ""
    raise ImportRefused(f"{where}{what}", hint=f"{hint}; nothing was imported")


def plain(file: BinaryIO, limits: Limits) -> Iterator[bytes]:
    """The file's bytes, unpacked when it begins as gzip does, until a cap is passed."""
    total = 0
    start = file.read(len(GZIP))
    while 0 < len(start) < len(GZIP) and (more := file.read(len(GZIP) - len(start))):
        start += more
    chunks = _unpacked(start, file, limits) if start.startswith(GZIP) else _rest(start, file)
    for chunk in chunks:
        total += len(chunk)
        if total > limits.total:
            refuse(f"the file has more than {limits.total} bytes", RAISE)
        yield chunk


def _rest(chunk: bytes, file: BinaryIO) -> Iterator[bytes]:
    while chunk:
        yield chunk
        chunk = file.read(_CHUNK)


def _unpacked(start: bytes, file: BinaryIO, limits: Limits) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    taken = given = 0
    for packed in _rest(start, file):
        if unpacker.eof:
            refuse("something follows the compressed data", EDITED)
        taken += len(packed)
        data = packed
        while data and not unpacker.eof:
            chunk = _unpack(unpacker, data)
            data = unpacker.unconsumed_tail
            given += len(chunk)
            if given > limits.ratio * taken + MEGABYTE:
                refuse(f"the file unpacks to more than {limits.ratio} times its size", RAISE)
            yield chunk
    if not unpacker.eof:
        refuse("the compressed data has no end", CUT)
    if unpacker.unused_data:
        refuse("something follows the compressed data", EDITED)


def _unpack(unpacker: zlib._Decompress, data: bytes) -> bytes:
    try:
        return unpacker.decompress(data, _CHUNK)
    except zlib.error as error:
        refuse(f"the compressed data can't be read: {error}", EDITED)


def lines(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """The lines with their ends, from the first on; the last one must have its end too."""
    number, parts, size = 1, list[bytes](), 0
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            end = chunk.find(b"\n", at) + 1 or len(chunk)
            parts.append(chunk[at:end])
            size += end - at
            at = end
            if size > limits.line:
                refuse(f"it has more than {limits.line} bytes", RAISE, number)
            if parts[-1].endswith(b"\n"):
                yield b"".join(parts)
                number, parts, size = number + 1, [], 0
    if parts:
        refuse("it has no end", CUT, number)
