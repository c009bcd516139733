"""An instance among servers of ActivityPub: its actors' endpoints and what they share.

One rule holds: all of it lives on records of the engine's store, so that any number of processes on
one store are one instance.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette

from everflow.activitypub.actors import Actors, Keys
from everflow.activitypub.circle import Circle, Followed
from everflow.activitypub.counts import Counts
from everflow.activitypub.delivery import outbox_of
from everflow.activitypub.directory import REMOTE, SECONDS, Directory
from everflow.activitypub.doorman import Doorman
from everflow.activitypub.effects import Effects, Tell
from everflow.activitypub.following import Following
from everflow.activitypub.handles import named
from everflow.activitypub.http import Desk, actors_app, well_known_app
from everflow.activitypub.inbox import Inbox, Limits
from everflow.activitypub.outbox import Outbox
from everflow.activitypub.published import Published
from everflow.clock import Clock, SystemClock
from everflow.engine.driving.sweeping import sweep
from everflow.engine.faces.engine import Engine
from everflow.errors import EngineClosed, EverflowError, StoreError
from everflow.net.client import Outside
from everflow.net.policy import Policy
from everflow.store import Store
from everflow.triggers import Activities, Appended, Triggers

__all__ = ["ActivityPub"]

_log = logging.getLogger("everflow.activitypub")
SWEEP = 600.0  # seconds between looks for what needs to be remembered no more
IDLE = 5.0  # seconds between looks at what another process may have left undone


@dataclass(frozen=True)
class Bonds:
    """What ties actors here to those elsewhere."""

    directory: Directory
    following: Following
    effects: Effects


class ActivityPub:
    """What gives an engine's actors an inbox: ``async with engine, ActivityPub(engine) as pub:``.

    ``app`` is to be mounted under ``/ap`` and ``well_known`` under ``/.well-known`` of the server
    that is the actors' address. ``triggers``: those that fire in this process, which are told of
    what arrives at once. ``tell``: what delivers to those who are answered, by default the store's
    outbox, whose runs an engine carries that has ``deliveries``. ``keys``: of actors, where
    they are neither in files beside the store nor in those of ``Config(signing_keys=...)``.
    ``fetch_s``: seconds that fetching an actor may take.
    ``client`` makes what sends requests.
    """

    def __init__(
        self,
        engine: Engine,
        triggers: Triggers | None = None,
        *,
        tell: Tell | None = None,
        keys: Mapping[str, Keys] | None = None,
        limits: Limits | None = None,
        fetch_s: float = SECONDS,
        clock: Clock | None = None,
        client: Callable[[Policy], Outside] = Outside,
    ) -> None:
        self.app: Starlette = actors_app(self._open_desk)
        self.well_known: Starlette = well_known_app(self._open_desk)
        self._engine = engine
        self._triggers = triggers
        self._tell = tell
        self._keys = keys
        self._limits = limits or Limits()
        self._fetch_s = fetch_s
        self._clock = clock or SystemClock()
        self._client = client
        self._stack = AsyncExitStack()
        self._desk: Desk | None = None
        self._bonds: Bonds | None = None

    async def __aenter__(self) -> Self:
        client = self._engine.client
        store, clock = client.store, self._clock
        actors = Actors(store, clock.wall, self._keys or self._engine.config.signing_keys)
        log = Activities(client) if self._triggers is None else self._triggers.activities
        async with AsyncExitStack() as stack:
            made = Directory(store, actors, clock, seconds=self._fetch_s, client=self._client)
            directory = await stack.enter_async_context(made)

            tell = self._tell or outbox_of(client).tell
            effects = Effects(store, actors, directory, tell)
            wake = await self._begin(stack, effects)

            def append(activity: Any, actor: str) -> Appended:
                said = log.append(activity, actor=actor)
                wake()
                return said

            doorman = Doorman(actors, directory, clock)
            inbox = Inbox(doorman, append, clock, self._limits)
            sweeping = asyncio.create_task(self._sweep(store))
            stack.push_async_callback(_ended, sweeping)
            self._desk = Desk(actors, Published(store), Circle(store), inbox, Counts(clock.boot))
            self._bonds = Bonds(directory, Following(store, tell, clock.wall), effects)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._desk = self._bonds = None
        await self._stack.aclose()

    @property
    def actors(self) -> Actors:
        """The actors of the engine's store."""
        return self._open_desk().actors

    @property
    def circle(self) -> Circle:
        """Who follows them, and whom they follow."""
        return self._open_desk().circle

    @property
    def outbox(self) -> Outbox:
        """What they say; its runs are carried by an engine that has ``deliveries``."""
        return outbox_of(self._engine.client)

    async def follow(self, actor: str, word: str) -> Followed:
        """Ask an actor elsewhere, by handle or id, whether an actor here may follow it."""
        bonds = self._open_bonds()
        asked = await asyncio.to_thread(self.actors.require, actor)
        other = await named(bonds.directory, word, asked)
        return await asyncio.to_thread(bonds.following.ask, asked, other)

    async def leave(self, actor: str, word: str) -> Followed:
        """Follow somebody no more, and have them told."""
        bonds = self._open_bonds()
        asked = await asyncio.to_thread(self.actors.require, actor)
        return await asyncio.to_thread(bonds.following.leave, asked, word)

    async def settle(self) -> None:
        """See to all that arrived until now, in place of a moment later."""
        effects = self._open_bonds().effects
        while await asyncio.to_thread(effects.look, self._clock.wall()):
            pass

    def _open_bonds(self) -> Bonds:
        if self._bonds is None:
            raise _closed()
        return self._bonds

    def _open_desk(self) -> Desk:
        if self._desk is None:
            raise _closed()
        return self._desk

    async def _begin(self, stack: AsyncExitStack, effects: Effects) -> Callable[[], None]:
        """Begin to see to what arrives; what tells of it, from any thread."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        await asyncio.to_thread(effects.begin, self._clock.wall())
        stack.push_async_callback(_ended, asyncio.create_task(self._work(effects, event)))

        def wake() -> None:
            loop.call_soon_threadsafe(event.set)

        return wake

    async def _work(self, effects: Effects, event: asyncio.Event) -> None:
        while True:
            event.clear()
            try:
                while await asyncio.to_thread(effects.look, self._clock.wall()):
                    pass
            except Exception as error:  # noqa: BLE001 - what it may be, what comes later goes on
                told = isinstance(error, EverflowError)
                _log.warning("activities wait for their effects: %s", error, exc_info=not told)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), IDLE)

    async def _sweep(self, store: Store) -> None:
        while True:
            try:
                await asyncio.to_thread(sweep, store, [REMOTE], self._clock.wall())
            except StoreError as error:
                _log.warning("nothing is swept: %s", error.message)
            await asyncio.sleep(SWEEP)


def _closed() -> EngineClosed:
    return EngineClosed("ActivityPub isn't open", hint="async with ActivityPub(engine)")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
