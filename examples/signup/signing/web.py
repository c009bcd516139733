"""The web application, with its engine in it.

Laws: a GET changes nothing, since mail scanners follow links; a POST needs the form token that the
page set, so that no other site can send it; whatever a page says is read from the run.
"""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from everflow import AsyncEngine, Engine, Reply
from everflow.errors import CallerError
from signing.flow import Account, Guest, signup
from signing.pages import page

COOKIE = "form"
LONGEST = 10_000  # bytes of a form
ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,200}\.[A-Za-z]{2,30}")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the link is a secret
    "Cache-Control": "no-store",
}


def application(engine: Engine) -> Starlette:
    """The application; the engine lives as long as it does."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with engine as flows:
            app.state.flows = flows
            yield

    routes = [
        Route("/", form),
        Route("/", sign_up, methods=["POST"]),
        Route("/confirm/{token}", link),
        Route("/confirm/{token}", confirm, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def form(request: Request) -> HTMLResponse:
    """The empty form."""
    return _with_form(request, "form", problem="")


async def sign_up(request: Request) -> HTMLResponse:
    """Start a run; the same form sent twice starts one."""
    fields = await _fields(request)
    if fields is None:
        return _said("forged", 403)
    name, address = fields.get("name", "").strip(), fields.get("address", "").strip()
    if not 0 < len(name) <= 100 or not ADDRESS.fullmatch(address):
        return _with_form(request, "form", 422, problem="Please give a name and an address.")
    await _flows(request).start(signup, Guest(name, address), key=fields[COOKIE])
    return _said("sent", 202, address=address)


async def link(request: Request) -> HTMLResponse:
    """The page behind the link: a button while it counts, else what became of it."""
    token = request.path_params["token"]
    flows = _flows(request)
    try:
        run = await flows.run(token.split(".")[0])
        open_ones = await flows.questions(run)
    except CallerError:
        return _said("unknown", 404)
    if token in {f"{q.run}.{q.tag}.{q.occurrence}" for q in open_ones}:
        return _with_form(request, "confirm")
    return await _outcome(flows, token)


async def confirm(request: Request) -> HTMLResponse:
    """The button was pressed: tell truthfully what came of it."""
    if await _fields(request) is None:
        return _said("forged", 403)
    token = request.path_params["token"]
    try:
        reply = await _flows(request).answer(token, value=True)
    except CallerError:
        return await _outcome(_flows(request), token)
    return _said("confirmed") if reply is Reply.ANSWERED else await _outcome(_flows(request), token)


async def _outcome(flows: AsyncEngine, token: str) -> HTMLResponse:
    """What became of a link that takes no answer."""
    try:
        account: Account = await (await flows.run(token.split(".", maxsplit=1)[0])).result(5.0)
    except CallerError:
        return _said("unknown", 404)
    return _said("already") if account.confirmed else _said("expired", 410)


def _flows(request: Request) -> AsyncEngine:
    flows: AsyncEngine = request.app.state.flows
    return flows


async def _fields(request: Request) -> dict[str, str] | None:
    """A form's fields; None when it doesn't bear the token of the page that it should be from."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            return None
    fields = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    mine = request.cookies.get(COOKIE, "")
    sent = fields.get(COOKIE, "")
    return fields if mine and secrets.compare_digest(mine.encode(), sent.encode()) else None


def _with_form(request: Request, name: str, status: int = 200, **values: str) -> HTMLResponse:
    token = secrets.token_urlsafe(32)
    response = HTMLResponse(page(name, token=token, **values), status, HEADERS)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
    return response


def _said(name: str, status: int = 200, **values: str) -> HTMLResponse:
    return HTMLResponse(page("said", what=name, **values), status, HEADERS)
