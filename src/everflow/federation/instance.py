"""An instance among others: its courier, its endpoints and what they share, opened together.

One rule holds: all of it lives on records of the engine's store, so that any number of processes on
one store are one instance, and none of them is needed for what another began.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette

from everflow.clock import Clock, SystemClock
from everflow.engine.driving.sweeping import sweep
from everflow.engine.faces.engine import Engine
from everflow.engine.given.ids import Random, system_random
from everflow.errors import EngineClosed, EverflowError, StoreError
from everflow.federation.carrying.carrier import Carrier
from everflow.federation.carrying.counter import Counter
from everflow.federation.carrying.face import Handing
from everflow.federation.carrying.leases import nobody
from everflow.federation.carrying.lending import Lending
from everflow.federation.carrying.parts import PART_KIND, STAGE
from everflow.federation.carrying.policies import Policy as Replicated
from everflow.federation.carrying.policies import declare
from everflow.federation.courier import Courier, Pace
from everflow.federation.ends import Ends
from everflow.federation.gate import HEARD, Gate
from everflow.federation.http import Desk, peer_app
from everflow.federation.identity import Identity, Own
from everflow.federation.keyring import Keyring
from everflow.federation.peers import Peers
from everflow.federation.promises import KEPT, Promises
from everflow.federation.quota import VISITS, Quota
from everflow.federation.together import Threads
from everflow.federation.wire import Wire
from everflow.federation.words import Nudge
from everflow.net.client import Outside
from everflow.net.policy import Policy
from everflow.store import Store

__all__ = ["Federation"]

_log = logging.getLogger("everflow.federation")
SWEEP = 60.0  # seconds between looks for what needs to be remembered no more
_FOR_A_TIME = (HEARD, KEPT, PART_KIND, STAGE)  # kinds of records that are swept


class Federation(Handing):
    """What makes an engine a peer: ``async with engine, Federation(engine) as federation: ...``.

    ``app`` is to be mounted under ``/peer/v1`` of a server that listens at the identity's address.
    ``key``: the private key, where it is neither in the file beside the store nor in the folder
    that the engine's ``Config(signing_keys=...)`` names. ``policy``: where
    requests may go. ``client`` makes what sends them. ``replicate``: flows whose runs are copied to
    a peer.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        key: Ed25519PrivateKey | None = None,
        policy: Policy | None = None,
        pace: Pace | None = None,
        clock: Clock | None = None,
        random: Random = system_random,
        client: Callable[[Policy], Outside] = Outside,
        replicate: Sequence[Replicated] = (),
    ) -> None:
        self.app: Starlette = peer_app(self._open_desk)
        self._engine = engine
        self._key = key
        self._policy = policy
        self._pace = pace or Pace()
        self._clock = clock or SystemClock()
        self._random = random
        self._client = client
        self._stack = AsyncExitStack()
        self._desk: Desk | None = None
        self._wire: Wire | None = None
        self._peers: Peers | None = None
        self._carrier: Carrier | None = None
        self._replicated = tuple(replicate)

    async def __aenter__(self) -> Self:
        engine = self._engine.client
        store, clock, limit = engine.store, self._clock, self._engine.config.value_limit
        own = Own(store, self._key, self._engine.config.signing_keys)
        identity = await asyncio.to_thread(own)
        peers = self._peers = Peers(store, clock.wall)
        async with AsyncExitStack() as stack:
            threads = Threads()
            stack.push_async_callback(threads.close)
            wire = Wire(own, clock, self._random, self._policy, self._client)
            self._wire = await stack.enter_async_context(wire)
            courier = Courier(
                self._engine,
                peers,
                wire,
                clock,
                self._pace,
                limit=limit,
                random=self._random,
                threads=threads,
            )
            changes = self._engine.changes
            ends = Ends(store, changes, self._tell, self._pace.look, threads)
            promises = Promises(engine, clock, limit)
            for peer, call, no in await asyncio.to_thread(promises.open):
                ends.owe(no, peer, call)
            await stack.enter_async_context(ends)
            await stack.enter_async_context(courier)
            stack.callback(changes.listen(courier.stir))
            declare(store, self._replicated, at=clock.wall())
            carrier = Carrier(engine, changes, peers, wire, clock, self._pace, self._random)
            self._carrier = await stack.enter_async_context(carrier)
            stack.callback(self._lend(carrier))
            sweeping = asyncio.create_task(self._sweep(store))
            stack.push_async_callback(_ended, sweeping)
            self._desk = Desk(
                identity.address,
                Gate(store, clock.wall),
                promises,
                Quota(clock.boot),
                Quota(clock.boot, VISITS),
                ends,
                Keyring(peers),
                Counter(carrier.reception, clock, carrier.heard_of),
                courier.nudged,
                threads,
                limit,
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._desk = None
        await self._stack.aclose()
        self._carrier = None

    @property
    def peers(self) -> Peers:
        """The peers of the engine's store."""
        if self._peers is None:
            raise EngineClosed("the federation isn't open", hint="async with Federation(engine)")
        return self._peers

    @property
    def identity(self) -> Identity:
        """Who the engine's instance is."""
        if self._wire is None:
            raise EngineClosed("the federation isn't open", hint="async with Federation(engine)")
        return self._wire.own()

    def _lend(self, carrier: Carrier) -> Callable[[], None]:
        """Have the engine run what is leased; gives the function that ends it."""
        engine, leases = self._engine, carrier.host.leases

        def end() -> None:
            leases.tell = nobody
            with contextlib.suppress(EngineClosed):
                engine.keep_leases(None)

        leases.tell = engine.lease_changed
        store = engine.client.store
        engine.keep_leases(Lending(carrier.host, carrier.watch, store, self._clock))
        return end

    @property
    def _carrying(self) -> Carrier:
        if self._carrier is None:
            raise EngineClosed("the federation isn't open", hint="async with Federation(engine)")
        return self._carrier

    def _open_desk(self) -> Desk:
        if self._desk is None:
            raise EngineClosed("the federation isn't open", hint="async with Federation(engine)")
        return self._desk

    async def _tell(self, peer: str, calls: list[str]) -> None:
        """Nudge a peer whose calls have ended; it asks by itself where it hears nothing."""
        with contextlib.suppress(EverflowError):
            found = await asyncio.to_thread(self.peers.get, peer)
            if found is not None and self._wire is not None:
                body, seconds = msgspec.json.encode(Nudge(calls=calls)), self._pace.answer
                await self._wire.send(found, "POST", "/nudges", body, seconds=seconds, most=65_536)

    async def _sweep(self, store: Store) -> None:
        while True:
            try:
                await asyncio.to_thread(sweep, store, _FOR_A_TIME, self._clock.wall())
            except StoreError as error:
                _log.warning("nothing is swept: %s", error.message)
            await asyncio.sleep(SWEEP)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
