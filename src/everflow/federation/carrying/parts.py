"""Large envelopes, put together from parts before anybody hears what is in them.

Two rules hold. Parts lie in the store until the last one is there, so that a transfer goes on
after either side was away; and they count against what their sender may keep here, and are swept
when nothing more comes of them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import msgspec

from everflow.errors import ValueMismatch
from everflow.store import Put, Record, Store

__all__ = ["PART_KIND", "STAGE", "Parts"]

PART_KIND, STAGE = "part", "stage"  # kinds of records: the parts, and how far each envelope is
KEPT_FOR = 3_600_000_000  # microseconds without another part
PAGE = 16
AT_ONCE = 100  # envelopes of one peer


class Stage(msgspec.Struct, frozen=True):
    """An envelope of ``of`` bytes, of which the first ``have`` are here, in so many parts."""

    of: int
    have: int = 0
    parts: int = 0


class Parts:
    """The envelopes on their way to a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def promised(self, peer: str, *, but: str = "") -> int:
        """The bytes of all envelopes of a peer that aren't whole yet, but for one.

        ValueMismatch where they are too many to begin another.
        """
        found = self._store.records(STAGE, prefix=f"{peer}/", limit=AT_ONCE + 1)
        if len(found) > AT_ONCE or (len(found) == AT_ONCE and not _is_among(found, peer, but)):
            raise ValueMismatch(f"{AT_ONCE} large envelopes are on their way already")
        return sum(_read(one.body).of for one in found if one.key != f"{peer}/{but}")

    def take(self, peer: str, name: str, part: bytes, *, at: int, of: int, now: int) -> int:
        """Keep a part that goes on from what is here; give how many bytes are here."""
        key = f"{peer}/{name}"
        found = self._store.records(STAGE, keys=[key])
        stage = _read(found[0].body) if found else Stage(of)
        end = at + len(part)
        if not (at == stage.have < end <= of == stage.of):
            return stage.have
        after = Stage(of, end, stage.parts + 1)
        due = now + KEPT_FOR
        body, version = _written(after), found[0].version if found else 0
        data = base64.b64encode(part).decode()
        puts = [
            Put(kind=STAGE, key=key, body=body, expect=version, due=due),
            Put(kind=PART_KIND, key=_part(key, stage.parts), body=data, due=due),
        ]
        return end if self._store.write(puts, at=now) is not None else stage.have

    def whole(self, peer: str, name: str) -> bytes | None:
        """An envelope of which all parts are here; None for one that isn't what its name says."""
        key = f"{peer}/{name}"
        found, after = bytearray(), ""
        while True:
            page = self._store.records(PART_KIND, prefix=f"{key}/", after=after, limit=PAGE)
            for record in page:
                found += base64.b64decode(record.body)
            if len(page) < PAGE:
                break
            after = page[-1].key
        return bytes(found) if hashlib.sha256(found).hexdigest() == name else None

    def forget(self, peer: str, name: str, *, now: int) -> None:
        """An envelope was heard, or is worth nothing."""
        key = f"{peer}/{name}"
        found = self._store.records(STAGE, keys=[key])
        if found:
            parts = range(_read(found[0].body).parts)
            puts = [Put(kind=PART_KIND, key=_part(key, nth), body=None) for nth in parts]
            self._store.write([*puts, Put(kind=STAGE, key=key, body=None)], at=now)


def _is_among(found: Sequence[Record], peer: str, name: str) -> bool:
    return any(one.key == f"{peer}/{name}" for one in found)


def _part(key: str, nth: int) -> str:
    return f"{key}/{nth:09}"


def _read(body: str) -> Stage:
    return msgspec.json.decode(body, type=Stage)


def _written(stage: Stage) -> str:
    return msgspec.json.encode(stage).decode()
