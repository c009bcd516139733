"""Cached results as records: looked up, listed, checked and pruned.

A cache is only a cache: a record that isn't sound, or isn't there, is a miss and never an error,
while trouble of the store pauses as it does everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from everflow.core.caching import CACHE, CachedResult, result_of
from everflow.core.entries import decode_body
from everflow.errors import StoreDamaged
from everflow.store import Put, Record, Store

__all__ = ["CacheLine", "Kept", "cache_lines", "check_cache", "kept_in", "prune_cache"]

PAGE = 500
Kept = Callable[[str], str | None]  # the body of the record under a key


def kept_in(store: Store) -> Kept:
    """The look-up in a store."""

    def kept(key: str) -> str | None:
        found = store.records(CACHE, keys=[key])
        return found[0].body if found else None

    return kept


class CacheLine(msgspec.Struct, kw_only=True):
    """One cached result. ``at``: when it was kept, in microseconds; ``size``: of its value's text.

    ``result`` is None for a record that can't be used.
    """

    key: str
    at: int
    version: int
    size: int
    result: CachedResult | None


def cache_lines(store: Store, prefix: str = "") -> Iterator[CacheLine]:
    """The cached results whose keys begin so, by key, read a page at a time."""
    after = ""
    while page := store.records(CACHE, prefix=prefix, after=after, limit=PAGE):
        for record in page:
            yield _line(record)
        after = page[-1].key


def _line(record: Record) -> CacheLine:
    result = result_of(record.key, record.body)
    size = len(record.body if result is None else result.value)
    return CacheLine(key=record.key, at=record.at, version=record.version, size=size, result=result)


def check_cache(store: Store, line: CacheLine) -> str:
    """What is wrong with a cached result, or "": its own parts, and what its run's journal says.

    A run whose entry isn't there any more says nothing against it.
    """
    result = line.result
    if result is None:
        return "the record can't be read, or isn't what its key says"
    run = store.find(result.run)
    if run is None:
        return ""
    try:
        entry = decode_body(store.entries(run.no, [result.seq])[result.seq])
    except StoreDamaged:
        return "" if run.base > result.seq else "its run's entry can't be read"
    if entry.op != result.op or entry.payload != f'"{result.checksum}"':
        return f"entry {result.seq} of run {result.run} tells of another result"
    return ""


def prune_cache(
    store: Store,
    *,
    at: int,
    before: int | None = None,
    keys: Sequence[str] | None = None,
    run: str | None = None,
) -> int:
    """Delete cached results: from before that time, of these keys, that a run computed; how many.

    One that is kept anew meanwhile stays.
    """
    wanted = None if keys is None else set(keys)
    count = 0
    for line in list(cache_lines(store)):
        its = run is None or (line.result is not None and line.result.run == run)
        if its and (before is None or line.at < before) and (wanted is None or line.key in wanted):
            put = Put(kind=CACHE, key=line.key, body=None, expect=line.version)
            count += store.write([put], at=at) is not None
    return count
