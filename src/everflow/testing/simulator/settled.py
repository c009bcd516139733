"""What was settled: a node's writes and its result, each once, and together."""

from __future__ import annotations

from collections.abc import Container

from everflow.core.entries import Entry, Kind
from everflow.store import Settled
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.untrue import claim

__all__ = ["SettledOnce"]

Op = tuple[int, str]  # run number, op id


class SettledOnce:
    """What nodes wrote with their results; what nodes are known to write by."""

    def __init__(self, base: MemoryStore) -> None:
        self._base = base
        self._written = 0  # statements, before the write that is under way
        self._payloads: dict[Op, str] = {}
        self._nodes: set[str] = set()  # that were seen to write

    def before(self) -> None:
        """Something is about to be settled."""
        self._written = len(self._base.side)

    def after(self, settled: Settled | None, closed: Container[Op], *, done: bool) -> None:
        """It was, or was refused."""
        wrote = len(self._base.side) > self._written
        if settled is None or not done:
            claim(settled is None or not wrote, "what is refused writes nothing", settled)
            return
        op = settled.no, settled.op
        known = op in self._payloads
        claim(not (known and wrote), "what a node writes is committed once", op)
        claim(known or op not in closed, "a closed op writes no more", op)
        self._payloads.setdefault(op, settled.payload)

    def check_end(self, no: int, entry: Entry) -> None:
        """An op was closed: what was committed with it is what the journal says."""
        payload = self._payloads.get((no, entry.op))
        if payload is not None:
            same = entry.kind == Kind.RESULT and entry.payload == payload
            claim(same, "what a node wrote is recorded with its result", (no, entry))
            self._nodes.add(entry.node)
        elif entry.kind == Kind.RESULT:
            claim(entry.node not in self._nodes, "no result without its writes", (no, entry))
