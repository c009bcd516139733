"""What people ask of runs that several instances have: to copy, give, take back and take over.

One rule holds: each call is an order, obeyed by one write or refused, and what follows from it is
carried on whatever becomes of the caller. Whoever waits here waits for what the store says.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from everflow.errors import HandoffRefused, RemoteRefused, RemoteUnreachable
from everflow.federation.carrying.carrier import Carrier
from everflow.federation.carrying.holdings import Holding
from everflow.federation.carrying.policies import When
from everflow.federation.protocol.standing import Role
from everflow.store.handing import Branch

__all__ = ["Handing"]

_GIVING = frozenset({Role.OFFERING, Role.FENCED})


class Handing(ABC):
    """The calls of an instance about runs that other instances have, too."""

    @property
    @abstractmethod
    def _carrying(self) -> Carrier:
        """What carries."""

    # --- copies

    async def replicate(
        self, flow: str, to: str, when: When = "commit", *, lease: float = 0.0
    ) -> None:
        """Have each run of a flow copied to a peer from when it starts, and those that go on.

        With a ``lease`` of so many seconds they run only while it is granted: see ``lease_to``.
        """
        await asyncio.to_thread(self._carrying.office.replicate, flow, to, when, lease)
        await asyncio.to_thread(self._carrying.watch.renew)
        self._carrying.stir()

    async def replicate_no_more(self, flow: str) -> bool:
        """Remove the policy of a flow; runs that follow it go on so. False where there is none."""
        gone = await asyncio.to_thread(self._carrying.office.replicate_no_more, flow)
        await asyncio.to_thread(self._carrying.watch.renew)
        return gone

    async def replicate_to(
        self, peer: str, runs: Sequence[str] | None = None, *, wait: float = 30.0
    ) -> list[str]:
        """Copy runs to a peer now, all that are here where none are named; which they were.

        Each is copied by its policy after that, or when this is called again. RemoteUnreachable
        where the peer isn't known or doesn't say within ``wait`` seconds that it has all of it,
        RemoteRefused where it doesn't take it, HandoffRefused for a run that is copied to another
        peer.
        """
        office, host = self._carrying.office, self._carrying.host
        found = await asyncio.to_thread(office.peer, peer)
        wanted = await asyncio.to_thread(office.copy, peer, runs)

        def lacking() -> list[str]:
            acked = ((run, have, host.acked(run)) for run, have in wanted.items())
            return [run for run, have, got in acked if got is None or not got.covers(have)]

        def refused() -> str | None:
            why = (self._carrying.refused(found.id, run) for run in lacking())
            return next((said for said in why if said is not None), None)

        await self._until(lambda: not lacking() or refused() is not None, wait)
        why, missing = refused(), lacking()
        if why is not None:
            raise RemoteRefused(f"{found.name} doesn't take a copy: {why}")
        if missing:
            raise RemoteUnreachable(
                f"{found.name} didn't say that it has {len(missing)} of {len(wanted)} runs"
            )
        return [*wanted]

    async def replica_get(self, peer: str) -> list[Holding]:
        """The copies that a peer left here of its runs; not of those that it was given here."""
        return await asyncio.to_thread(self._carrying.office.copies, peer)

    async def restore_from(self, peer: str) -> list[str]:
        """Go on here with all runs of a peer of which whole copies are here; which they are.

        An operator's word: if the peer lives, its runs may execute twice until it hears of it.
        HandoffRefused where there is no copy.
        """
        copies = [one for one in await self.replica_get(peer) if one.whole]
        if not copies:
            raise HandoffRefused(
                f"there is no whole copy here of a run that {peer} has",
                hint="everflow handoff list shows what there is",
            )
        for one in copies:
            await self.take_over(one.run)
        return [one.run for one in copies]

    # --- one run

    async def hand_off(self, run: str, peer: str, *, wait: float = 30.0) -> Holding:
        """Give a run to a peer, which goes on with it; where it stands after ``wait`` seconds.

        What was begun goes on after that, and ``call_back`` takes it back. RemoteRefused where the
        peer doesn't want it.
        """
        await asyncio.to_thread(self._carrying.office.give, run, peer)
        now = await self._given(run, wait)
        if now.role is Role.OWNER:
            raise RemoteRefused(f"{peer} doesn't adopt the run {run}", run=run)
        return now

    async def call_back(self, run: str, *, wait: float = 30.0) -> Holding:
        """Take back a run that was offered, or given and not adopted yet."""
        await asyncio.to_thread(self._carrying.office.call_back, run)
        return await self._given(run, wait)

    async def take_over(self, run: str) -> Holding:
        """An operator's word: go on here with what is here. If its owner lives, it runs twice."""
        return await asyncio.to_thread(self._carrying.office.take_over, run)

    async def lease_to(self, run: str, peer: str, seconds: float) -> Holding:
        """Run it only while a peer grants it so, and has all that was acknowledged."""
        return await asyncio.to_thread(self._carrying.office.lease, run, peer, seconds)

    async def end_lease(self, run: str) -> Holding:
        """Run it without a lease again, once the peer has said that it won't take it."""
        return await asyncio.to_thread(self._carrying.office.end_lease, run)

    async def believe(self, run: str, peer: str) -> Holding:
        """Hear a peer of a run from now on, although nobody who had the run named it."""
        return await asyncio.to_thread(self._carrying.office.believe, run, peer)

    async def forget_copy(self, run: str, *, aside: bool = False) -> int:
        """Delete the copy here of another instance's run, with all that was set aside of it.

        With ``aside`` only the latter, which may be done of any run. Gives how many branches went.
        Who has the run stays known, and what it ships later is a copy again. HandoffRefused where
        the run is here, is being given away, or is leased to this instance.
        """
        return await asyncio.to_thread(partial(self._carrying.office.forget, run, aside=aside))

    # --- what there is

    def holding(self, run: str) -> Holding:
        """Where this instance stands with a run; HandoffRefused where it never moved."""
        return self._carrying.office.holding(run)

    def holdings(self) -> list[Holding]:
        """All runs that other instances have, too, as far as is known here."""
        return self._carrying.office.holdings()

    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run here, by time."""
        return self._carrying.office.branches(run)

    # --- inside

    async def _given(self, run: str, wait: float) -> Holding:
        await self._until(lambda: self.holding(run).role not in _GIVING, wait)
        return await asyncio.to_thread(self.holding, run)

    async def _until(self, done: Callable[[], bool], wait: float) -> None:
        """Wait until that holds, but not longer than so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while not await asyncio.to_thread(done):
                    await self._carrying.moved()
