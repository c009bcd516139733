"""A way to the store on which everything goes wrong that may: one for each simulated process.

``version`` counts what others wrote, as the contract says and no more: a store in memory counts its
own writes too, which would hide a worker that forgot to look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from everflow.errors import StoreUnavailable
from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.plan import Fault

__all__ = ["Died", "FaultyStore", "Watcher"]

SURE = frozenset({"beat", "flights", "in_flight", "info", "close"})  # no call of the store's file
WRITES = frozenset(
    {
        "enlist",
        "depose",
        "retire",
        "append",
        "write",
        "settle",
        "start",
        "accept",
        "claim",
        "release",
        "reopen",
        "relabel",
        "install",
        "hand",
        "adopt",
    }
)


class Died(BaseException):
    """The process that made the call is no more. Nothing in it may catch this."""


class Watcher(Protocol):
    """Is told what a call does to the store, before and after it is done."""

    def before(self, verb: str, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """A write is about to be done."""

    def after(self, verb: str, args: tuple[Any, ...], named: dict[str, Any], reply: object) -> None:
        """A write was done."""

    def refused(self, verb: str, args: tuple[Any, ...]) -> None:
        """The store refused a write."""


class FaultyStore:
    """Implements ``everflow.store.Store`` by passing calls on; ``arm`` sets what goes wrong next.

    ``deaths`` and ``troubles`` count what went wrong here.
    """

    def __init__(self, base: MemoryStore, watcher: Watcher) -> None:
        self.base = base
        self.dead = False
        self.deaths = 0
        self.troubles = 0
        self.calls = 0
        self.last = ""
        self._watcher = watcher
        self._own = 0
        self._fault = Fault.NONE
        self._left = 0
        self._writes = False

    def arm(self, fault: Fault, at: int) -> None:
        """Have the ``at``-th call from now on go wrong, or below 0 the ``-at``-th that writes."""
        self._fault, self._left, self._writes = fault, abs(at), at < 0

    def disarm(self) -> None:
        """Have nothing go wrong any more; a process that was to die, and didn't, dies now."""
        deadly = self._fault in {Fault.DIE_BEFORE, Fault.DIE_AFTER}
        self._fault = Fault.NONE
        if deadly and not self.dead:
            self.last = "the end of the step"
            self._die()

    def version(self) -> int:
        """How often others wrote."""
        version: int = self._call("version")
        return version - self._own

    def append(self, batch: Batch, side_rows: tuple[SideRow, ...] = ()) -> list[int]:
        """Append, with a row beside it that tells how often the batch was applied."""
        mark = SideRow(statement="batch", values=[batch.worker, batch.epoch, batch.number])
        refused: list[int] = self._call("append", batch, (*side_rows, mark))
        return refused

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb.startswith("_"):
            raise AttributeError(verb)
        return partial(self._call, verb)

    def _call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        if self.dead:
            raise Died
        fault = self._next(verb)
        self.last = verb
        if fault is Fault.DIE_BEFORE:
            self._die()
        if fault in {Fault.FAIL, Fault.OUTAGE}:
            self._fail(verb)
        reply = self._apply(verb, args, kwargs)
        if fault is Fault.DIE_AFTER:
            self._die()
        if fault is Fault.LIE:
            self._fail(verb)
        return reply

    def _apply(self, verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = getattr(self.base, verb)
        if verb not in WRITES:
            return call(*args, **kwargs)
        self._watcher.before(verb, args, kwargs)
        seen = self.base.version()
        try:
            reply = call(*args, **kwargs)
        except Exception:
            self._watcher.refused(verb, args)
            raise
        self._own += self.base.version() - seen
        self._watcher.after(verb, args, kwargs, reply)
        return reply

    def _next(self, verb: str) -> Fault:
        if self._fault is Fault.NONE or verb in SURE or (self._writes and verb not in WRITES):
            return Fault.NONE
        self.calls += 1
        self._left -= 1
        if self._left > 0:
            return Fault.NONE
        fault = self._fault
        if fault is not Fault.OUTAGE:
            self._fault = Fault.NONE
        return fault

    def _die(self) -> None:
        self.deaths += 1
        self.dead = True
        raise Died

    def _fail(self, verb: str) -> None:
        self.troubles += 1
        raise StoreUnavailable(f"the simulated store is away ({verb})")
