"""The ASGI application: each path of the table is a route, each request goes one way.

Look at it, find its rule, ask who it is, judge its scope and its rate, read it, do it, answer it.
What is refused on the way, and whatever goes wrong, is a problem document. A path or method that no
rule is about is told only to those who may come in at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from everflow.clock import SystemClock
from everflow.errors import (
    EverflowError,
    MethodNotAllowed,
    NoSuchPath,
    RequestError,
    ScopeTooSmall,
    StoreUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from everflow.server.access import Access, Door, look_at
from everflow.server.backing import Backing, Served
from everflow.server.calls import Call, read_call
from everflow.server.limits import Limits, Rates, Room
from everflow.server.problems import problem_response
from everflow.server.rules import PUBLIC, Rule, Rules
from everflow.server.table import BASE, RULES
from everflow.server.tokens import Grant
from everflow.server.tokens import Scope as Admitted

__all__ = ["Part", "create_app"]

POLICY = 1008  # RFC 6455, section 7.4.1: what came violates a policy
NOBODY = Grant("", Admitted.READ)
log = logging.getLogger(__name__)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """An application of its own below a path, such as what peers ask: it judges who may do what.

    ``lifespan``: entered as the server starts, and left as it ends.
    """

    path: str
    app: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = None


def create_app(
    engine: Served,
    *,
    access: Access | None = None,
    limits: Limits | None = None,
    parts: Sequence[Part] = (),
    rules: Rules = RULES,
) -> Starlette:
    """The API of an engine, to be served, or mounted into an application.

    The engine needn't run yet: until it does, requests are told so with 503. Whoever made the
    engine starts and stops it, since an application that is mounted isn't told of either.
    """
    backing = Backing(engine, rules, limits or Limits())
    api = Api(backing, access or Access())
    routes: list[BaseRoute] = [
        Route(path, Place(api, by_method)) for path, by_method in rules.paths.items()
    ]
    routes += [Mount(part.path, app=Guarded(part.app, backing.limits)) for part in parts]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in parts:
                if part.lifespan is not None:
                    await stack.enter_async_context(part.lifespan())
            yield

    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.backing = backing
    app.router.redirect_slashes = False
    app.router.default = Place(api, {})
    return app


class Api:
    """Answers requests by rules."""

    def __init__(self, backing: Backing, access: Access) -> None:
        self.backing = backing
        self._door = Door(backing, access)
        self._rates = Rates(backing.limits, SystemClock())
        self._busy = Room(backing.limits.at_once, "requests are being answered")
        self._streams = Room(backing.limits.streams, "streams are open")
        self._waits = Room(backing.limits.waits, "requests wait for runs")

    @property
    def place(self) -> str:
        """Where the store is, which nobody is told."""
        try:
            return self.backing.client.store.info().place
        except EverflowError:
            return ""

    async def answer(self, request: Request, rules: Mapping[str, Rule]) -> Response:
        """The answer to a request for a path with these rules."""
        with self._busy.take():
            rule, call = await self._judged(request, rules)
            if rule.does is not None:
                return _answered(rule, await self._soon(rule.does, call))
        if rule.streams is not None:
            self._streams.require()
            parts = self._counted(await rule.streams(call))
            return StreamingResponse(parts, rule.status, headers=HEADERS, media_type=rule.media)
        with self._waits.take():
            return _answered(rule, await rule.function(call))

    async def _judged(
        self, request: Request, rules: Mapping[str, Rule]
    ) -> tuple[Rule, Call[Any, Any]]:
        """The rule of a request that may be answered, and what it asks."""
        limits = self.backing.limits
        look_at(request, limits)
        self._door.judge_origin(request, request.method)
        rule = rules.get(request.method)
        grant = await self._grant(request, rule)
        if rule is None:
            raise _nothing_there(request, rules)
        if rule.scope != PUBLIC and not grant.scope.includes(rule.scope):
            raise ScopeTooSmall(
                f"that takes a token with the scope {rule.scope}, and this one has {grant.scope}",
                hint=f"everflow token create NAME --scope {rule.scope}",
            )
        return rule, await read_call(request, rule, self.backing, grant, limits)

    async def _grant(self, request: Request, rule: Rule | None) -> Grant:
        """Who asks, once a request more is theirs to make."""
        address = request.client.host if request.client else ""
        if rule is not None and rule.scope == PUBLIC:
            self._take(f"address {address}")
            return NOBODY
        try:
            grant = await self._door.grant(request)
        except Unauthenticated:
            self._take(f"address {address}")
            raise
        self._take(f"token {grant.key}")
        return grant

    def _take(self, who: str) -> None:
        wait = self._rates.wait(who)
        if wait:
            raise TooManyRequests("too many requests in so short a time", after=wait)

    async def _soon(self, does: Callable[[Any], Any], call: Call[Any, Any]) -> Any:
        """What a call on a thread gives, within its time."""
        try:
            async with asyncio.timeout(self.backing.limits.answer_s):
                return await self.backing.thread(does, call)
        except TimeoutError:
            raise StoreUnavailable("the engine didn't answer in time") from None

    async def _counted(self, parts: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
        try:
            with self._streams.take():
                async with aclosing(parts):
                    async for part in parts:
                        yield part
        except EverflowError as error:  # the answer has begun: it can only end
            log.warning("a stream ends early: %s", error.message)


class Place:
    """A path of the API, or any that there isn't; an ASGI application."""

    def __init__(self, api: Api, rules: Mapping[str, Rule]) -> None:
        self._api = api
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens. WebSockets aren't taken."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": POLICY})
            return
        request = Request(scope, receive)
        try:
            response = await self._api.answer(request, self._rules)
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a problem document
            response = problem_response(error, self._api.place)
        await response(scope, receive, send)


class Guarded:
    """A part, behind the looks that every request is given. It takes no WebSockets."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request by the part, unless it is refused before."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": POLICY})
            return
        try:
            look_at(Request(scope, receive), self._limits)
        except RequestError as error:
            await problem_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _answered(rule: Rule, found: Any) -> Response:
    """An answer of the rule's type, whatever more was found."""
    body = msgspec.json.encode(msgspec.convert(found, rule.answer, from_attributes=True))
    return Response(body, rule.status, headers=HEADERS, media_type=rule.media)


def _nothing_there(request: Request, rules: Mapping[str, Rule]) -> RequestError:
    """Why no rule is about a request."""
    if rules:
        allowed = tuple(sorted(rules))
        return MethodNotAllowed(
            f"this path doesn't take {request.method:.20}",
            allowed=allowed,
            hint=f"it takes {', '.join(allowed)}",
        )
    return NoSuchPath("there is nothing at this path", hint=f"GET {BASE}/openapi.json tells all")
