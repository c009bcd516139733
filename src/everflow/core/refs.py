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

from everflow.core.elements import elements

__all__ = [
    "FAILURE_PREFIX",
    "SMALL",
    "Built",
    "Item",
    "Literal",
    "Ref",
    "Stored",
    "built",
    "compose",
    "dict_of",
    "element",
    "is_failure",
    "list_of",
    "oversize",
    "record_of",
    "seqs",
    "small_text",
    "spread",
    "stored",
    "truth",
    "tuple_of",
]

SMALL = 64
FAILURE_PREFIX = '{"$":"Failure","v":'
DEEPEST = 150  # of values put together; the codec's own limit for one value is 200
HEAVIEST = 1_000_000
_SIZED = frozenset({"tuple", "set", "frozenset", "map", "bytes", "timedelta"})


class Stored(msgspec.Struct, frozen=True, array_like=True, tag="s", gc=False):
    """The payload of the entry ``seq``; ``small`` is the payload itself if it is short."""

    seq: int
    small: str | None = None
    failure: bool = False


class Literal(msgspec.Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A payload that stands in the definition or follows from the machine's own rules."""

    payload: str


class Item(msgspec.Struct, frozen=True, array_like=True, tag="i", gc=False):
    """An element of a list value. ``small`` is its payload if that is short, as in ``Stored``."""

    of: Stored | Item
    index: int
    small: str | None = None
    failure: bool = False


class Built(msgspec.Struct, frozen=True, array_like=True, tag="b", gc=False):
    """A value put together: ``form`` is "list", "dict", or a registered type name ("tuple" too).

    ``depth`` and ``weight`` count how deep and how large it is, since a part may stand in it many
    times: forty times ``parallel(identity, identity)`` in a row would make 2**40 of one value.
    """

    form: str
    keys: tuple[str, ...]
    items: tuple[Stored | Literal | Built | Item, ...]
    depth: int
    weight: int


Ref = Stored | Literal | Built | Item


def stored(seq: int, payload: str) -> Stored:
    """The ref to an entry's payload."""
    small = payload if len(payload) <= SMALL else None
    if payload[:1] == "{" and payload.startswith(FAILURE_PREFIX):
        return Stored(seq, small, failure=True)
    return Stored(seq, small)


def built(form: str, keys: tuple[str, ...], items: tuple[Ref, ...]) -> Built:
    """A value of that form; ``keys`` are empty for the forms that have none."""
    depth, weight = 0, 1
    for item in items:
        if type(item) is Built:
            depth = max(depth, item.depth)
            weight += item.weight
        else:
            weight += 1
    return Built(form, keys, items, depth + 1, weight)


def tuple_of(*items: Ref) -> Built:
    """A tuple of values."""
    return built("tuple", (), items)


def list_of(items: tuple[Ref, ...]) -> Built:
    """A list of values."""
    return built("list", (), items)


def dict_of(keys: tuple[str, ...], items: tuple[Ref, ...]) -> Built:
    """A dict of values under text keys."""
    return built("dict", keys, items)


def record_of(form: str, **fields: Ref) -> Built:
    """A dataclass value of the registered type name ``form``."""
    return built(form, tuple(fields), tuple(fields.values()))


def oversize(ref: Built) -> str | None:
    """Why a value that was put together can't go on, as a sentence; None when it can."""
    if ref.depth > DEEPEST:
        return f"a value put together of results nests {DEEPEST} deep at most, and this one deeper"
    if ref.weight > HEAVIEST:
        return f"a value is put together from {HEAVIEST:,} results at most, and this one from more"
    return None


def element(of: Stored | Item | Built, index: int, small: str | None, *, failure: bool) -> Ref:
    """The ref to an element of a list value; of one that was put together it is the part itself."""
    if isinstance(of, Stored | Item):
        return Item(of, index, small, failure)
    return of.items[index]


def spread(ref: Ref) -> Stored | Item | Built:
    """The same list, so that ``element`` is quick: a literal one is taken apart once."""
    if not isinstance(ref, Literal):
        return ref
    return list_of(tuple(Literal(text) for text in elements(ref.payload)))


def compose(
    ref: Ref,
    payload_of: Callable[[int], str],
    elements_of: Callable[[Stored | Item], list[str]] | None = None,
) -> str:
    """The payload text a ref stands for; ``payload_of`` gives an entry's payload by its seq.

    ``elements_of`` gives the elements of a list; who composes many items keeps them there.
    """
    if isinstance(ref, Stored):
        return ref.small if ref.small is not None else payload_of(ref.seq)
    if isinstance(ref, Literal):
        return ref.payload
    if isinstance(ref, Item):
        if ref.small is not None:
            return ref.small
        if elements_of is not None:
            return elements_of(ref.of)[ref.index]
        return elements(compose(ref.of, payload_of))[ref.index]
    parts = [compose(item, payload_of, elements_of) for item in ref.items]
    if ref.form in {"list", "tuple"}:
        body = f"[{','.join(parts)}]"
    else:
        names = [msgspec.json.encode(key).decode() for key in ref.keys]
        body = "{" + ",".join(f"{n}:{p}" for n, p in zip(names, parts, strict=True)) + "}"
    return body if ref.form in {"dict", "list"} else f'{{"$":"{ref.form}","v":{body}}}'


def small_text(ref: Ref) -> str | None:
    """The payload if it is at hand without looking at the journal, else None."""
    if isinstance(ref, Stored | Item):
        return ref.small
    return ref.payload if isinstance(ref, Literal) else None


def truth(ref: Ref) -> bool:
    """Whether Python would take the value for true. Members of enums are true."""
    if isinstance(ref, Built):
        return ref.form not in {"list", "dict", "tuple"} or bool(ref.items)
    text = small_text(ref)
    if text is None or text == "true":
        return True
    value = msgspec.json.decode(text)
    if not isinstance(value, dict) or value.keys() != {"$", "v"}:
        return bool(value)
    if value["$"] == "decimal":
        return any(digit in "123456789" for digit in value["v"].partition("E")[0])
    return value["$"] not in _SIZED or bool(value["v"])


def is_failure(ref: Ref) -> bool:
    """Whether the value is one that ``fail`` made."""
    if isinstance(ref, Stored | Item):
        return ref.failure
    if isinstance(ref, Literal):
        return ref.payload.startswith(FAILURE_PREFIX)
    return ref.form == "Failure"


def seqs(ref: Ref) -> Iterator[int]:
    """The entries whose payloads composing the ref would read."""
    if isinstance(ref, Stored):
        if ref.small is None:
            yield ref.seq
    elif isinstance(ref, Item):
        if ref.small is None:
            yield from seqs(ref.of)
    elif isinstance(ref, Built):
        for item in ref.items:
            yield from seqs(item)
