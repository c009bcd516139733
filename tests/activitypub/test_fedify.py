"""With a real other implementation, both ways: Fedify takes ours, and we take Fedify's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from everflow import flow, node
from everflow.activitypub import Actors, Circle, Keys, Sender
from everflow.activitypub.parcels import Parcel
from everflow.store import Put
from everflow.triggers import trigger
from tests.activitypub.delivering import Sending, redigested, sending
from tests.activitypub.fediverse import Fediverse, Side
from tests.activitypub.support import KEYS, ask
from tests.engine.support import PATIENT, until
from tests.federation.support import HOST
from tests.net.signing import key
from tests.npm import INSTALLING

pytestmark = pytest.mark.timeout(INSTALLING)
numbers = count(1)
HOUR = 3600.0


@node(name="content_from_fedify", inline=True)
def content_of(activity: dict[str, Any]) -> str:
    return f"{activity['actor']} {activity['object']['content']}"


@pytest.fixture(scope="module")
def blog() -> Iterator[Sending]:
    """An instance that delivers, and that starts a flow for what is created."""

    def declare(made: Sending) -> None:
        reviewed = flow("reviewed", content_of, registry=made.registry)
        made.declared = [trigger("on-created", reviewed, type="Create")]

    with sending(declare) as made:
        yield made


@pytest.fixture(params=["new", "old"])
def side(request: pytest.FixtureRequest, others: Fediverse) -> Side:
    """An instance that signs by RFC 9421 first, and one that knows draft-cavage alone."""
    return others.new if request.param == "new" else others.old


@pytest.fixture
def ada(side: Side) -> str:
    """The name of an actor there whom nobody here has met."""
    return f"ada{next(numbers)}"


DIALECTS = {"new": "rfc9421", "old": "cavage"}


def test_it_follows_and_is_told_and_gets_what_is_published(
    blog: Sending, side: Side, ada: str
) -> None:
    """It follows an actor here, sees the Accept, verifies a post, and leaves again."""
    follow = side.send("Follow", blog.ines.id, by=ada)
    accept = side.hears(lambda value: value["type"] == "Accept" and about(value) == follow)
    assert accept["value"]["actor"] == blog.ines.id
    assert accept["signed"] == DIALECTS[side.name]
    said = blog.outbox.publish("ines", f"Hello, {ada}")
    post = side.hears(lambda value: value["id"] == said)
    assert post["inbox"] == "/inbox"
    assert post["signed"] == DIALECTS[side.name]
    assert post["value"]["object"]["content"] == f"<p>Hello, {ada}</p>"
    gone = blog.outbox.withdraw("ines", said)
    assert side.hears(lambda value: value["id"] == gone)["value"]["type"] == "Delete"
    side.send("Undo", blog.ines.id, by=ada, object=follow)
    circle = Circle(blog.store)
    until(lambda: circle.follower(blog.ines, side.actor(ada)) is None)


def about(value: dict[str, Any]) -> str:
    """The id of what an activity is about."""
    found = value["object"]
    return str(found if isinstance(found, str) else found["id"])


def test_what_it_delivers_starts_a_flow(blog: Sending, side: Side, ada: str) -> None:
    """An activity of another implementation, in either dialect, fires a trigger."""
    side.send("Create", blog.ines.id, by=ada, content="Look here")
    until(lambda: bool(blog.triggers.audit(actor=side.actor(ada), trigger="on-created")))
    [decision] = blog.triggers.audit(actor=side.actor(ada), trigger="on-created")
    made = blog.engine.run(decision.run).result(PATIENT)
    assert made == f"{side.actor(ada)} Look here"
    assert blog.came[-1].signed == DIALECTS[side.name]


def test_what_was_tampered_with_is_refused(blog: Sending, side: Side, ada: str) -> None:
    """A real delivery off the wire: unsigned, edited, forged, moved or late it is nothing."""
    side.send("Create", blog.ines.id, by=ada, content="Honest")
    real = blog.came[-1]
    before = len(blog.log())
    unsigned = {k: v for k, v in real.headers.items() if not k.startswith("signature")}
    mark = next(name for name in ("signature", "signature-input") if ada in real.headers[name])
    other = {**real.headers, mark: real.headers[mark].replace(ada, "eve")}
    edited = real.body.replace(b"Honest", b"Edited")
    tampered = {
        "unsigned": (unsigned, real.body),
        "edited": (real.headers, edited),
        "edited with its digest": (redigested(real, edited), edited),
        "of another actor": (real.headers, real.body.replace(ada.encode(), b"eve")),
        "by another's key": (other, real.body),
    }
    said = {
        how: ask(blog.ines.inbox, "POST", body, headers).status
        for how, (headers, body) in tampered.items()
    }
    said["moved"] = ask(f"{blog.address}/ap/inbox", "POST", real.body, real.headers).status
    blog.clock.set_wall(HOUR)
    said["late"] = ask(blog.ines.inbox, "POST", real.body, real.headers).status
    blog.clock.set_wall(-HOUR)
    assert said == dict.fromkeys(said, 401)
    assert ask(blog.ines.inbox, "POST", real.body, real.headers).status == 202  # as it was
    assert len(blog.log()) == before
    until(lambda: bool(blog.triggers.audit(actor=side.actor(ada), trigger="on-created")))
    assert len(blog.triggers.audit(actor=side.actor(ada), trigger="on-created")) == 1


def test_its_new_keys_are_looked_up(blog: Sending, side: Side, ada: str) -> None:
    """An actor who changes keys is believed by the new ones, and no more by the old."""
    blog.clock.set_wall(-200)
    side.send("Create", blog.ines.id, by=ada, content="By the first key")
    old = blog.came[-1]
    side.rotate(ada)
    blog.clock.set_wall(350)
    side.send("Create", blog.ines.id, by=ada, content="By the second key")
    assert len([each for each in blog.log() if each.actor == side.actor(ada)]) == 2
    assert ask(blog.ines.inbox, "POST", old.body, old.headers).status == 401
    blog.clock.set_wall(-150)


def test_it_looks_up_our_new_keys(blog: Sending, side: Side, ada: str) -> None:
    """An actor here changes keys; what it signs from then on is taken, too."""
    name = f"otto_{ada}"
    old, new = KEYS, Keys(key("rsa", 101), key("ed25519", 101))  # type: ignore[arg-type]  # of these kinds
    actors = Actors(blog.store, blog.clock.wall, {name: old})
    actor = actors.create(name, inside=(HOST,))
    for keys in (old, new):
        known = replace(actor, rsa=keys.public[0], ed25519=keys.public[1])
        body = msgspec.json.encode(known).decode()
        blog.store.write([Put(kind="actor", key=name, body=body)], at=0)
        likes(blog, side, Parcel(actor=name, activity="", to=side.actor(ada)), keys)


def likes(blog: Sending, side: Side, parcel: Parcel, keys: Keys) -> None:
    """Something there is liked by the parcel's actor, who signs with these keys."""
    like = {"type": "Like", "object": f"{side.address}/1", "to": [parcel.to]}
    said = str(blog.outbox.send(parcel.actor, like))
    with Sender(blog.store, keys={parcel.actor: keys}) as sender:
        assert asyncio.run(sender.deliver(replace(parcel, activity=said))).how == "taken"
    heard = side.hears(lambda value: value["id"] == said)
    assert heard["signed"] == DIALECTS[side.name]
