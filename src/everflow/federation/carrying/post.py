"""The post: letters to peers, as many in one request as go, one request to a peer at a time.

Three rules hold. What waits is bounded: of a run and a kind only the last letter waits, and what
has no room is dropped, since whoever says it says it again until it is answered. What wasn't taken
waits on, so that a peer that is back hears at once; the pauses between tries grow. And a letter
that is larger than a request goes in parts, which are put together there: what is there of it
isn't sent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec

from everflow.errors import EverflowError
from everflow.federation.carrying.letters import Reply, encode, envelope
from everflow.federation.courier import Pace
from everflow.federation.peers import Peer, Peers
from everflow.federation.protocol.messages import Message
from everflow.federation.wire import Wire
from everflow.federation.words import LONGEST_TEXT, Problem
from everflow.net.reading import Reply as Answered

__all__ = ["PART", "Post"]

_log = logging.getLogger("everflow.federation")
MOST_LOGGED = 1_000  # refusals, each of which is logged once
PART = 1024 * 1024  # bytes of an envelope, and of a part of what is larger
MOST_WAITING = 64 * 1024 * 1024  # bytes for one peer
MOST_ANSWER = 1024 * 1024
_OK, _BUSY, _TROUBLE = 200, 429, 500

Place = tuple[str, str]  # a run and a kind of message, or a peer and a run


@dataclass
class _Box:
    """What is for one peer."""

    letters: dict[Place, bytes] = field(default_factory=dict)
    flying: dict[Place, bytes] = field(default_factory=dict)
    large: list[Place] = field(default_factory=list)  # of those that fly
    carried: dict[Place, float] = field(default_factory=dict)  # large ones: when to carry again
    size: int = 0
    tries: int = 0
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    carrying: asyncio.Task[None] | None = None


class _NotTaken(Exception):
    """A request wasn't answered as it should be. ``final``: it never will."""

    def __init__(self, said: str, *, final: bool = False) -> None:
        super().__init__(said)
        self.final = final


class Post:
    """Carries letters while it is open (``async with``), on one event loop."""

    def __init__(
        self, peers: Peers, wire: Wire, pace: Pace, random: Callable[[int], bytes]
    ) -> None:
        self._peers = peers
        self._wire = wire
        self._pace = pace
        self._random = random
        self._boxes: dict[str, _Box] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._logged: set[tuple[str, str]] = set()
        self.refused: dict[Place, str] = {}  # by peer and run: why a letter wasn't heard

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop = None
        carrying = [box.carrying for box in self._boxes.values() if box.carrying is not None]
        for each in carrying:
            each.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    # --- from any thread

    def put(self, peer: str, run: str, message: Message) -> None:
        """Have a message carried to the peer of that id, if there is room."""
        place, letter = (run, type(message).__name__), encode(run, message)
        with self._lock:
            box = self._boxes.setdefault(peer, _Box())
            large = len(letter) > PART and self._is_carried(box, place)
            size = box.size + len(letter) - len(box.letters.get(place, b""))
            if large or size > MOST_WAITING:
                return
            box.letters[place] = letter
            box.size = size
        self._call(self._begin, peer)

    def heard(self, peer: str) -> None:
        """The peer is there: what waits for it needn't any longer."""
        if self._boxes.get(peer) is not None:
            self._call(self._wake, peer)

    def carries(self, run: str) -> bool:
        """Whether a large letter about a run is on its way."""
        with self._lock:
            return any(
                place[0] == run and self._is_carried(box, place)
                for box in self._boxes.values()
                for place in (*box.large, *box.carried)
            )

    def _is_carried(self, box: _Box, place: Place) -> bool:
        """Whether such a letter is on its way, or went just now: it may be answered yet."""
        now = 0.0 if self._loop is None else self._loop.time()
        return place in box.flying or box.carried.get(place, now) > now

    def _call(self, act: Callable[[str], None], peer: str) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(act, peer)

    # --- on the loop

    def _begin(self, peer: str) -> None:
        box = self._boxes[peer]
        box.filled.set()
        if box.carrying is None and self._loop is not None:
            box.carrying = asyncio.create_task(self._carry(peer, box))

    def _wake(self, peer: str) -> None:
        box = self._boxes[peer]
        with self._lock:
            box.carried.clear()
        box.heard.set()

    async def _carry(self, peer: str, box: _Box) -> None:
        while True:
            await box.filled.wait()
            box.filled.clear()
            while letters := self._take(box):
                await self._try(peer, box, letters)

    def _take(self, box: _Box) -> dict[Place, bytes]:
        """The next letters for one request, or the next one for many."""
        taken: dict[Place, bytes] = {}
        size = 0
        with self._lock:
            for place, letter in box.letters.items():
                size += len(letter)
                if taken and size > PART:
                    break
                taken[place] = letter
            for place in taken:
                box.size -= len(box.letters.pop(place))
            box.flying = taken
            box.large = [place for place, letter in taken.items() if len(letter) > PART]
        return taken

    async def _try(self, peer: str, box: _Box, letters: dict[Place, bytes]) -> None:
        box.heard.clear()
        try:
            reply = await self._sent(peer, [*letters.values()])
        except (EverflowError, _NotTaken) as error:
            final = isinstance(error, _NotTaken) and error.final
            if final:
                self._note(peer, letters, dict.fromkeys((run for run, _ in letters), str(error)))
            else:
                _log.info("letters to %s wait: %s", peer, error)
            await self._wait(box, {} if final else letters)
        else:
            box.tries = 0
            until = asyncio.get_running_loop().time() + self._pace.longest
            with self._lock:
                box.carried.update(dict.fromkeys(box.large, until))
                box.flying, box.large = {}, []
            self._note(peer, letters, {one.run: one.why for one in reply.declined})

    def _note(self, peer: str, letters: dict[Place, bytes], why: dict[str, str]) -> None:
        for run, _ in letters:
            if run in why:
                said = why[run][:LONGEST_TEXT]
                self.refused[peer, run] = said
                if (peer, said) not in self._logged and len(self._logged) < MOST_LOGGED:
                    self._logged.add((peer, said))
                    _log.warning("%s takes no word of the run %s: %s", peer, run, said)
            else:
                self.refused.pop((peer, run), None)

    async def _wait(self, box: _Box, letters: dict[Place, bytes]) -> None:
        """Keep letters that nobody took, but where newer ones came, and let some time pass."""
        with self._lock:
            box.flying, box.large = {}, []
            again = {place: one for place, one in letters.items() if place not in box.letters}
            box.letters = {**again, **box.letters}
            box.size += sum(map(len, again.values()))
        box.tries += 1
        pause = min(self._pace.first * 2.0 ** min(box.tries - 1, 40), self._pace.longest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause * (0.5 + self._random(1)[0] / 512)):
                await box.heard.wait()

    async def _sent(self, name: str, letters: list[bytes]) -> Reply:
        peer = await asyncio.to_thread(self._peers.get, name)
        if peer is None:
            raise _NotTaken("it isn't known here", final=True)
        body = envelope(letters)
        if len(letters) > 1 or len(body) <= PART:
            return await self._said(self._request(peer, "POST", "/runs", body))
        part, have, reply = hashlib.sha256(body).hexdigest(), 0, Reply()
        begun_again = False
        while have < len(body):
            path = f"/parts/{part}?at={have}&of={len(body)}"
            reply = await self._said(self._request(peer, "PUT", path, body[have : have + PART]))
            if reply.have <= have:
                if begun_again:
                    raise _NotTaken("it loses what it was sent")
                begun_again = True
            have = min(reply.have, len(body))
        return reply

    def _request(
        self, peer: Peer, method: str, path: str, body: bytes
    ) -> Coroutine[Any, Any, Answered]:
        seconds = self._pace.answer
        return self._wire.send(peer, method, path, body, seconds=seconds, most=MOST_ANSWER)

    async def _said(self, request: Coroutine[Any, Any, Answered]) -> Reply:
        answer = await request
        try:
            if answer.status == _OK:
                return msgspec.json.decode(answer.body, type=Reply)
            said = msgspec.json.decode(answer.body, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _NotTaken(f"it answers {answer.status}, and not as a peer does") from error
        final = answer.status < _TROUBLE and answer.status != _BUSY
        raise _NotTaken(said.detail[:LONGEST_TEXT], final=final)
