"""What an engine and a child process say to each other: msgspec structs, each with its length.

Names and encoded values travel, nothing else: no code, and nothing that a reader would have to
trust. A frame is a length of four bytes, most significant first, and that many bytes of JSON.
"""

from __future__ import annotations

from typing import BinaryIO, TypeVar

import msgspec

from everflow.engine.given.reachable import Place

__all__ = [
    "Ask", "Begin", "End", "Hello", "Logged", "Moved", "Taken", "Tell", "read", "write",
]  # fmt: skip

M = TypeVar("M")
_HEAD = 4
_encoder = msgspec.json.Encoder()


class Hello(msgspec.Struct, tag="hello"):
    """The first message: who provides what, and from which level on log records are wanted."""

    makers: list[tuple[Place, Place]]  # of a type, and of what makes one
    level: int


class Begin(msgspec.Struct, tag="begin"):
    """Run a node. ``kinds`` are types that the child wasn't told of yet, by their names in data."""

    node: str
    place: Place
    bound: str
    payload: str
    limit: int
    kinds: list[tuple[str, Place]]
    run: str
    flow: str
    op: str
    due: int | None
    ticks: int | None


class End(msgspec.Struct, tag="end"):
    """How the attempt ended; the fields are those of ``callee.Ended``."""

    kind: str
    payload: str
    ticks: int
    note: str


class Taken(msgspec.Struct, tag="taken"):
    """The attempt begins: from now on a death of the child is its end."""


class Moved(msgspec.Struct, tag="moved"):
    """The node told its progress; -1 is a heartbeat."""

    fraction: float
    message: str


class Logged(msgspec.Struct, tag="logged"):
    """The node, or what it called, logged something."""

    logger: str
    level: int
    message: str
    run: str
    flow: str
    position: str


Ask = Hello | Begin
Tell = Taken | End | Moved | Logged


def write(file: BinaryIO, message: msgspec.Struct) -> None:
    """Send a message."""
    body = _encoder.encode(message)
    file.write(len(body).to_bytes(_HEAD) + body)
    file.flush()


def read(file: BinaryIO, decoder: msgspec.json.Decoder[M]) -> M | None:
    """The next message; None when the other side is gone, in the middle of one too."""
    head = file.read(_HEAD)
    size = int.from_bytes(head)
    body = file.read(size) if len(head) == _HEAD else b""
    return decoder.decode(body) if body and len(body) == size else None
