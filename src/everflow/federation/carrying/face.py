"""What people ask of runs that several instances have: to copy, give, take back and take over.

Two rules hold. Each call is an order to the run's session, obeyed by one write or refused; what
follows from it is carried on whatever becomes of the caller. And whoever waits here waits for what
the store says.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from everflow.clock import Clock
from everflow.errors import HandoffRefused, NoSuchPeer, RemoteRefused, RemoteUnreachable
from everflow.federation.carrying.carrier import Carrier
from everflow.federation.carrying.holdings import Holding, holding_of, holdings
from everflow.federation.carrying.policies import Policy, When, declare, forget
from everflow.federation.peers import Peer, Peers
from everflow.federation.protocol.lineage import Extent
from everflow.federation.protocol.standing import Replication, Role
from everflow.federation.protocol.turns import (
    CallBack,
    EndLease,
    HandOff,
    LeaseTo,
    Order,
    Refusal,
    Replicate,
    Ship,
    TakeOver,
)
from everflow.store import RunQuery, Status, Store
from everflow.store.handing import Branch

__all__ = ["Handing", "require_obeyed"]

SECOND = 1_000_000
PAGE = 500
_WORDS = {
    Refusal.NOT_OWNER: "this instance doesn't have the run",
    Refusal.OWNER_ALREADY: "this instance has the run already",
    Refusal.NO_REPLICA: "there is no whole copy of the run here",
    Refusal.NO_REPLICATION: "the run isn't copied to anybody",
    Refusal.LEASED: "the run is leased: end the lease first",
    Refusal.NO_LEASE: "the run isn't leased",
    Refusal.NOTHING_OFFERED: "the run is offered to nobody",
    Refusal.OWN_ADDRESS: "that is this instance itself",
}
_GIVING = frozenset({Role.OFFERING, Role.FENCED})


def require_obeyed(run: str, refused: Refusal | None) -> None:
    """HandoffRefused for an order that wasn't obeyed."""
    if refused is not None:
        raise HandoffRefused(f"{_WORDS[refused]}", run=run)


class Handing(ABC):
    """The calls of an instance about runs that other instances have, too."""

    _clock: Clock

    @property
    @abstractmethod
    def peers(self) -> Peers:
        """The peers of the engine's store."""

    @property
    @abstractmethod
    def _carrying(self) -> Carrier:
        """What carries."""

    @property
    @abstractmethod
    def _store(self) -> Store:
        """The engine's store."""

    # --- copies

    async def replicate(self, flow: str, to: str, when: When = "commit") -> None:
        """Have each run of a flow copied to a peer from when it starts, and those that go on."""
        await asyncio.to_thread(self.peers.require, to)
        policy = Policy(flow=flow, to=to, when=when)
        await asyncio.to_thread(declare, self._store, [policy], at=self._clock.wall())
        self._carrying.watch.renew()
        self._carrying.stir()

    async def replicate_no_more(self, flow: str) -> bool:
        """Remove the policy of a flow; runs that follow it go on so. False where there is none."""
        gone = await asyncio.to_thread(forget, self._store, flow, at=self._clock.wall())
        self._carrying.watch.renew()
        return gone

    async def replicate_to(
        self, peer: str, runs: Sequence[str] | None = None, *, wait: float = 30.0
    ) -> list[str]:
        """Copy runs to a peer now, all that are here where none are named; which they were.

        Each is copied by its policy after that, or when this is called again. RemoteUnreachable
        where the peer isn't known or doesn't have all of it within ``wait`` seconds, RemoteRefused
        where it doesn't take it, HandoffRefused for a run that is copied to another peer.
        """
        found = await asyncio.to_thread(self._reachable, peer)
        chosen = await asyncio.to_thread(self._own_runs) if runs is None else list(runs)
        wanted = await asyncio.to_thread(self._ship, found, chosen)
        self._carrying.stir()

        def over() -> bool:
            return self._refused(found, chosen) is not None or not self._lacking(wanted)

        await self._until(over, wait)
        missing = self._lacking(wanted)
        why = self._refused(found, missing)
        if why is not None:
            raise RemoteRefused(f"{found.name} doesn't take a copy: {why}")
        if missing:
            raise RemoteUnreachable(
                f"{found.name} didn't say that it has {len(missing)} of {len(wanted)} runs"
            )
        return chosen

    async def replica_get(self, peer: str) -> list[Holding]:
        """The copies here of runs that a peer has."""
        found = await asyncio.to_thread(self._reachable, peer)
        all_here = await asyncio.to_thread(holdings, self._store, self._carrying.host)
        return [one for one in all_here if one.role is Role.REPLICA and one.owner == found.id]

    async def restore_from(self, peer: str) -> list[str]:
        """Go on here with all runs of a peer of which whole copies are here; which they are.

        An operator's word: if the peer lives, its runs may execute twice until it hears of it.
        HandoffRefused where there is no copy.
        """
        copies = [one for one in await self.replica_get(peer) if one.whole]
        if not copies:
            raise HandoffRefused(
                f"there is no copy here of a run that {peer} has",
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
        found = await asyncio.to_thread(self._reachable, peer)
        await self._order(run, HandOff(found.id))
        await self._until(lambda: self.holding(run).role not in _GIVING, wait)
        now = await asyncio.to_thread(self.holding, run)
        if now.role is Role.OWNER:
            raise RemoteRefused(f"{found.name} doesn't adopt the run {run}", run=run)
        return now

    async def call_back(self, run: str, *, wait: float = 30.0) -> Holding:
        """Take back a run that was offered, or given and not adopted yet."""
        await self._order(run, CallBack())
        await self._until(lambda: self.holding(run).role not in _GIVING, wait)
        return await asyncio.to_thread(self.holding, run)

    async def take_over(self, run: str) -> Holding:
        """An operator's word: go on here with what is here. If its owner lives, it runs twice."""
        await self._order(run, TakeOver())
        return await asyncio.to_thread(self.holding, run)

    async def lease_to(self, run: str, peer: str, seconds: float) -> None:
        """Run it only while a peer grants it so, and has all that was acknowledged."""
        found = await asyncio.to_thread(self._reachable, peer)
        await self._order(run, LeaseTo(found.id, round(seconds * SECOND)))

    async def end_lease(self, run: str) -> None:
        """Run it without a lease again, once the peer has said that it won't take it."""
        await self._order(run, EndLease())

    # --- what there is

    def holding(self, run: str) -> Holding:
        """Where this instance stands with a run; HandoffRefused where it never moved."""
        found = holding_of(self._store, self._carrying.host, run)
        if found is None:
            raise HandoffRefused("no other instance ever heard of the run", run=run)
        return found

    def holdings(self) -> list[Holding]:
        """All runs that other instances have, too, as far as is known here."""
        return holdings(self._store, self._carrying.host)

    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run here, by time."""
        return self._store.branches(run)

    # --- inside

    async def _order(self, run: str, order: Order) -> None:
        turn = await asyncio.to_thread(self._carrying.host.order, run, order)
        self._carrying.stir()
        require_obeyed(run, turn.refused)

    def _reachable(self, peer: str) -> Peer:
        try:
            return self.peers.require(peer)
        except NoSuchPeer as error:
            raise RemoteUnreachable(error.message, hint=error.hint) from error

    def _own_runs(self) -> list[str]:
        found: list[str] = []
        after = 0
        while True:
            page = self._store.runs(RunQuery(after=after, limit=PAGE))
            found += [row.id for row in page if row.status is not Status.HANDED_OFF]
            if len(page) < PAGE:
                return found
            after = page[-1].no

    def _ship(self, peer: Peer, runs: Sequence[str]) -> dict[str, Extent]:
        """Have these runs shipped; how much of each the peer is to have."""
        host = self._carrying.host
        wanted = {}
        for run in runs:
            turn = host.order(run, Ship())
            replication = turn.session.standing.replication
            if turn.refused is Refusal.NO_REPLICATION:
                host.order(run, Replicate(Replication(to=peer.id, when="manual")))
                turn = host.order(run, Ship())
            elif replication is not None and replication.to != peer.id:
                raise HandoffRefused("the run is copied to another peer already", run=run)
            require_obeyed(run, turn.refused)
            wanted[run] = turn.session.have
        return wanted

    def _lacking(self, wanted: dict[str, Extent]) -> list[str]:
        acked = self._carrying.host.acked
        return [
            run for run, have in wanted.items() if not ((got := acked(run)) and got.covers(have))
        ]

    def _refused(self, peer: Peer, runs: Sequence[str]) -> str | None:
        """Why the peer doesn't hear of one of these runs."""
        why = (self._carrying.refused(peer.id, run) for run in runs)
        return next((said for said in why if said is not None), None)

    async def _until(self, done: Callable[[], bool], wait: float) -> None:
        """Wait until that holds, but not longer than so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while not await asyncio.to_thread(done):
                    await self._carrying.moved()
