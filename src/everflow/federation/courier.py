"""The courier: carries the errands that runs left in the store, and tells the runs what came of it.

Four rules hold. What a courier knows stands in the errand's record, so that it may die at any
moment, and any other goes on. An errand is in one courier's hands at a time: it is taken by moving
its due on under its version, and settled under the version that it was taken with; who was slower
writes nothing. A run is told in the write that notes it, so that it is told once. And only what was
never accepted is ever unreachable: past its patience the peer wouldn't begin it, and once it was
accepted nothing but the peer's own word, or a cancel here, ends the waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from msgspec.structs import replace

from everflow.clock import Clock
from everflow.core.faults import encode_error, make_error
from everflow.engine.faces.engine import Engine
from everflow.engine.records.errands import ERRAND, STOP, Errand, read_errand
from everflow.errors import EverflowError, RemoteUnreachable, StoreError
from everflow.federation.left import Left, kept
from everflow.federation.others import NONE, Others, ask_of, is_safe, others_of
from everflow.federation.peers import Peer, Peers
from everflow.federation.together import Reads, Threads, Together
from everflow.federation.verdicts import Ended, Going, Trouble, Unknown, Verdict, verdict_of
from everflow.federation.wire import Wire
from everflow.store import ChildEnded, Letter, Put, Record

__all__ = ["Courier", "Pace"]

_log = logging.getLogger("everflow.federation")
SECOND = 1_000_000
SEEN_TO = 7 * 86_400 * SECOND  # that a peer is given to hear that its answer isn't needed any more
BRIEFLY = 0.1  # of the time that a peer may hold back an answer, while much is under way
MORE = 65_536  # bytes of an answer besides the value


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a courier goes, in seconds.

    ``first`` and ``longest`` bound the pauses between tries, each of which doubles the one before.
    ``wait``: how long a peer is asked to hold back its answer for an end that comes soon.
    ``seldom``: the longest pause between two looks at a call that goes on. ``answer``: how long a
    peer may take to answer, besides. ``look``: how often the store is looked at unasked.
    ``at_once``: how many exchanges there are at a time.
    """

    first: float = 0.25
    longest: float = 30.0
    wait: float = 1.0
    seldom: float = 300.0
    answer: float = 10.0
    look: float = 0.2
    at_once: int = 100


class _Taken(NamedTuple):
    """An errand in our hands. ``stop``: its run wants the call to end."""

    record: Record
    errand: Errand
    peer: Peer | None
    stop: bool
    others: Others


class Courier:
    """Carries errands while it is open (``async with``), on one event loop."""

    def __init__(
        self,
        engine: Engine,
        peers: Peers,
        wire: Wire,
        clock: Clock,
        pace: Pace,
        *,
        limit: int,
        random: Callable[[int], bytes],
        threads: Threads,
    ) -> None:
        self._engine = engine
        self._client = client = engine.client
        self._store = client.store
        self._peers = peers
        self._wire = wire
        self._clock = clock
        self._pace = pace
        self._limit = limit
        self._random = random
        self._threads = threads
        self._read = Reads(client.store)
        self._written = Together(client.store, client.clock.wall)
        self._left = Left(client.store, self._written)
        self._stirred = asyncio.Event()
        self._carrying: dict[str, tuple[Record, asyncio.Task[None]]] = {}
        self._running: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await _cancelled([self._running] if self._running is not None else [])
        carried = list(self._carrying.values())
        await _cancelled([carrying for _, carrying in carried])
        with contextlib.suppress(StoreError):  # then their leases have to end
            await self._threads(self._release, [record for record, _ in carried])

    def stir(self) -> None:
        """Look at once what is due; from any thread."""
        if self._loop is not None and not self._stirred.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._stirred.set)

    def nudged(self, peer: str, calls: list[str]) -> None:
        """A peer says that these have ended: look at those that are its own. From any thread."""
        now, known = self._now(), self._peers.get(peer)
        if calls and known is not None:
            records = self._store.records(ERRAND, keys=calls, limit=len(calls))
            errands = [(record, read_errand(record.body)) for record in records]
            self._written.each(
                [
                    [kept(record, errand, due=now)]
                    for record, errand in errands
                    if known.is_meant(errand.peer)
                ]
            )
        self.stir()

    # --- the round

    async def _run(self) -> None:
        while True:
            self._stirred.clear()
            try:
                await self._begin()
            except StoreError as error:
                _log.warning("errands wait: %s", error.message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.look):
                    await self._stirred.wait()

    async def _begin(self) -> None:
        """Take what is due, as far as there is room, and carry it."""
        stops = await self._threads(self._stop)
        for key in stops:
            if key in self._carrying:
                await _cancelled([self._carrying[key][1]])
        room = self._pace.at_once - len(self._carrying)
        if room <= 0:
            return
        for taken in await self._threads(self._take, room):
            key = taken.record.key
            carrying = asyncio.create_task(self._carry(taken))
            self._carrying[key] = (taken.record, carrying)
            carrying.add_done_callback(partial(self._carried, key))

    def _carried(self, key: str, _task: asyncio.Task[None]) -> None:
        self._carrying.pop(key, None)
        self._stirred.set()

    def _stop(self) -> list[str]:
        """See to wishes to stop: their errands are due at once. Gives their keys."""
        now = self._now()
        keys = []
        for record in self._store.due_records(STOP, now=now, limit=self._pace.at_once):
            errands = self._store.records(ERRAND, keys=[record.key])
            puts = [Put(kind=STOP, key=record.key, body=record.body if errands else None)]
            puts += [kept(errand, read_errand(errand.body), due=now) for errand in errands]
            if self._written(puts) is not None:
                keys.append(record.key)
        return keys

    def _take(self, room: int) -> list[_Taken]:
        """Errands that are due, taken: nobody else carries them until the lease is over."""
        now, mine = self._now(), self._engine.worker
        self._left.look(now)
        due = self._store.due_records(ERRAND, now=now, limit=room)
        due = [record for record in due if record.key not in self._carrying]
        until = now + round((self._pace.wait + 2 * self._pace.answer) * SECOND)
        bodies = [replace(read_errand(record.body), carrier=mine) for record in due]
        puts = [kept(*each, due=until) for each in zip(due, bodies, strict=True)]
        if not puts:
            return []
        taken = self._written.each([[put] for put in puts])  # others may be first with some of them
        keys = [put.key for put, mine in zip(puts, taken, strict=True) if mine]
        if not keys:
            return []
        stops = {wish.key for wish in self._store.records(STOP, keys=keys, limit=len(keys))}
        found = self._store.records(ERRAND, keys=keys, limit=len(keys))
        errands = [
            (record, replace(read_errand(record.body), carrier=0))
            for record in found
            if record.due == until
        ]
        peers = {word: self._peers.find(word) for word in {errand.peer for _, errand in errands}}
        others = others_of(self._store, {errand.run for _, errand in errands}, self._wire.me)
        return [
            _Taken(
                record,
                errand,
                peers[errand.peer],
                record.key in stops,
                others.get(errand.run, NONE),
            )
            for record, errand in errands
        ]

    def _release(self, records: list[Record]) -> None:
        """Leave to others what was taken, and isn't settled."""
        now = self._now()
        self._written.each(
            [[kept(record, read_errand(record.body), due=now)] for record in records]
        )

    # --- one errand

    async def _carry(self, taken: _Taken | None) -> None:
        try:
            while taken is not None:
                taken = await self._threads(self._settle, taken, await self._heard(taken))
        except StoreError as error:
            _log.warning("an errand waits: %s", error.message)

    async def _heard(self, taken: _Taken) -> Verdict:
        record, errand, peer, stop, others = taken
        if peer is not None:
            return await self._ask(peer, record.key, errand, others, stop=stop)
        if errand.told is not None:
            return Unknown("")
        return Ended("error", _lost(errand, "there is no such peer here"), final=True)

    async def _ask(
        self, peer: Peer, key: str, errand: Errand, others: Others, *, stop: bool
    ) -> Verdict:
        busy = len(self._carrying) * 2 > self._pace.at_once
        wait = self._pace.wait * (BRIEFLY if busy else 1)
        query = f"?wait={wait:g}" if wait else ""
        if errand.told is not None:
            if others.heirs and not await self._threads(is_safe, self._client, errand.run):
                return Trouble("its run's heir doesn't have the end yet")
            return await self._said(peer, errand, "DELETE", f"/calls/{key}")
        if stop:
            return await self._said(peer, errand, "POST", f"/calls/{key}/stop{query}")
        if errand.accepted is not None and errand.heirs == others.heirs:
            return await self._said(peer, errand, "GET", f"/calls/{key}")
        expires = self._clock.wall() + errand.at + errand.patience - self._now()
        body = ask_of(errand, others, expires)
        return await self._said(peer, errand, "PUT", f"/calls/{key}{query}", body)

    async def _said(
        self, peer: Peer, errand: Errand, method: str, path: str, body: bytes = b""
    ) -> Verdict:
        """What the peer says to a request, however it says nothing."""
        seconds, most = self._pace.wait + self._pace.answer, self._limit + MORE
        try:
            reply = await self._wire.send(peer, method, path, body, seconds=seconds, most=most)
        except EverflowError as error:
            return Trouble(error.message)
        if errand.told is None:
            return verdict_of(reply, errand, peer, self._limit)
        heard = reply.status in {200, 204}
        return Unknown("") if heard else Trouble(f"it answers {reply.status}")

    # --- what follows

    def _settle(self, taken: _Taken, verdict: Verdict) -> _Taken | None:
        """Write down what was heard, and tell the run where that is its end; what is left to do."""
        now, (record, errand, _, stop, others) = self._now(), taken
        if errand.told is not None:
            self._seen_to(record, errand, verdict, now)
            return None
        if isinstance(verdict, Unknown) and not (errand.accepted or stop):
            verdict = Trouble(verdict.said)
        if isinstance(verdict, (Trouble, Unknown)):
            verdict = self._given_up(record, errand, verdict, now, stop=stop) or verdict
        if isinstance(verdict, Ended):
            return self._tell(taken, verdict, now)
        if isinstance(verdict, Going):
            accepted = errand.accepted or now
            pause = min(max((now - accepted) // 10, self._micros(self._pace.first)), self._seldom)
            self._write(
                record,
                replace(errand, accepted=accepted, tries=0, since=None, heirs=others.heirs),
                now + pause,
            )
        else:
            since = errand.since if isinstance(verdict, Trouble) else errand.since or now
            errand = replace(errand, tries=errand.tries + 1, trouble=verdict.said, since=since)
            due = now + self._pause(errand.tries)
            deadline = errand.at + errand.patience
            if errand.accepted is None and now < deadline:
                due = min(due, deadline)
            self._write(record, errand, due)
        return None

    def _given_up(
        self, record: Record, errand: Errand, verdict: Trouble | Unknown, now: int, *, stop: bool
    ) -> Ended | None:
        """The end of an errand of which nothing is heard, or nothing is known there any more."""
        if stop:
            wish = self._store.records(STOP, keys=[record.key])
            over = not wish or now >= int(wish[0].body) + errand.patience
            return Ended("cancelled", "null") if over else None
        if errand.accepted is None:
            over = now >= errand.at + errand.patience
            return Ended("error", _lost(errand, verdict.said)) if over else None
        if isinstance(verdict, Unknown):
            over = errand.since is not None and now >= errand.since + errand.patience
            return Ended("error", verdict.payload) if over and verdict.payload else None
        return None

    def _tell(self, taken: _Taken, ended: Ended, now: int) -> _Taken | None:
        """Tell the run, and forget the errand, or have the peer forget it first."""
        record, errand, peer, _, others = taken
        message = ChildEnded(no=0, op=errand.op, kind=ended.kind, payload=ended.payload, at=now)
        # Its input isn't needed any more; what is left is to let the peer forget.
        told = replace(errand, told=now, tries=0, input=msgspec.Raw(b"null"))
        soon = now + self._micros(self._pace.answer)
        puts = _deleted(record) if ended.final else [kept(record, told, due=soon)]
        self._written(puts, letters=[Letter(run=errand.run, message=message)])
        self._client.nudge()
        now_there = None if ended.final else self._read(ERRAND, record.key)
        # Another may have taken it meanwhile: then that one sees to the rest.
        if now_there is None or now_there.due != soon:
            return None
        return _Taken(now_there, told, peer, stop=False, others=others)

    def _seen_to(self, record: Record, errand: Errand, verdict: Verdict, now: int) -> None:
        """The peer heard that it may forget the call; or didn't, and is told again."""
        over = errand.told is not None and now >= errand.told + SEEN_TO
        if isinstance(verdict, Trouble) and not over:
            errand = replace(errand, tries=errand.tries + 1, trouble=verdict.said)
            self._write(record, errand, now + self._pause(errand.tries))
            return
        self._written(_deleted(record))

    def _write(self, record: Record, errand: Errand, due: int) -> None:
        self._written([kept(record, errand, due=due)])

    def _pause(self, tries: int) -> int:
        """The pause after so many tries: doubled each time, and between its half and its whole."""
        pace = self._pace
        whole = min(pace.first * 2.0 ** min(tries - 1, 40), pace.longest)
        return self._micros(whole * (0.5 + self._random(1)[0] / 512))

    @property
    def _seldom(self) -> int:
        return self._micros(self._pace.seldom)

    @staticmethod
    def _micros(seconds: float) -> int:
        return round(seconds * SECOND)

    def _now(self) -> int:
        """The runs' time, by which errands are due."""
        return self._client.clock.wall()


async def _cancelled(begun: list[asyncio.Task[None]]) -> None:
    for each in begun:
        each.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


def _deleted(record: Record) -> list[Put]:
    return [
        Put(kind=ERRAND, key=record.key, body=None, expect=record.version),
        Put(kind=STOP, key=record.key, body=None),
    ]


def _lost(errand: Errand, said: str) -> str:
    message = f"{errand.peer} can't be reached to run {errand.function}: {said:.1000}"
    error = make_error(RemoteUnreachable, message)
    where = {"peer": errand.peer, "function": errand.function}
    return encode_error(replace(error, data=where))
