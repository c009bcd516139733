"""Cached results: looked up and kept by the worker, listed, checked and pruned by people.

Three rules hold here. A result is in the cache exactly when the entry that says so is in a journal:
its record rides in that entry's batch. A cache is only a cache: a record that isn't sound, or isn't
there, is a miss and never an error, while trouble of the store pauses as it does everywhere. What
was begun under other code or another version than it ends under isn't kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from everflow.core.caching import (
    CACHE,
    CachedResult,
    address_of,
    hash_of,
    input_hash,
    look_up_text,
    result_of,
)
from everflow.core.combine.cached import CACHING, FILL, Cached
from everflow.core.definition import Definition
from everflow.core.entries import Kind, decode_body
from everflow.core.frames import CachedFrame
from everflow.core.node import Place
from everflow.core.ops import NodeOp
from everflow.core.program import Program
from everflow.engine.bodies.live import Entries
from everflow.engine.callee import Callee, Ended
from everflow.engine.cell import Cell
from everflow.errors import StoreDamaged
from everflow.store import Put, Record, Store

__all__ = [
    "CacheCallee",
    "CacheLine",
    "Kept",
    "cache_end",
    "cache_lines",
    "check_cache",
    "kept_in",
    "prune_cache",
]

PAGE = 500
Kept = Callable[[str], str | None]  # the body of the record under a key


def kept_in(store: Store) -> Kept:
    """The look-up in a store."""

    def kept(key: str) -> str | None:
        found = store.records(CACHE, keys=[key])
        return found[0].body if found else None

    return kept


class CacheCallee(Callee):
    """What looks up and keeps for one ``cached``: it knows the part of the key that stays."""

    __slots__ = ("definition", "nodes", "version")

    def __init__(self, flow: Cached, limit: int) -> None:
        definition = Definition(Program(flow.body))
        self.definition = hash_of(definition.body)
        self.nodes = sorted({node.name for node in definition.nodes})
        self.version = flow.version
        self.name = CACHING
        self.place = Place.INLINE
        self.limit = limit
        self.questions = 0
        self.wants_run = False
        self.pure = self.inline = True
        self.light = False


def cache_end(cell: Cell, op: NodeOp, callee: CacheCallee, entries: Entries, kept: Kept) -> Ended:
    """Look up before the body, or keep what it gave. StoreError where the store can't be read."""

    def fetch(no: int, seq: int) -> str:
        return entries(no, [seq])[seq]

    frame: Any = cell.machine.state.frames[op.parent]
    given = input_hash(cell.payload(frame.input, fetch))
    address = address_of(callee.definition, callee.version, given)
    if op.key == FILL:
        return _filled(cell, op, callee, frame, (address, given, cell.payload(op.input, fetch)))
    record = kept(address)
    found = None if record is None else result_of(address, record)
    return Ended(Kind.RESULT, look_up_text(address, None if found is None else found.value))


def _filled(
    cell: Cell, op: NodeOp, callee: CacheCallee, frame: CachedFrame, parts: tuple[str, str, str]
) -> Ended:
    """The end of keeping a value: its checksum, or null where it isn't kept."""
    address, given, value = parts
    if address != frame.address or len(value) > callee.limit:
        return Ended(Kind.RESULT, "null")
    checksum = hash_of(value)
    result = CachedResult(
        definition=callee.definition,
        version=callee.version,
        input=given,
        nodes=callee.nodes,
        flow=cell.row.flow,
        run=cell.row.id,
        op=op.id,
        seq=cell.machine.seq + 1,
        checksum=checksum,
        value=value,
    )
    put = Put(kind=CACHE, key=address, body=msgspec.json.encode(result).decode())
    return Ended(Kind.RESULT, f'"{checksum}"', puts=(put,))


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
