"""The way to a peer: requests are signed, and go only where that peer may be.

One rule holds: a peer is reached at the address that its record has, through a client of its own,
so that what one peer costs (connections, an address inside our network) is no other's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from everflow.clock import Clock
from everflow.engine.given.ids import Random
from everflow.federation.identity import Identity
from everflow.federation.peers import Peer
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from everflow.net.signatures import rfc9421

__all__ = ["PREFIX", "Wire"]

PREFIX = "/peer/v1"
NONCE_BYTES = 16


class Wire:
    """Sends requests to peers; ``async with`` opens it, on one event loop.

    ``me`` is this instance's id from then on: it stays, whatever becomes of the file of its key.
    """

    def __init__(
        self,
        own: Callable[[], Identity],
        clock: Clock,
        random: Random,
        policy: Policy | None = None,
        client: Callable[[Policy], Outside] = Outside,
    ) -> None:
        self.own = own
        self.me = ""
        self._clock = clock
        self._random = random
        self._policy = Policy() if policy is None else policy
        self._client = client
        self._stack = AsyncExitStack()
        self._clients: dict[tuple[str, str, bool], Outside] = {}

    async def __aenter__(self) -> Self:
        self.me = (await asyncio.to_thread(self.own)).id
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clients.clear()
        await self._stack.aclose()

    async def send(
        self, peer: Peer, method: str, path: str, body: bytes = b"", *, seconds: float, most: int
    ) -> Reply:
        """Send a signed request and give the reply; OutsideError where there is none."""
        headers = (("content-type", "application/json"),) if body else ()
        message = Message(method, f"{peer.address}{PREFIX}{path}", headers, body)
        identity, client = await asyncio.to_thread(self.own), await self._to(peer)
        sign = partial(self._sign, identity)
        return await client.send(message, sign=sign, seconds=seconds, most=most)

    def _sign(self, identity: Identity, message: Message) -> dict[str, str]:
        now, nonce = self._clock.wall(), self._random(NONCE_BYTES).hex()
        return rfc9421.sign(message, identity.key, key_id=identity.key_id, now=now, nonce=nonce)

    async def _to(self, peer: Peer) -> Outside:
        place = (peer.id, peer.address, peer.inside)
        if place not in self._clients:
            host = urlsplit(peer.address).hostname or ""
            allow = (*self._policy.allow, host) if peer.inside else self._policy.allow
            # Redirects are for readers of pages: a peer answers where it is called.
            policy = replace(self._policy, allow=allow, redirects=0)
            client = self._clients[place] = self._client(policy)
            await self._stack.enter_async_context(client)
        return self._clients[place]
