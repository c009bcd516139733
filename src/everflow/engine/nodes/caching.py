"""``cached``, as the worker does it: a result is looked up before its body, and kept after it.

Two rules hold here. A result is in the cache exactly when the entry that says so is in a journal:
its record rides in that entry's batch. What was begun under other code or another version than it
ends under isn't kept.
"""

from __future__ import annotations

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
from everflow.core.entries import Kind
from everflow.core.frames import CachedFrame
from everflow.core.node import Place
from everflow.core.ops import NodeOp
from everflow.core.program import Program
from everflow.engine.bodies.live import Entries
from everflow.engine.calling.callee import Callee, Ended
from everflow.engine.cells.cell import Cell
from everflow.engine.records.caches import Kept
from everflow.store import Put

__all__ = ["CacheCallee", "cache_end"]


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
