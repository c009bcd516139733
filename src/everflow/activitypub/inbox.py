"""The inbox: what others deliver is verified, appended to the activity log, and acknowledged.

Laws: an activity is durable before its sender is told that it was taken, and has no effect that
isn't a consequence of its place in the log; so one that is delivered again, whoever delivers it,
changes nothing. Each look costs more than those before it, and most of what is refused is refused
by the cheap ones: its type, its signature's words, its size, its digest and date, and only then its
actor's key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from everflow.activitypub.actors import Local
from everflow.activitypub.answers import accepted, problem
from everflow.activitypub.doorman import Doorman
from everflow.activitypub.rates import Buckets
from everflow.activitypub.sources import Readers, Room, source_of
from everflow.activitypub.words import is_activity_media, origin_of
from everflow.clock import Clock
from everflow.errors import ActivityRefused, OutsideError
from everflow.net.message import Message
from everflow.net.reading import asked_body
from everflow.triggers.activity import claimed_actor
from everflow.triggers.canonical import LARGEST, read_json
from everflow.triggers.log import Appended, Arrival

__all__ = ["Inbox", "Limits"]

_log = logging.getLogger("everflow.activitypub")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What deliveries may cost.

    body: bytes of one. body_s: seconds for it to arrive. at_once: deliveries that are being judged,
    and as many whose bodies are on their way; a quarter of either from one source.
    rate: a second from one host whose activities are proven, and burst so many at once.
    """

    body: int = LARGEST
    body_s: float = 10.0
    at_once: int = 128
    rate: float = 50.0
    burst: float = 1_000.0


class Inbox:
    """The inboxes of all actors of one instance: they differ by nothing but who is asked for."""

    def __init__(
        self,
        doorman: Doorman,
        append: Callable[[Any, str], Appended],
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._doorman = doorman
        self._append = append
        self._limits = limits
        self._rates = Buckets(clock.boot, limits.rate, limits.burst)
        self._readers = Readers(limits.at_once)
        self._room = Room(limits.at_once)

    async def take(self, request: Request, url: str, by: Local) -> Response:
        """Take a delivery. ``url``: what this inbox is called; ``by``: the actor whose it is."""
        if not is_activity_media(request.headers.get("content-type", "")):
            return problem(415, "not_json", "an inbox takes application/activity+json")
        address = request.client.host if request.client else ""
        source = source_of(address, request.headers.getlist("x-forwarded-for"))
        try:
            message = await self._whole(request, url, source)
            if isinstance(message, Response):
                return message
            with self._room.place(source) as free:
                return await self._judged(message, by, source) if free else _crowded()
        except (OutsideError, ActivityRefused) as error:
            _log.info("a delivery to %s was refused: %s", url, error.message)
            if isinstance(error, ActivityRefused):
                return problem(400, error.code, error.message)
            return problem(
                401,
                "signature_refused",
                "the delivery isn't signed by its actor, whole and fresh, or nobody can tell",
            )

    async def _whole(self, request: Request, url: str, source: str) -> Message | Response:
        """The message, once all of it is here; or why it won't be."""
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.scope["headers"]
        )
        message = Message(request.method, url, headers)
        self._doorman.look(message)
        try:
            async with asyncio.timeout(self._limits.body_s) as patience:
                with self._readers.place(source, patience) as free:
                    if not free:
                        return _crowded()
                    length = request.headers.get("content-length", "")
                    body = await asked_body(request.stream(), length, self._limits.body)
        except TimeoutError:
            return problem(408, "request_too_slow", "the body didn't come in time")
        if body is None:
            return problem(413, "request_too_large", f"{self._limits.body:,} bytes are taken")
        return Message(request.method, url, headers, body)

    async def _judged(self, message: Message, by: Local, source: str) -> Response:
        claim = self._doorman.whole(message)
        activity, actor = await asyncio.to_thread(_read, message.body)
        if not await self._doorman.proven(message, claim, activity, actor, by, source):
            return accepted()
        home = origin_of(actor)
        if home is None or not self._rates.spend(home[1]):
            return problem(429, "too_many_requests", "your host delivers too much at once")
        said = await asyncio.to_thread(self._append, activity, actor)
        if said.arrival is Arrival.CONFLICT:
            return problem(409, "activity_refused", "other content came under this id before")
        return accepted()


def _crowded() -> Response:
    return problem(429, "too_many_requests", "more deliveries come than can be judged")


def _read(body: bytes) -> tuple[dict[str, Any], str]:
    """An activity, and who it says did it."""
    activity = read_json(body)
    actor = claimed_actor(activity)
    found: dict[str, Any] = activity
    return found, actor
