"""The actors' endpoints, as two applications: what is below ``/ap``, and below ``/.well-known``.

Three rules hold. Every route is in one of two tables; there is nothing that isn't. What is shown is
for everybody; what is taken is verified. And whatever goes wrong is a problem document: trouble of
the store is said to be that, and nothing else is a 5xx.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from everflow.activitypub.actors import PREFIX, Actors, Local
from everflow.activitypub.answers import document, nothing, problem, text_document
from everflow.activitypub.circle import Circle
from everflow.activitypub.counts import Counts
from everflow.activitypub.documents import (
    NODE_INFO,
    actor_document,
    collection,
    collection_page,
    node_info,
    tombstone,
    webfinger,
)
from everflow.activitypub.inbox import Inbox
from everflow.activitypub.published import Published, is_tombstone
from everflow.activitypub.words import ACTIVITY_JSON
from everflow.errors import EngineClosed, StoreError
from everflow.release import VERSION

__all__ = ["ROUTES", "WELL_KNOWN", "Desk", "actors_app", "well_known_app"]

_log = logging.getLogger("everflow.activitypub")
PAGE = 50  # items of a page of a collection
LONGEST_QUERY = 2_048
_NOT_FOR_US = ("text/html", "image/", "text/plain")


@dataclass(frozen=True)
class Desk:
    """What the endpoints work with."""

    actors: Actors
    published: Published
    circle: Circle
    inbox: Inbox
    counts: Counts


Act = Callable[[Desk, Request], Awaitable[Response]]


async def show_actor(desk: Desk, request: Request) -> Response:
    """Who an actor is."""
    actor = await _actor(desk, request)
    if actor is None:
        return nothing()
    if actor.gone:
        return document(tombstone(actor), status=410)
    return document(actor_document(actor))


async def deliver(desk: Desk, request: Request) -> Response:
    """Take what is delivered to one actor."""
    actor = await _actor(desk, request)
    if actor is None or actor.gone:
        return nothing() if actor is None else problem(410, "no_such_actor", "the actor is gone")
    return await desk.inbox.take(request, _called(actor, request), actor)


async def deliver_to_all(desk: Desk, request: Request) -> Response:
    """Take what is delivered to all actors here at once."""
    actors = await asyncio.to_thread(desk.actors.all)
    if not actors:
        return nothing()
    return await desk.inbox.take(request, _called(actors[0], request), actors[0])


async def outbox(desk: Desk, request: Request) -> Response:
    """What an actor published, newest first."""
    return await _collection(desk, request, desk.published.count, desk.published.outbox)


async def followers(desk: Desk, request: Request) -> Response:
    """Who follows an actor."""
    circle = desk.circle
    return await _collection(desk, request, circle.count_followers, circle.followers_page)


async def following(desk: Desk, request: Request) -> Response:
    """Whom an actor follows."""
    circle = desk.circle
    return await _collection(desk, request, circle.count_following, circle.following_page)


async def show_published(desk: Desk, request: Request) -> Response:
    """An activity or object, by its id."""
    sort = request.url.path.rsplit("/", 2)[-2]
    path = f"{sort}/{request.path_params['id']}"
    text = await asyncio.to_thread(desk.published.get, path)
    if text is None:
        return nothing()
    return text_document(text, status=410 if is_tombstone(text) else 200)


async def node(desk: Desk, _request: Request) -> Response:
    """What this instance is."""
    actors = await asyncio.to_thread(desk.actors.all)
    media = f'application/json; profile="{NODE_INFO}#"'
    return document(node_info(VERSION, len(actors)), media=media)


async def finger(desk: Desk, request: Request) -> Response:
    """WebFinger: whose handle or id it is."""
    wanted = request.query_params.get("resource", "")
    if not wanted or len(wanted) > LONGEST_QUERY:
        return problem(400, "bad_request", "WebFinger asks for a resource")
    actor = await asyncio.to_thread(_fingered, desk.actors, wanted)
    if actor is None or actor.gone:
        return nothing()
    headers = {"access-control-allow-origin": "*"}
    return document(webfinger(actor), media="application/jrd+json", headers=headers)


async def node_links(desk: Desk, _request: Request) -> Response:
    """Where it is said what this instance is."""
    actors = await asyncio.to_thread(desk.actors.all)
    if not actors:
        return nothing()
    link = {"rel": NODE_INFO, "href": f"{actors[0].address}{PREFIX}/nodeinfo/2.1"}
    return document({"links": [link]}, media="application/json")


# Every endpoint below /ap. What is read is for everybody; what is posted must prove whose it is.
ROUTES: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/actors/{name}", show_actor),
    ("POST", "/actors/{name}/inbox", deliver),
    ("GET", "/actors/{name}/outbox", outbox),
    ("GET", "/actors/{name}/followers", followers),
    ("GET", "/actors/{name}/following", following),
    ("POST", "/inbox", deliver_to_all),
    ("GET", "/activities/{id}", show_published),
    ("GET", "/objects/{id}", show_published),
    ("GET", "/nodeinfo/2.1", node),
)
WELL_KNOWN: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/webfinger", finger),
    ("GET", "/nodeinfo", node_links),
)


def actors_app(desk: Callable[[], Desk]) -> Starlette:
    """The application to be mounted under ``/ap``; ``desk`` is asked at each request."""
    return _app(desk, ROUTES)


def well_known_app(desk: Callable[[], Desk]) -> Starlette:
    """The application to be mounted under ``/.well-known``, where nothing else is there."""
    return _app(desk, WELL_KNOWN)


def _app(desk: Callable[[], Desk], table: Sequence[tuple[str, str, Act]]) -> Starlette:
    app = Starlette(routes=[Route(path, Place(desk, method, act)) for method, path, act in table])
    app.router.redirect_slashes = False
    app.router.default = _Nothing()
    return app


class _Nothing:
    """What is at all other paths."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await nothing()(scope, receive, send)


class Place:
    """A path, which takes one method; an ASGI application."""

    def __init__(self, open_desk: Callable[[], Desk], method: str, act: Act) -> None:
        self._open_desk = open_desk
        self._method = method
        self._act = act

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            response = problem(408, "request_too_slow", "the body didn't come")
        except (StoreError, EngineClosed) as error:
            _log.warning("a request was told to come again: %s", error.message)
            response = problem(503, error.code, "the instance is in trouble; try again")
        except Exception:  # noqa: BLE001 - whatever it is, it becomes a problem document
            _log.exception("a request failed")
            response = problem(500, "error", "a fault of the server's; its log says more")
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        allowed = ("GET", "HEAD") if self._method == "GET" else (self._method,)
        if request.method not in allowed:
            names = ", ".join(allowed)
            return problem(405, "method_not_allowed", f"this path takes {names}", {"allow": names})
        if self._method == "GET" and not _acceptable(request.headers.get("accept", "")):
            return problem(406, "bad_request", f"there is nothing here but {ACTIVITY_JSON}")
        return await self._act(self._open_desk(), request)


async def _actor(desk: Desk, request: Request) -> Local | None:
    return await asyncio.to_thread(desk.actors.get, request.path_params["name"])


async def _collection(
    desk: Desk,
    request: Request,
    count: Callable[[Local], int],
    page: Callable[[Local, str, int], tuple[Sequence[Any], str]],
) -> Response:
    """A collection of an actor's, or a page of it."""
    actor = await _actor(desk, request)
    if actor is None or actor.gone:
        return nothing()
    url = f"{actor.id}/{request.url.path.rpartition('/')[2]}"
    if "page" not in request.query_params:
        total = await asyncio.to_thread(desk.counts, url, lambda: count(actor))
        return document(collection(url, total))
    after = request.query_params.get("after", "")
    if len(after) > LONGEST_QUERY or "\0" in after:
        return problem(400, "bad_request", "no page begins there")
    items, more = await asyncio.to_thread(page, actor, after, PAGE)
    return document(collection_page(url, after, items, more))


def _called(actor: Local, request: Request) -> str:
    """What the request was sent to, as this instance is called, and byte for byte."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    target = path.partition(b"?")[0] + (b"?" + query if query else b"")
    return actor.address + target.decode("latin-1")


def _acceptable(accept: str) -> bool:
    """Whether JSON is among what is accepted; only who names nothing but pages is told no."""
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    return not names or not all(name.startswith(_NOT_FOR_US) for name in names)


def _fingered(actors: Actors, wanted: str) -> Local | None:
    if wanted.startswith(("https://", "http://")):
        return actors.by_id(wanted)
    name, _, host = wanted.removeprefix("acct:").lstrip("@").partition("@")
    found = actors.get(name.lower())
    return found if found is not None and found.host == host.lower() else None
