"""The actors of other servers, fetched when they are needed and kept for a while.

Four rules hold. A document is believed only where it was found at the actor's own id, at its own
host to the end of all redirects, as a document of ActivityStreams. What one fetch may cost is
bounded in bytes and time, how many there may be at once and for one host as well, and whoever
couldn't be fetched isn't tried again at once: no flood of forged messages becomes a flood of ours,
nor uses up what honest ones need, see ``sources``.
Requests go to public addresses alone, but for what an actor's ``inside`` allows. And each is signed
by an actor here, since some servers show nothing to strangers.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

import msgspec

from everflow.activitypub.actors import Actors, Keys, Local
from everflow.activitypub.remote import LONGEST, Remote, RemoteKey, remote_of
from everflow.activitypub.sources import Fetches, Room, Turns
from everflow.activitypub.words import ACTIVITY_JSON, is_activity_media, origin_of
from everflow.clock import Clock
from everflow.errors import ActivityRefused, BadReply, ConfigurationError, OutsideError, Unreachable
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.signatures import cavage
from everflow.store import Put, Store
from everflow.triggers.canonical import read_json

__all__ = ["REMOTE", "Directory", "key_of_actor", "own_remote"]

REMOTE = "remote-actor"  # the kind of their records, by the hash of their ids
SECOND = 1_000_000
FRESH = 24 * 3600 * SECOND  # for so long an actor's document is believed without another look
STALE = 7 * FRESH  # and for so long, where its server can't be asked just now
KEPT = 30 * FRESH  # and for so long it is kept
AGAIN = 300 * SECOND  # between two looks because a signature wasn't of a key that is known
FAILED = 60 * SECOND  # until somebody is tried again who couldn't be fetched
REMEMBERED = 10_000
LARGEST = 256 * 1024  # bytes of an actor's document
SECONDS = 5.0
AT_ONCE = 64
OF_ONE = 8  # of these for deliveries of one source: names of its own may hang for long
WAITING = 96  # deliveries that wait for fetches, a quarter of them for one host
RATE, BURST = 5.0, 100.0  # fetches a second from one host
_ACCEPT = f'{ACTIVITY_JSON}, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
_GONE = frozenset({404, 410})
_OK = 200


class Known(msgspec.Struct, frozen=True):
    """An actor's record: what its document said, and when."""

    actor: Remote
    at: int


class Directory:
    """Actors of other servers; ``async with`` opens it, on one event loop.

    ``seconds`` is for a whole fetch, ``rate`` how many there are a second of one host, and
    ``burst`` at once. ``client`` makes what sends requests.
    """

    def __init__(
        self,
        store: Store,
        actors: Actors,
        clock: Clock,
        *,
        seconds: float = SECONDS,
        rate: float = RATE,
        burst: float = BURST,
        client: Callable[[Policy], Outside] = Outside,
    ) -> None:
        self._store = store
        self._actors = actors
        self._clock = clock
        self._seconds = seconds
        self._client = client
        self._fetches = Fetches(clock.boot, rate, burst)
        self._waiting = Room(WAITING)
        self._turns = Turns(OF_ONE)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._failed: OrderedDict[str, tuple[int, str | None]] = OrderedDict()
        self._going: dict[str, asyncio.Task[Remote | None]] = {}
        self._clients: dict[tuple[str, ...], Outside] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        going = list(self._going.values())
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        self._clients.clear()
        await self._stack.aclose()

    async def find(self, url: str, by: Local, source: str | None = None) -> Remote | None:
        """The actor of that id; None where its server says that there is none any more.

        ``source``: where the delivery came from for whose sake it is; None: nobody's.
        OutsideError where that can't be told. An actor here is known without asking. One whose
        server gives no answer is as it was known, if that isn't too old: otherwise a flood of
        forged messages that uses up what its host may be asked would shut out the honest ones.
        """
        if origin_of(url) == origin_of(by.address):
            local = await asyncio.to_thread(self._actors.by_id, url)
            return None if local is None else own_remote(local)
        known = await asyncio.to_thread(self.known, url)
        age = STALE if known is None else self._clock.wall() - known.at
        if known is not None and age < FRESH:
            return known.actor
        try:
            return await self._asked(url, by, source)
        except OutsideError:
            if known is None or age >= STALE:
                raise
            return known.actor

    async def again(self, url: str, by: Local, source: str | None = None) -> Remote | None:
        """The same from its server, where the last look was some time ago: keys are changed.

        None as well where it was just looked at, or is one here.
        """
        if origin_of(url) == origin_of(by.address):
            return None
        known = await asyncio.to_thread(self.known, url)
        if known is not None and abs(self._clock.wall() - known.at) < AGAIN:
            return None
        return await self._asked(url, by, source)

    def proved(self, url: str, source: str) -> None:
        """A delivery from there was that actor's."""
        self._fetches.proved(_host(url), source)

    def known(self, url: str) -> Known | None:
        """What is known of an actor without asking anybody, however old."""
        found = self._store.records(REMOTE, keys=[key_of_actor(url)])
        known = msgspec.json.decode(found[0].body, type=Known) if found else None
        return known if known is not None and known.actor.id == url else None

    def forget(self, url: str) -> Put:
        """What makes an actor be unknown."""
        return Put(kind=REMOTE, key=key_of_actor(url), body=None)

    async def get(
        self, url: str, by: Local, *, accept: str = _ACCEPT, elsewhere: bool = False
    ) -> tuple[str, Any] | None:
        """The content type and JSON of a URL; None where it is gone; OutsideError otherwise.

        ``elsewhere``: another host may answer, if this one redirects there.
        """
        host = _host(url)
        if not self._fetches.spend(host, None):
            raise Unreachable(f"{host:.200} is asked too often")
        return await self._got(url, by, accept, elsewhere=elsewhere)

    async def _got(
        self, url: str, by: Local, accept: str, *, elsewhere: bool
    ) -> tuple[str, Any] | None:
        client = await self._to(by)
        try:
            keys = await asyncio.to_thread(self._actors.keys, by)
        except ConfigurationError as error:
            raise Unreachable(f"nobody can be asked: {error.message}") from error
        message = Message("GET", url, (("accept", accept),))
        async with self._room:
            sign = partial(self._sign, by, keys)
            reply = await client.send(message, sign=sign, seconds=self._seconds, most=LARGEST)
        if origin_of(reply.url) != origin_of(url) and not elsewhere:
            raise BadReply(f"{url:.200} leads to another host")
        if reply.status in _GONE:
            return None
        if reply.status != _OK:
            raise BadReply(f"{url:.200} answers {reply.status}")
        try:
            return reply.value("content-type"), await asyncio.to_thread(read_json, reply.body)
        except ActivityRefused as error:
            raise BadReply(f"what is at {url:.200} can't be read: {error.message}") from error

    async def _asked(self, url: str, by: Local, source: str | None) -> Remote | None:
        """Fetch an actor, if there is room for one more who waits for that host."""
        host = _host(url)
        if source is None or self._fetches.knows(host, source):
            return await self._fetched(url, by, source)
        with self._waiting.place(host) as free:
            if not free:
                raise Unreachable(f"too many wait for {host:.200}")
            return await self._fetched(url, by, source)

    async def _fetched(self, url: str, by: Local, source: str | None) -> Remote | None:
        """Fetch an actor, once for all who wait for it."""
        until, failure = self._failed.get(url, (0, None))
        if self._clock.boot() < until:
            if failure is not None:
                raise Unreachable(f"a moment ago: {failure}")
            return None
        task = self._going.get(url)
        if task is None:
            # Said before it is begun, so that it isn't remembered of who wasn't asked.
            if not self._fetches.spend(_host(url), source):
                raise Unreachable(f"{_host(url):.200} is asked too often")
            task = asyncio.create_task(self._remembered(url, self._fetch(url, by, source or "")))
            self._going[url] = task
            task.add_done_callback(partial(self._over, url))
        return await asyncio.shield(task)

    def _over(self, url: str, task: asyncio.Task[Remote | None]) -> None:
        """Looks at its failure, too: those who waited may all have gone."""
        self._going.pop(url, None)
        if not task.cancelled():
            task.exception()

    async def _remembered(
        self, url: str, fetch: Coroutine[Any, Any, Remote | None]
    ) -> Remote | None:
        """What it gives; that it failed is known for a while."""
        try:
            found = await fetch
        except OutsideError as error:
            self._remember(url, error.message)
            raise
        if found is None:
            self._remember(url, None)
        return found

    def _remember(self, url: str, failure: str | None) -> None:
        self._failed[url] = (self._clock.boot() + FAILED, failure)
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    async def _fetch(self, url: str, by: Local, source: str) -> Remote | None:
        async with self._turns.turn(source):
            got = await self._got(url, by, _ACCEPT, elsewhere=False)
        if got is None:
            return None
        media, value = got
        if not is_activity_media(media):
            raise BadReply(f"what is at {url:.200} isn't of ActivityStreams, but {media!r:.80}")
        actor = remote_of(value, url)
        await asyncio.to_thread(self._keep, actor)
        return actor

    def _keep(self, actor: Remote) -> None:
        now = self._clock.wall()
        body = msgspec.json.encode(Known(actor, now)).decode()
        put = Put(kind=REMOTE, key=key_of_actor(actor.id), body=body, due=now + KEPT)
        self._store.write([put], at=now)

    def _sign(self, by: Local, keys: Keys, message: Message) -> dict[str, str]:
        return cavage.sign(message, keys.rsa, key_id=by.rsa_id, now=self._clock.wall())

    async def _to(self, by: Local) -> Outside:
        if by.inside not in self._clients:
            client = self._client(replace(by.policy(), reply_bytes=LARGEST))
            self._clients[by.inside] = client
            await self._stack.enter_async_context(client)
        return self._clients[by.inside]


def _host(url: str) -> str:
    """The host and port of a URL; BadReply for what is none of HTTP."""
    home = origin_of(url)
    if home is None or len(url) > LONGEST:
        raise BadReply(f"{url!r:.200} isn't a URL of HTTP")
    return home[1]


def own_remote(actor: Local) -> Remote:
    """An actor here, as others see it."""
    keys = RemoteKey(actor.rsa_id, actor.rsa), RemoteKey(actor.ed25519_id, actor.ed25519)
    return Remote(id=actor.id, inbox=actor.inbox, keys=keys, name=actor.name)


def key_of_actor(url: str) -> str:
    """The key of the records of an actor: its id may be longer than a key should be."""
    return hashlib.sha256(url.encode()).hexdigest()
