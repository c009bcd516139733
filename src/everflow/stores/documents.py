"""What statements are given as JSON texts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from everflow.store import Letter, Put, sameness

__all__ = ["as_json", "each_once", "last_of", "puts_as_json"]

_encode = msgspec.json.Encoder().encode


def as_json(value: object) -> str:
    """A value as JSON text."""
    return _encode(value).decode()


def puts_as_json(puts: Sequence[Put]) -> str:
    """Records as a statement takes them."""
    return as_json([(put.kind, put.key, put.body, put.due) for put in last_of(puts)])


def last_of(puts: Sequence[Put]) -> list[Put]:
    """Of two puts for one record the last counts."""
    return list({(put.kind, put.key): put for put in puts}.values())


def each_once(letters: Sequence[Letter]) -> list[Letter]:
    """The letters without those that are like an earlier one."""
    once: dict[tuple[object, ...], Letter] = {}
    for letter in letters:
        _, *same = sameness(letter.message)
        once.setdefault((letter.run, letter.of, *same), letter)
    return list(once.values())
