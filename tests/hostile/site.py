"""What the corpus is sent to: one instance with all its faces, on one socket and one file.

The ledger is the store's file itself, read by another reader: whatever was written and taken back
shows in the numbers that are never given twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw

import everflow.federation.http as peers_http
from everflow import Config, Engine, Registry, RunQuery, ask, expose, flow, node, suspend
from everflow.activitypub import PREFIX as PUB
from everflow.activitypub import ActivityPub, Actors, Keys
from everflow.activitypub import Limits as InboxLimits
from everflow.errors import EverflowError
from everflow.federation import PREFIX, Federation, Peers, create_identity
from everflow.net.client import Outside
from everflow.net.keys import key_word, make_ed25519, thumbprint
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from everflow.net.signatures import rfc9421
from everflow.server import Access, Limits, Part, Scope, Server, Tokens, bind, create_app
from everflow.triggers import Triggers, trigger
from tests.engine.support import QUICK, until
from tests.hostile.rows import HERE, PATIENT
from tests.hostile.strange import AP, INNER, STRANGE, Sender, Trap, strangers
from tests.net import signing
from tests.net.serving import names

SHORT = 0.6  # seconds that a request's head and body have
LARGEST = 600_000  # bytes of a value
LIMITS = Limits(body=2 * LARGEST, head_s=SHORT, body_s=SHORT, rate=1e6, burst=10**6)
KEPT = {"heard", "remote-actor"}  # what is known of proven senders, and of actors
UNWATCHED = {"worker", "sqlite_stat1"}  # a worker says that it lives


RESOLVER = names({STRANGE: [HERE], **INNER})


class Noted(Outside):
    """A client that notes where it is sent, and why it doesn't go."""

    def __init__(self, sent: list[tuple[str, str]], policy: Policy) -> None:
        super().__init__(policy, resolver=RESOLVER)
        self._sent = sent

    async def send(self, message: Message, **more: Any) -> Reply:
        """As any other."""
        try:
            reply = await super().send(message, **more)
        except EverflowError as error:
            self._sent.append((message.url, error.code))
            raise
        self._sent.append((message.url, str(reply.status)))
        return reply


@dataclass
class Site:
    """A served instance. ``west`` is a peer that may call all, ``east`` one that may nothing."""

    engine: Engine
    triggers: Triggers
    place: Path
    port: int
    tokens: dict[str, str]
    west: Sender
    east: Sender
    otto: Sender
    trap: Trap
    sent: list[tuple[str, str]]  # what was sent to peers: where, and what became of it

    nobody: Sender = field(default_factory=lambda: Sender("nobody"))
    inner: Sender = field(default_factory=lambda: Sender("inner"))
    count: Iterator[int] = field(default_factory=lambda: iter(range(1 << 30)))

    @property
    def now(self) -> int:
        return self.engine.client.clock.wall()

    @property
    def own(self) -> str:
        """The key of the instance itself."""
        return f"{thumbprint(_KEY.public_key())}#{thumbprint(_KEY.public_key())}"

    def signed(self, message: Message, by: Sender | None = None, **other: Any) -> Message:
        """A message with a signature of now, or with another ``now``, ``nonce`` or ``key_id``."""
        sender = by or self.west
        said = {
            "key_id": sender.key_id,
            "now": self.now,
            "nonce": f"n{next(self.count)}",
            **other,
        }
        return message.having(rfc9421.sign(message, sender.key, **said))

    def asking(self, function: str, value: Any) -> bytes:
        """The body of a call that expires in a minute."""
        said = {"function": function, "input": value, "expires": self.now + 60_000_000}
        return json.dumps(said).encode()

    def ledger(self) -> dict[str, list[Any]]:
        """All rows of all tables."""
        with contextlib.closing(
            apsw.Connection(str(self.place), flags=apsw.SQLITE_OPEN_READONLY)
        ) as base:
            names = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            found: dict[str, list[Any]] = {
                str(name): base.execute(f"SELECT * FROM {name}").fetchall()
                for (name,) in names
                if name not in UNWATCHED
            }
        found["sqlite_sequence"] = [row for row in found["sqlite_sequence"] if row[0] != "worker"]
        return found

    def at_rest(self, *, proven: bool = False) -> dict[str, list[Any]]:
        """The ledger once nothing moves any more; without the nonces of proven senders."""
        found = [self._seen(proven=proven)]

        def same() -> bool:
            found.append(self._seen(proven=proven))
            return found[-1] == found[-2]

        until(same)
        return found[-1]

    def _seen(self, *, proven: bool) -> dict[str, list[Any]]:
        found = self.ledger()
        if proven:
            found["record"] = [row for row in found["record"] if row[1] not in KEPT]
            found["sqlite_sequence"] = [s for s in found["sqlite_sequence"] if s[0] != "record"]
        return found

    def goes_on(self) -> None:
        """Each face does what it is there for."""
        bearer = {"Authorization": f"Bearer {self.tokens['operate']}"}
        body = json.dumps({"flow": "shouted", "input": "still"}).encode()
        json_of = {**bearer, "Content-Type": "application/json"}
        run = self._ask("POST", "/api/v1/runs", body, json_of)[1]["id"]
        assert self._ask("GET", f"/api/v1/runs/{run}?wait=20", b"", bearer)[1]["result"] == "STILL"
        call = f"{next(self.count):026}"
        for method, path, body in (
            ("PUT", f"/calls/{call}?wait=20", self.asking("add", 1)),
            ("DELETE", f"/calls/{call}", b""),
        ):
            url = f"http://{HERE}:{self.port}{PREFIX}{path}"
            message = self.signed(Message(method, url, (), body))
            status, said = self._ask(method, f"{PREFIX}{path}", body, dict(message.headers))
            assert status in {200, 204}, said
        head = self.triggers.activities.head()
        status, said = self.delivered({"id": f"{self.otto.id}/{head}", "type": "Create"})
        assert status == 202, said
        until(lambda: self.fired() == head + 1 == self.triggers.book.get("notes").at)
        assert self.engine.fault is None

    def delivered(self, activity: dict[str, Any]) -> tuple[int, Any]:
        """What is answered to an activity of otto's."""
        body = json.dumps({"actor": self.otto.id, **activity}).encode()
        path = f"{PUB}/actors/ines/inbox"
        message = Message("POST", f"http://{HERE}:{self.port}{path}", (), body)
        headers = dict(self.signed(message, self.otto).headers)
        return self._ask("POST", path, body, {**headers, "Content-Type": AP})

    def uses(self) -> None:
        """Have west ask about a call that there isn't, with the nonce that is used from then on."""
        path = f"{PREFIX}/calls/{'0' * 26}"
        message = Message("GET", f"http://{HERE}:{self.port}{path}")
        signed = self.signed(message, nonce="used")
        status, said = self._ask("GET", path, b"", dict(signed.headers))
        assert (status, said["code"]) == (404, "no_such_call")

    def fired(self) -> int:
        """How many runs of the trigger are done."""
        rows = self.engine.runs(RunQuery(flow="noted", limit=1000))
        return sum(str(run.status) == "done" for run in rows)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(HERE, self.port, timeout=PATIENT)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()


def shouted(text: str) -> str:
    """In capitals."""
    return text.upper()


def one_more(number: int) -> int:
    """The next number."""
    return number + 1


def kind_of(activity: dict[str, Any]) -> str:
    """What was done."""
    return str(activity["type"])


def flows() -> Registry:
    """A flow for each face."""
    registry = Registry()
    flow("shouted", node(shouted), registry=registry)
    flow("approved", node(shouted) >> ask("approval", bool), registry=registry)
    flow("noted", node(kind_of), registry=registry)
    flow("hidden", node(one_more), registry=registry)
    expose(flow("add", node(one_more), registry=registry), registry=registry)
    expose(flow("agreed", suspend("agreement"), registry=registry), registry=registry)
    return registry


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """The instance, served by a thread."""
    place = folder / "everflow.db"
    config = Config(poll_s=QUICK, threads=4, value_limit=LARGEST)
    engine = Engine(str(place), registry=flows(), config=config)
    with engine, Triggers(engine, [trigger("notes", "noted", type="Create")]) as triggers:
        listening = bind(HERE, 0)
        port = int(listening.getsockname()[1])
        client = engine.client
        west, east = Sender("west"), Sender("east")
        _introduce(client, port, west, east)
        sent: list[tuple[str, str]] = []
        federation = Federation(engine, key=_KEY, client=partial(Noted, sent))
        pub = _published(engine, triggers, port)
        parts = [
            Part(path=PREFIX, app=federation.app, lifespan=lambda: federation),
            Part(path=PUB, app=pub.app, lifespan=lambda: pub),
        ]
        app = create_app(engine, access=Access(open=True), limits=LIMITS, parts=parts)
        server = Server(app, listening)
        with (
            patch.object(peers_http, "BODY_SECONDS", SHORT),
            _running(server),
            contextlib.closing(Trap()) as trap,
            strangers(trap.port) as otto,
        ):
            tokens = _tokens(client)
            site = Site(engine, triggers, place, port, tokens, west, east, otto, trap, sent)
            site.uses()
            yield site


_KEY = make_ed25519()


def _published(engine: Engine, triggers: Triggers, port: int) -> ActivityPub:
    """Where ines is, who believes what is at one host though it isn't public."""
    client = engine.client
    keys = {"ines": Keys(signing.key("rsa", 100), signing.key("ed25519", 100))}  # type: ignore[arg-type]  # of these kinds
    actors = Actors(client.store, client.clock.wall, keys)
    actors.create("ines", address=f"http://{HERE}:{port}", inside=(STRANGE,))
    return ActivityPub(
        engine,
        triggers,
        keys=keys,
        limits=InboxLimits(body=LARGEST, body_s=SHORT, rate=1e6, burst=1e6),
        fetch_s=SHORT,
        client=partial(Outside, resolver=RESOLVER),
    )


def _introduce(client: Any, port: int, west: Sender, east: Sender) -> None:
    now = client.clock.wall
    create_identity(client.store, f"http://{HERE}:{port}", _KEY, at=now())
    peers = Peers(client.store, now)
    for number, each in enumerate((west, east)):
        word = key_word(each.key.public_key())
        peers.add(each.name, f"https://{number}.peer.example", word)
    peers.change("west", allowed=("*",))


def _tokens(client: Any) -> dict[str, str]:
    """The text of a token of each kind, the good ones and those that are worth nothing."""
    tokens = Tokens(client.store, client.clock)
    made = {str(scope): tokens.create(str(scope), scope)[1] for scope in Scope}
    made["expired"] = tokens.create("expired", Scope.ADMIN, lasts=1)[1]
    made["revoked"] = tokens.create("revoked", Scope.ADMIN)[1]
    tokens.revoke("revoked")
    for scope in Scope:
        assert tokens.grant(made[str(scope)]) is not None  # its use today is noted
    return made


@contextmanager
def _running(server: Server) -> Iterator[None]:
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(PATIENT)
        assert not thread.is_alive()
