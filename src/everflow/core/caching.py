"""Cached results: the key of one, what a look-up tells, and what a store keeps.

The key is SHA-256 over three parts: the definition of the body, the declared version, and the
input's hash, so that whoever has the parts can check the key. The input is hashed as JSON with
sorted keys: dicts that Python takes for equal are one input. Else values are told apart as they
are recorded: 1 isn't 1.0, and a dataclass of another version is another input.
"""

from __future__ import annotations

import json
from hashlib import sha256

import msgspec

from everflow.core.elements import elements
from everflow.errors import NotAList, StoreDamaged

__all__ = [
    "CACHE",
    "CachedResult",
    "address_of",
    "hash_of",
    "input_hash",
    "look_up_text",
    "result_of",
    "told_of",
]

CACHE = "cache"  # the kind of the records


class CachedResult(msgspec.Struct, kw_only=True):
    """One result as a store keeps it, under the key that its first three parts make.

    ``definition`` and ``input`` are hashes, ``nodes`` the canonical names of those that may have
    run. ``flow``, ``run``, ``op`` and ``seq`` say whose journal tells of it; ``checksum`` is of
    ``value``, which is the payload's text.
    """

    definition: str
    version: str
    input: str
    nodes: list[str]
    flow: str
    run: str
    op: str
    seq: int
    checksum: str
    value: str

    @property
    def address(self) -> str:
        """The key under which it belongs."""
        return address_of(self.definition, self.version, self.input)

    @property
    def is_sound(self) -> bool:
        """Whether the value is the one that was kept."""
        return hash_of(self.value) == self.checksum


_result = msgspec.json.Decoder(CachedResult)


def hash_of(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def input_hash(payload: str) -> str:
    """The hash of an input: of its JSON with sorted keys, without spaces."""
    try:
        return hash_of(json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":")))
    except (ValueError, RecursionError):
        return hash_of(payload)  # a number of more digits than Python takes, or too deep


def address_of(definition: str, version: str, given: str) -> str:
    """The key of a result: of the hash of its definition, its version and its input's hash."""
    return hash_of(json.dumps([definition, version, given]))


def result_of(key: str, body: str) -> CachedResult | None:
    """What a record holds; None for one that isn't sound or doesn't belong under that key."""
    try:
        found = _result.decode(body)
    except (ValueError, RecursionError):
        return None
    return found if found.is_sound and found.address == key else None


def told_of(text: str | None) -> tuple[str, str | None]:
    """What a look-up told: the key, and the payload that was found or None.

    StoreDamaged for any other text.
    """
    try:
        address, *found = elements(text or "")
        return str(msgspec.json.decode(address)), found[0] if found else None
    except (ValueError, NotAList) as error:
        raise StoreDamaged(f"what a cache's look-up told can't be read: {error}") from error


def look_up_text(address: str, found: str | None) -> str:
    """The payload of a look-up's end: ``told_of`` reads it."""
    return f'["{address}"]' if found is None else f'["{address}",{found}]'
