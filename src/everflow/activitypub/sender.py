"""The sender: knocks at the inboxes of other servers, signed as an actor here.

Four rules hold. What is sent is the text that was published, byte for byte, however often it is
sent. Private keys are read where they lie and stand in no journal. So many knocks are made at once
and no more, however many deliveries wait. And requests go to public addresses alone, but for what
the actor's ``inside`` allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from everflow.activitypub.actors import Actors, Keys, Local
from everflow.activitypub.circle import FOLLOWER, Circle, parted_put
from everflow.activitypub.dialects import KNOCK_AGAIN, RFC9421, signing
from everflow.activitypub.directory import Directory
from everflow.activitypub.hosts import Hosts
from everflow.activitypub.ownloop import OwnLoop
from everflow.activitypub.parcels import Parcel
from everflow.activitypub.published import text_of
from everflow.activitypub.verdicts import is_gone, is_ill, is_taken, refusal
from everflow.activitypub.words import ACTIVITY_JSON
from everflow.clock import Clock, SystemClock
from everflow.engine.given.ids import Random, system_random
from everflow.errors import AddressRefused, DeliveryRefused, NoRetry, NoSuchActor, OutsideError
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from everflow.store import Store

__all__ = ["Sender", "Sent"]

AT_ONCE = 50


@dataclass(frozen=True)
class Sent:
    """What became of it: ``how`` is ``taken``, ``gone`` or ``erased``."""

    how: str
    inbox: str
    dialect: str = ""


class Sender:
    """Delivers; ``with`` opens it. It may be used from any thread and event loop.

    ``keys``: as for ``Actors``. ``at_once``: knocks at a time.
    ``first``: the dialect for servers that aren't known. ``clock`` is the engine's, ``wall`` gives
    the time that others share. ``client`` makes what sends requests.
    """

    def __init__(
        self,
        store: Store,
        *,
        keys: Mapping[str, Keys] | str = "",
        clock: Clock | None = None,
        wall: Callable[[], int] | None = None,
        random: Random = system_random,
        first: str = RFC9421,
        at_once: int = AT_ONCE,
        client: Callable[[Policy], Outside] = Outside,
    ) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._random = random
        self._actors = Actors(store, self._clock.wall, keys)
        self._hosts = Hosts(store, self._clock.wall, first)
        self._wall = wall or SystemClock().wall
        self._client = client
        self._directory = Directory(store, self._actors, self._clock, client=client)
        self._room = asyncio.Semaphore(at_once)
        self._loop = OwnLoop("everflow-sender")
        self._stack = AsyncExitStack()
        self._clients: dict[tuple[str, ...], Outside] = {}

    def __enter__(self) -> Self:
        self._loop.open()
        self._loop.wait(self._stack.enter_async_context(self._directory))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.close(self._stack.aclose)

    async def deliver(self, parcel: Parcel) -> Sent:
        """Knock once, in the other dialect too where the first isn't understood.

        Raises:
            NoRetry: around what won't be otherwise the next time, such as DeliveryRefused.
            ReceiverBusy: it is to be tried again; in a RetryAfter where the receiver says when.
            OutsideError: there was no answer.
        """
        return await self._loop.ask(self._deliver(parcel))

    # --- inside, on the sender's own loop

    async def _deliver(self, parcel: Parcel) -> Sent:
        actor, keys, text = await asyncio.to_thread(self._read, parcel)
        if text is None:
            return Sent("erased", parcel.inbox)
        inbox = parcel.inbox
        if not inbox:
            found = await self._directory.find(parcel.to, actor)
            if found is None:
                return await asyncio.to_thread(self._gone, parcel, actor, "")
            inbox = found.inbox
        host = urlsplit(inbox).netloc.lower()
        message = Message("POST", inbox, (("content-type", ACTIVITY_JSON),), text.encode())
        reply, dialect = await self._knock(message, host, actor, keys)
        if is_taken(reply.status):
            return Sent("taken", inbox, dialect)
        if is_gone(reply.status, alone=bool(parcel.to)):
            return await asyncio.to_thread(self._gone, parcel, actor, inbox)
        error = refusal(reply, self._wall())
        raise NoRetry(error) if isinstance(error, DeliveryRefused) else error

    async def _knock(
        self, message: Message, host: str, actor: Local, keys: Keys
    ) -> tuple[Reply, str]:
        """What the host says, in the dialect that it understands; how it is, is remembered."""
        first, second = await asyncio.to_thread(self._hosts.order, host)
        try:
            reply, dialect = await self._send(message, first, actor, keys), first
            if reply.status in KNOCK_AGAIN:
                again = await self._send(message, second, actor, keys)
                if again.status not in KNOCK_AGAIN:
                    reply, dialect = again, second
        except AddressRefused as error:
            raise NoRetry(error) from error
        except OutsideError:
            await asyncio.to_thread(self._hosts.failed, host)
            raise
        if is_ill(reply.status):
            await asyncio.to_thread(self._hosts.failed, host)
        else:
            took = dialect if is_taken(reply.status) else ""
            await asyncio.to_thread(self._hosts.well, host, took)
        return reply, dialect

    async def _send(self, message: Message, dialect: str, actor: Local, keys: Keys) -> Reply:
        sign = signing(dialect, actor, keys, self._wall, self._random)
        async with self._room:
            client = await self._to(actor)
            return await client.send(message, sign=sign)

    async def _to(self, actor: Local) -> Outside:
        if actor.inside not in self._clients:
            client = self._clients[actor.inside] = self._client(actor.policy())
            await self._stack.enter_async_context(client)
        return self._clients[actor.inside]

    # --- what is read and written, on other threads

    def _read(self, parcel: Parcel) -> tuple[Local, Keys, str | None]:
        try:
            actor = self._actors.require(parcel.actor)
            keys = self._actors.keys(actor)
        except NoSuchActor as error:
            raise NoRetry(error) from error
        return actor, keys, text_of(self._store, actor, parcel.activity)

    def _gone(self, parcel: Parcel, actor: Local, inbox: str) -> Sent:
        """Forget the followers whose inbox it was."""
        circle = Circle(self._store)
        if parcel.to:
            follower = circle.follower(actor, parcel.to)
            found = [] if follower is None else [follower]
        else:
            found = [*circle.followers(actor)]
        puts = [
            parted_put(FOLLOWER, actor, each.id)
            for each in found
            if inbox in {"", each.inbox, each.shared}
        ]
        if puts:
            self._store.write(puts, at=self._clock.wall())
        return Sent("gone", inbox)
