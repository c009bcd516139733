"""The application inside of another, with parts of its own, and an application's own door."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from everflow import Config, Engine
from everflow.errors import StoreFull
from everflow.server import Access, Grant, Limits, Part, Scope, Tokens, create_app, limits
from everflow.server.limits import Rates
from everflow.server.rules import PUBLIC, Nothing, Rule, Rules
from everflow.server.table import RULES
from everflow.stores.memory import MemoryStore
from tests.engine.support import JumpClock
from tests.server.serving import PATIENT, flows, serving, until


def engine() -> Engine:
    return Engine(MemoryStore(), registry=flows(), config=Config(poll_s=0.005))


@asynccontextmanager
async def client(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that calls the application itself."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


async def mounted() -> None:
    made = engine()
    app = Starlette(routes=[Mount("/flows", app=create_app(made))])
    async with client(app) as asks:
        early = await asks.get("/flows/api/v1/health")
        assert (early.status_code, early.json()["code"]) == (503, "engine_closed")
        async with made as running:
            calls = made.client
            token = (
                await asyncio.to_thread(
                    Tokens(calls.store, calls.clock).create, "app", Scope.OPERATE
                )
            )[1]
            assert (await asks.get("/flows/api/v1/runs")).status_code == 401
            bears = {"Authorization": f"Bearer {token}"}
            body = {"flow": "shouted", "input": "inside"}
            run = (await asks.post("/flows/api/v1/runs", json=body, headers=bears)).json()["id"]
            assert await (await running.run(run)).result(20) == "INSIDE"
            found = (await asks.get(f"/flows/api/v1/runs/{run}", headers=bears)).json()
            assert found["result"] == "INSIDE"
            assert (await asks.get("/flows/api/v1/runs/", headers=bears)).status_code == 404
        late = await asks.get("/flows/api/v1/runs", headers=bears)
        assert late.json()["code"] == "engine_closed"


def test_it_is_mounted_into_an_application() -> None:
    """Which starts and stops the engine itself; requests outside of that are told so."""
    asyncio.run(mounted())


async def admitted() -> None:
    async def admit(asked: HTTPConnection) -> Grant | None:
        user = asked.headers.get("x-user", "")
        return Grant(user, Scope.READ, user) if user else None

    access = Access(admit=admit, origins=frozenset({"https://desk.example"}))
    made = engine()
    async with made, client(create_app(made, access=access)) as asks:
        assert (await asks.get("/api/v1/runs")).status_code == 401
        user = {"X-User": "ines"}
        assert (await asks.get("/api/v1/runs", headers=user)).status_code == 200
        for origin, status in (("https://desk.example", 403), ("https://evil.example", 403)):
            page = {**user, "Origin": origin}
            reply = await asks.post("/api/v1/runs", json={"flow": "received"}, headers=page)
            assert reply.status_code == status
            code = "scope_too_small" if "desk" in origin else "origin_refused"
            assert reply.json()["code"] == code


def test_an_application_may_say_who_asks() -> None:
    """By its own sessions, say; what it grants is a scope, and pages that it names may ask."""
    asyncio.run(admitted())


def test_parts_are_mounted_and_opened() -> None:
    """Behind the looks that all requests get; their lifespan is that of the server."""
    told: list[str] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        told.append("begun")
        yield
        told.append("ended")

    app = Starlette(routes=[Route("/hello", lambda _: PlainTextResponse("hi"))])
    part = Part(path="/peer/v1", app=app, lifespan=lifespan)
    with serving(parts=(part, Part(path="/inbox", app=app))) as server:
        server.make(Scope.READ)
        assert server.ask("GET", "/peer/v1/hello").text == b"hi"
        assert server.ask("GET", "/inbox/hello").text == b"hi"
        assert server.ask("GET", "/peer/v1/he%2f").code == "bad_request"
        assert server.ask("GET", "/peer/v1/hello", headers={"X": "x" * 20_000}).status == 413
    assert told == ["begun", "ended"]


async def websocket(app: Any, path: str) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("path", ["/api/v1/runs", "/none", "/peer/hello", "/"])
def test_no_route_takes_a_websocket(path: str) -> None:
    """RELIABILITY 25: it is closed before it is opened."""

    async def hello(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("reached")

    app = create_app(engine(), parts=[Part(path="/peer", app=hello)])
    sent = asyncio.run(websocket(app, path))
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


async def crowded() -> None:
    made = engine()
    app = create_app(made, access=Access(open=True), limits=Limits(waits=1))
    async with made, client(app) as asks:
        run = (await asks.post("/api/v1/runs", json={"flow": "received"})).json()["id"]
        waiting = asyncio.create_task(asks.get(f"/api/v1/runs/{run}?wait=20"))
        await asyncio.to_thread(until, lambda: app.state.backing.waiting, "somebody waits")
        refused = await asks.get(f"/api/v1/runs/{run}?wait=20")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert (await asks.get("/api/v1/runs")).status_code == 200
        app.state.backing.end()
        assert (await waiting).status_code == 200


def test_who_waits_holds_up_nobody_else() -> None:
    """No more may wait than there is room for; whoever doesn't wait is answered."""
    asyncio.run(crowded())


def test_no_more_is_answered_at_once_than_may() -> None:
    """Whoever comes on top of that is told to come again."""
    with serving(limits=Limits(at_once=0)) as server:
        assert server.api("GET", "/health").code == "too_many_requests"


def test_what_goes_wrong_inside_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A fault, a store in trouble, and an engine that doesn't answer: no word of the inside."""
    held = threading.Event()

    def faulty(_: Any) -> None:
        """Fail."""
        raise RuntimeError("secret in /home/ines/secret.py")

    def troubled(_: Any) -> None:
        """Fail."""
        raise StoreFull("/var/lib/secret.db is full", hint="secret")

    def slow(_: Any) -> Nothing:
        """Take long."""
        held.wait(PATIENT)
        return Nothing()

    rules = Rules(
        [Rule("GET", f"/{does.__name__}", PUBLIC, does=does) for does in (faulty, troubled, slow)]
    )

    async def asked() -> list[httpx2.Response]:
        app = create_app(engine(), rules=rules, limits=Limits(answer_s=0.01))
        async with client(app) as asks:
            return [await asks.get(f"/{path}") for path in ("faulty", "troubled", "slow")]

    replies = asyncio.run(asked())
    held.set()
    assert [reply.status_code for reply in replies] == [500, 507, 503]
    assert [reply.json()["code"] for reply in replies] == [
        "error",
        "store_full",
        "store_unavailable",
    ]
    assert not any("secret" in reply.text for reply in replies)
    assert "secret.py" in caplog.text


async def broken_off() -> tuple[list[int], bytes]:
    async def breaking(_: Any) -> AsyncGenerator[bytes]:
        """Break off."""

        async def parts() -> AsyncGenerator[bytes]:
            yield b"begun"
            raise StoreFull("no more")

        return parts()

    made = engine()
    rules = Rules([Rule("GET", "/broken", PUBLIC, streams=breaking), RULES.all[0]])
    async with client(create_app(made, rules=rules)) as asks:
        reply = await asks.get("/broken")
        made.__class__ = Faulty
        async with made:
            faulty = await asks.get("/api/v1/health")
    return [reply.status_code, faulty.status_code], reply.content


class Faulty(Engine):
    """An engine that says that it stopped."""

    @property
    def fault(self) -> BaseException | None:
        return RuntimeError("stopped")


def test_a_stream_whose_store_fails_ends(caplog: pytest.LogCaptureFixture) -> None:
    """What was sent stays sent; the log says why it ended. An engine with a fault isn't well."""
    statuses, sent = asyncio.run(broken_off())
    assert (statuses, sent) == ([200, 503], b"begun")
    assert "ends early: no more" in caplog.text


def test_the_rates_of_those_who_were_quiet_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names somebody asks by, no more are remembered than may."""
    monkeypatch.setattr(limits, "REMEMBERED", 2)
    clock = JumpClock()
    rates = Rates(Limits(rate=1.0, burst=1), clock)
    assert rates.wait("a") == 0
    assert rates.wait("a") > 0
    clock.jump(0.5)
    assert 0 < rates.wait("a") < 0.6
    clock.jump(0.6)
    assert rates.wait("a") == 0
    for name in "bc":
        rates.wait(name)
    assert rates.wait("a") == 0
