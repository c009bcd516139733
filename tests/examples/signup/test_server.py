"""The sign-up server: real processes, real HTTP, real SMTP."""

import asyncio
import http.client
import os
import queue
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiosmtpd.controller import Controller

from everflow import Config, Engine
from signing.flow import Guest, signup
from signing.mailing import Post
from signing.web import application
from tests.engine.support import QUICK, JumpClock
from tests.examples.signup.test_flow import Outbox

EXAMPLE = Path(__file__).parents[3] / "examples" / "signup"
PATIENT = 20


class Mails:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.came: queue.Queue[str] = queue.Queue()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.came.put(envelope.content.decode())
        return "250 OK"

    def next(self) -> str:
        return self.came.get(timeout=PATIENT)


@pytest.fixture
def mails() -> Iterator[tuple[Mails, int]]:
    kept = Mails()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield kept, port
    controller.stop()


@contextmanager
def serving(folder: Path, smtp: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process and its port."""
    settings = {
        "SIGNUP_STORE": str(folder / "signup.db"),
        "SIGNUP_SMTP": f"127.0.0.1:{smtp}",
        "SIGNUP_PORT": "0",
        "PYTHONPATH": str(EXAMPLE),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "signing"],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server, int(server.stdout.readline().rpartition(":")[2])
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def ask(
    port: int, path: str, form: dict[str, str] | None = None, cookie: str = ""
) -> tuple[int, str, str]:
    """Status, page and cookie."""
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT)
    try:
        headers = {"Cookie": cookie} if cookie else {}
        body = urlencode(form) if form is not None else None
        web.request("GET" if form is None else "POST", path, body, headers)
        reply = web.getresponse()
        cookie = (reply.getheader("Set-Cookie") or "").split(";")[0]
        return reply.status, reply.read().decode(), cookie
    finally:
        web.close()


def send(port: int, path: str, **fields: str) -> tuple[int, str, str]:
    """Fill in and send the form of a page, as a browser does."""
    _, page, cookie = ask(port, path)
    hidden = re.search(r'name="form" value="([^"]+)"', page)
    assert hidden is not None
    return ask(port, path, {"form": hidden[1], **fields}, cookie)


def link_in(mail: str) -> str:
    found = re.search(r"(/confirm/\S+)", mail)
    assert found is not None
    return found[1]


def name_of(mail: str) -> str:
    found = re.search(r"Message-ID: (\S+)", mail)
    assert found is not None
    return found[1]


def test_signing_up_survives_a_kill(tmp_path: Path, mails: tuple[Mails, int]) -> None:
    """B152: killed before the click; scanners change nothing; a second click is told."""
    kept, smtp = mails
    with serving(tmp_path, smtp) as (server, port):
        status, page, _ = send(port, "/", name="Ann", address="ann@example.org")
        assert status == 202
        assert "ann@example.org" in page
        mail = kept.next()
        link = link_in(mail)
        server.send_signal(signal.SIGKILL)
        server.wait()
    with serving(tmp_path, smtp) as (_, port):
        for _ in range(3):
            assert ask(port, link)[0] == 200
        stale = ask(port, link)
        assert send(port, link)[1].count("Welcome!") == 1
        while "Good to have you here" not in (last := kept.next()):
            # The mail server had it, the journal perhaps not yet: then it comes again, the same.
            assert name_of(last) == name_of(mail)
        hidden = stale[2].partition("=")[2]
        assert "confirmed already" in ask(port, link, {"form": hidden}, stale[2])[1]
        assert "confirmed already" in ask(port, link)[1]
        assert kept.came.empty()


def test_pages_are_safe(tmp_path: Path, mails: tuple[Mails, int]) -> None:
    """Markup is inert, a foreign form is refused, and odd links are unknown."""
    kept, smtp = mails
    with serving(tmp_path, smtp) as (_, port):
        evil = "<script>alert(1)</script>"
        status, page, _ = send(port, "/", name=evil, address='"><b>@x.org')
        assert status == 422
        assert "<b>" not in page
        assert send(port, "/", name=evil, address="ann'or@example.org")[0] == 202
        assert "&#39;or" in send(port, "/", name="b", address="b'or@example.org")[1]
        assert any(evil in mail for mail in (kept.next(), kept.next()))
        fields = {"name": "Eve", "address": "eve@example.org"}
        assert ask(port, "/", fields)[0] == 403
        assert ask(port, "/", {**fields, "form": "a"}, "form=b")[0] == 403
        assert ask(port, "/", {**fields, "form": "a" * 20_000}, "form=a")[0] == 403
        for odd in ("x", "a.confirm.1", quote("<script>.b.1"), "..."):
            assert ask(port, f"/confirm/{odd}")[0] == 404
            assert ask(port, f"/confirm/{odd}", {})[0] == 403


def test_an_expired_link_says_so(tmp_path: Path) -> None:
    """The engine is the application's own; here its clock jumps."""
    clock = JumpClock()
    outbox = Outbox()
    engine = Engine(
        tmp_path / "store.db",
        provide={Post: lambda: outbox},
        clock=clock,
        config=Config(poll_s=QUICK),
    )
    app = application(engine)

    async def visit(path: str) -> tuple[int, str]:
        said: list[Any] = []

        async def sent(message: Any) -> None:
            said.append(message)

        async def received() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
        await app({**scope, "app": app, "scheme": "https", "server": ("x", 1)}, received, sent)
        return said[0]["status"], said[1]["body"].decode()

    async def story() -> tuple[int, str]:
        async with app.router.lifespan_context(app):
            run = await app.state.flows.start(signup, Guest("Ann", "ann@example.org"))
            await run.wait(PATIENT)
            clock.jump(4 * 86_400)
            await run.result(PATIENT)
            return await visit(f"/confirm/{run.id}.confirm.1")

    status, page = asyncio.run(story())
    assert status == 410
    assert "has expired" in page
