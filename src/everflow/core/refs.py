"""References: how the machine speaks of values that it never sees.

A ref is plain data. It points at the payload of an entry, holds a short literal, or describes how a
value is put together from other refs. Whoever runs a node composes the ref into a payload text; no
value is decoded for it, and a value of 1 MB that 1,000 children get stands in the journal once.

Decisions (``branch``, ``loop``, ``choose``) are made on refs too: a ref to an entry carries the
payload itself where that is at most ``SMALL`` characters long, and every payload that is false or
can name a case is shorter than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

__all__ = [
    "SMALL",
    "Built",
    "Literal",
    "Ref",
    "Stored",
    "compose",
    "dict_of",
    "is_failure",
    "list_of",
    "record_of",
    "seqs",
    "small_text",
    "stored",
    "truth",
    "tuple_of",
]

SMALL = 64
FAILURE_PREFIX = '{"$":"Failure"'
_FALSE = frozenset(
    {"null", "false", "0", "0.0", "-0.0", '""', "[]", "{}"}
    | {f'{{"$":"{name}","v":[]}}' for name in ("tuple", "set", "frozenset", "map")}
    | {'{"$":"bytes","v":""}', '{"$":"timedelta","v":0}'}
)


class Stored(msgspec.Struct, frozen=True, array_like=True, tag="s", gc=False):
    """The payload of the entry ``seq``; ``small`` is the payload itself if it is short."""

    seq: int
    small: str | None = None
    failure: bool = False


class Literal(msgspec.Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A payload that stands in the definition or follows from the machine's own rules."""

    payload: str


class Built(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """A value put together: ``form`` is "list", "dict", or a registered type name ("tuple" too)."""

    form: str
    keys: tuple[str, ...]
    items: tuple[Stored | Literal | Built, ...]


Ref = Stored | Literal | Built


def stored(seq: int, payload: str) -> Stored:
    """The ref to an entry's payload."""
    if len(payload) <= SMALL:
        return Stored(seq, payload, payload.startswith(FAILURE_PREFIX))
    return Stored(seq, None, payload.startswith(FAILURE_PREFIX))


def tuple_of(*items: Ref) -> Built:
    return Built("tuple", (), items)


def list_of(items: tuple[Ref, ...]) -> Built:
    return Built("list", (), items)


def dict_of(keys: tuple[str, ...], items: tuple[Ref, ...]) -> Built:
    return Built("dict", keys, items)


def record_of(form: str, **fields: Ref) -> Built:
    """A dataclass value of the registered type name ``form``."""
    return Built(form, tuple(fields), tuple(fields.values()))


def compose(ref: Ref, payload_of: Callable[[int], str]) -> str:
    """The payload text that a ref stands for; ``payload_of`` gives an entry's payload by its seq."""
    if type(ref) is Stored:
        return ref.small if ref.small is not None else payload_of(ref.seq)
    if type(ref) is Literal:
        return ref.payload
    assert type(ref) is Built
    parts = [compose(item, payload_of) for item in ref.items]
    if ref.keys or ref.form == "dict":
        names = [msgspec.json.encode(key).decode() for key in ref.keys]
        body = "{" + ",".join(f"{n}:{p}" for n, p in zip(names, parts, strict=True)) + "}"
    else:
        body = "[" + ",".join(parts) + "]"
    return body if ref.form in {"dict", "list"} else f'{{"$":"{ref.form}","v":{body}}}'


def small_text(ref: Ref) -> str | None:
    """The payload if it is at hand without looking at the journal, else None."""
    if type(ref) is Stored:
        return ref.small
    return ref.payload if type(ref) is Literal else None


def truth(ref: Ref) -> bool:
    """Whether Python would take the value for true."""
    if type(ref) is Built:
        return ref.form not in {"list", "dict", "tuple"} or bool(ref.items)
    return small_text(ref) not in _FALSE


def is_failure(ref: Ref) -> bool:
    """Whether the value is one that ``fail`` made."""
    if type(ref) is Stored:
        return ref.failure
    if type(ref) is Literal:
        return ref.payload.startswith(FAILURE_PREFIX)
    assert type(ref) is Built
    return ref.form == "Failure"


def seqs(ref: Ref) -> Iterator[int]:
    """The entries whose payloads composing the ref would read."""
    if type(ref) is Stored:
        if ref.small is None:
            yield ref.seq
    elif type(ref) is Built:
        for item in ref.items:
            yield from seqs(item)
