"""Ends of runs that peers wait for are seen whatever the store says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from everflow.engine.asking.runs import Changes
from everflow.errors import StoreUnavailable
from everflow.federation.ends import Ends
from everflow.federation.together import Threads
from everflow.store import RunRow
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, QUICK


class Away(MemoryStore):
    """A store that is away for some looks."""

    looks = 0

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        self.looks += 1
        if self.looks in {1, 2}:
            raise StoreUnavailable("away")
        return super().rows(nos)


def test_an_outage_of_the_store_ends_no_watch() -> None:
    """The peer is nudged once the store is back, and who waits is woken."""
    store, told = Away(), asyncio.Event()

    async def nudge(peer: str, calls: list[str]) -> None:
        assert (peer, calls) == ("east", ["a call"])
        told.set()

    async def watch() -> None:
        threads = Threads()
        async with asyncio.timeout(PATIENT), Ends(store, Changes(), nudge, QUICK, threads) as ends:
            ends.owe(1, "east", "a call")
            await told.wait()
            await ends.wait(2, PATIENT * 2)  # there is no such run any more
        await threads.close()

    asyncio.run(watch())
    assert store.looks > 2
