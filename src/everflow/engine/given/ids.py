"""Ids: opaque, unique across instances, ordered by time so that indexes stay compact.

A run's id has 26 characters of Crockford's base 32 in lower case: 48 bits of milliseconds and 80
random bits (source: the ULID specification, https://github.com/ulid/spec).
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["Random", "home_of", "homed", "is_run_id", "new_key", "new_run_id", "system_random"]

Random = Callable[[int], bytes]
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = frozenset(_ALPHABET)
LENGTH = 26


def system_random(size: int) -> bytes:
    """So many random bytes of the operating system's."""
    return os.urandom(size)


def new_run_id(now_us: int, random: Random) -> str:
    """A new run's id."""
    number = ((now_us // 1000) & (1 << 48) - 1) << 80 | int.from_bytes(random(10))
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def homed(number: int) -> Random:
    """Chance for ids that tell their home: the first of a run's random bytes is its number."""
    return lambda size: bytes([number]) + os.urandom(size - 1)


def home_of(run: str) -> int:
    """The number that the id of a run tells, be it its home's or chance."""
    number = 0
    for character in run:
        number = number << 5 | _ALPHABET.index(character)
    return number >> 72 & 0xFF


def is_run_id(text: str) -> bool:
    """Whether a text is such an id, be there a run or not."""
    return len(text) == LENGTH and _DIGITS.issuperset(text)


def new_key(random: Random) -> str:
    """A new idempotency key, for a caller who gave none."""
    return random(12).hex()
