"""The peers' endpoints, as an application of their own to be mounted under ``/peer/v1``.

Three rules hold. Every route is in one table and passes one gate: there is none that an unsigned
request gets anything from. Nothing is read of a body before it is proven that a known peer signed
its digest, and no more of it than a call may have. Whatever goes wrong is an answer with a code
(RFC 9457), and a sender that isn't proven is told no more than that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from everflow.engine.given.ids import is_run_id
from everflow.errors import BadKey, EngineClosed, SignatureRefused, StoreError
from everflow.federation.carrying.counter import Counter
from everflow.federation.carrying.post import PART
from everflow.federation.ends import Ends
from everflow.federation.gate import Gate, Known
from everflow.federation.keyring import Keyring
from everflow.federation.promises import Promises
from everflow.federation.quota import Quota
from everflow.federation.together import Threads
from everflow.federation.wire import PREFIX
from everflow.federation.words import BUSY, LARGE, UNSIGNED, Answer, Ask, Nudge, problem
from everflow.net.message import Message
from everflow.net.reading import asked_body
from everflow.net.strict import read_json

__all__ = ["ROUTES", "Desk", "peer_app"]

_log = logging.getLogger("everflow.federation")
BODY_SECONDS = 10.0
MORE = 4_096  # bytes of a body besides the value
LONGEST_WAIT = 30.0  # seconds
NO_ID = "0" * 26  # of paths that name no call


@dataclass(frozen=True)
class Desk:
    """What the endpoints work with. ``limit`` is the bytes of a value.

    ``quota`` is of calls, ``visits`` of requests of any kind.
    """

    address: str
    gate: Gate
    promises: Promises
    quota: Quota
    visits: Quota
    ends: Ends
    keyring: Keyring
    counter: Counter
    nudged: Callable[[str, list[str]], None]
    threads: Threads
    limit: int


Body = TypeVar("Body")
Act = Callable[[Desk, Request, Known, bytes], Awaitable[Answer]]


async def take(desk: Desk, request: Request, known: Known, body: bytes) -> Answer:
    """Begin a call, and wait a little for its end."""
    call, peer = _call(request), known.peer
    ask = _read(body, Ask)
    busy = not desk.quota.spend(peer)
    answer = await desk.threads(desk.promises.take, peer, call, ask, busy=busy)
    return await _ended(desk, request, known, answer)


async def look(desk: Desk, request: Request, known: Known, _body: bytes) -> Answer:
    """Say how a call stands, at its end or after a while."""
    answer = await desk.threads(desk.promises.look, known.peer, _call(request))
    return await _ended(desk, request, known, answer)


async def stop(desk: Desk, request: Request, known: Known, _body: bytes) -> Answer:
    """Have a call end."""
    answer = await desk.threads(desk.promises.stop, known.peer, _call(request))
    return await _ended(desk, request, known, answer)


async def forget(desk: Desk, request: Request, known: Known, _body: bytes) -> Answer:
    """The caller needs no more."""
    return await desk.threads(desk.promises.forget, known.peer, _call(request))


async def nudge(desk: Desk, _request: Request, known: Known, body: bytes) -> Answer:
    """Calls of ours have ended there."""
    said = _read(body, Nudge)
    await desk.threads(desk.nudged, known.peer.id, [c for c in said.calls if is_run_id(c)])
    return Answer(204)


async def announce(desk: Desk, _request: Request, known: Known, body: bytes) -> Answer:
    """A peer is going to sign with another key."""
    return await desk.threads(desk.keyring.announced, known, body)


async def letters(desk: Desk, _request: Request, known: Known, body: bytes) -> Answer:
    """What a peer says about runs that more than one instance has."""
    return await desk.threads(desk.counter.letters, known.peer, body)


async def part(desk: Desk, request: Request, known: Known, body: bytes) -> Answer:
    """A part of what is too large for one request."""
    name = str(request.path_params["part"])
    place = (request.query_params.get("at", ""), request.query_params.get("of", ""))
    return await desk.threads(desk.counter.part, known.peer, name, place, body)


# Every endpoint there is; each is for a known peer with a proven request, and for nobody else.
ROUTES: tuple[tuple[str, str, Act], ...] = (
    ("PUT", "/calls/{call}", take),
    ("GET", "/calls/{call}", look),
    ("POST", "/calls/{call}/stop", stop),
    ("DELETE", "/calls/{call}", forget),
    ("POST", "/nudges", nudge),
    ("PUT", "/key", announce),
    ("POST", "/runs", letters),
    ("PUT", "/parts/{part}", part),
)


_LONGEST: dict[Act, int] = {
    letters: PART,
    part: PART,
}  # bytes of the body, where they aren't those of a value


def peer_app(desk: Callable[[], Desk]) -> Starlette:
    """The application, to be mounted under ``/peer/v1``; ``desk`` is asked at each request."""
    routes: dict[str, dict[str, Act]] = {}
    for method, path, act in ROUTES:
        routes.setdefault(path, {})[method] = act
    made = [
        Route(path, partial(_serve, desk, acts), methods=[*acts]) for path, acts in routes.items()
    ]
    app = Starlette(routes=made, exception_handlers={HTTPException: _elsewhere})
    app.router.redirect_slashes = False  # it would tell the name by which it was reached
    return app


async def _elsewhere(_request: Request, error: Exception) -> Response:
    """What isn't in the table, as everything else here is told."""
    if not isinstance(error, HTTPException) or error.status_code != _NOT_DONE:
        return _plain(404, *_NOWHERE)
    told = _plain(_NOT_DONE, "method_not_allowed", "that isn't done here")
    told.headers.update(error.headers or {})
    return told


_NOT_DONE = 405
_NOWHERE = ("no_such_path", "there is nothing here")


async def _serve(open_desk: Callable[[], Desk], acts: dict[str, Act], request: Request) -> Response:
    act = acts.get(request.method)
    if act is None:  # a HEAD, which Starlette takes for a GET
        raise HTTPException(_NOT_DONE, headers={"allow": ", ".join(acts)})
    if not is_run_id(request.path_params.get("call", NO_ID)):
        return _plain(404, *_NOWHERE)
    try:
        return await _known(open_desk(), act, request)
    except SignatureRefused as error:
        _log.warning("a request to %s was refused: %s", request.url.path, error.message)
        return _sent(problem(UNSIGNED, "the request isn't one of a known peer, whole and fresh"))
    except tuple(_TROUBLE) as error:
        kind = next(kind for kind in _TROUBLE if isinstance(error, kind))
        if _TROUBLE[kind][0] >= _SERVER_ERROR:
            _log.warning("a peer was told to come again: %s", error)
        return _plain(*_TROUBLE[kind])


class _TooLong(Exception):
    """The body has more bytes than it may."""


_SERVER_ERROR = 500
_TROUBLE: dict[type[Exception], tuple[int, str, str]] = {
    msgspec.DecodeError: (400, "bad_request", "the body isn't what is asked for here"),
    UnicodeDecodeError: (400, "bad_request", "the body isn't UTF-8"),
    RecursionError: (400, "bad_request", "the body nests too deeply"),
    BadKey: (400, "bad_request", "that isn't a key"),
    _TooLong: (413, LARGE, "the body has more bytes than are taken"),
    TimeoutError: (408, "too_slow", "the body didn't come in time"),
    ClientDisconnect: (408, "too_slow", "the body didn't come"),
    StoreError: (503, "unavailable", "the store is in trouble; try again"),
    EngineClosed: (503, "unavailable", "the instance begins or ends; try again"),
}


async def _known(desk: Desk, act: Act, request: Request) -> Response:
    message = _message(desk, request, b"")
    sender = await desk.threads(desk.gate.sender, message)
    async with asyncio.timeout(BODY_SECONDS):
        length, most = request.headers.get("content-length", ""), _LONGEST.get(act, desk.limit)
        body = await asked_body(request.stream(), length, most + MORE)
    if body is None:
        raise _TooLong
    known, answer = await desk.threads(_judged, desk, replace(message, body=body), sender)
    if answer is None:
        # After the look whether it came before: who sends again what a peer sent spends nothing.
        if not desk.visits.spend(known.peer):
            return _sent(problem(BUSY, "too many requests; come again later"))
        answer = await act(desk, request, known, body)
        await desk.threads(desk.gate.remember, known, answer)
    return _sent(answer)


def _judged(desk: Desk, message: Message, sender: Known) -> tuple[Known, Answer | None]:
    """A request that is whole, and what it was answered if it came before."""
    known = desk.gate.whole(message, sender)
    answer = desk.gate.answered(known)
    if answer is None:
        desk.keyring.used(known)
    return known, answer


async def _ended(desk: Desk, request: Request, known: Known, answer: Answer) -> Answer:
    """The same answer, or that at the call's end if it comes soon; else a nudge is owed."""
    call, peer, seconds = _call(request), known.peer, _seconds(request)
    if seconds > 0 and answer.no:
        await desk.ends.wait(answer.no, seconds)
        answer = await desk.threads(desk.promises.look, peer, call)
    if answer.no:
        desk.ends.owe(answer.no, peer.id, call)
    return answer


def _read(body: bytes, kind: type[Body]) -> Body:
    """What a body says, if all who read it read the same. DecodeError for anything else."""
    try:
        read_json(body)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error
    return msgspec.json.decode(body, type=kind)


def _message(desk: Desk, request: Request, body: bytes) -> Message:
    """The request as this instance is called, whatever it says of its host."""
    scope = request.scope
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    query = scope["query_string"].decode("latin-1")
    url = f"{desk.address}{PREFIX}{path}" + (f"?{query}" if query else "")
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"])
    return Message(request.method, url, headers, body)


def _call(request: Request) -> str:
    return str(request.path_params["call"])


def _seconds(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    return min(float(text), LONGEST_WAIT) if text.replace(".", "", 1).isdecimal() else 0.0


def _sent(answer: Answer) -> Response:
    kind = "application/problem+json" if answer.code else "application/json"
    headers = {"retry-after": "1"} if answer.status == _BUSY else {}
    return Response(
        answer.body,
        answer.status,
        {**headers, "cache-control": "no-store"},
        media_type=kind if answer.body else None,
    )


_BUSY = 429


def _plain(status: int, code: str, detail: str) -> Response:
    said = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return _sent(Answer(status, msgspec.json.encode(said), code))
