"""Delivery: durable, once for each inbox, in either dialect, given up when it is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.responses import Response

from everflow import ErrorData, Status
from everflow.activitypub.actors import Actors
from everflow.activitypub.circle import Circle
from everflow.activitypub.delivery import PER_LANE
from everflow.errors import RunFailed
from everflow.net.message import Message
from everflow.net.signatures import either
from everflow.store import Put
from tests.activitypub.delivering import Receiver, Sending, receiver, sending, status
from tests.engine.support import JumpClock, until
from tests.federation.support import HOST, bound, port_of

WHO = "https://ann.example/users/ann"


@pytest.fixture
def blog() -> Iterator[Sending]:
    with sending() as made:
        yield made


@pytest.fixture
def there(blog: Sending) -> Iterator[Receiver]:
    with receiver(blog.loop) as made:
        yield made


def ended(blog: Sending, many: int = 1) -> list[str]:
    """How so many deliveries ended, in their order."""
    over = (Status.DONE, Status.FAILED, Status.CANCELLED)
    until(lambda: sum(row.status in over for row in blog.deliveries()) >= many)
    return [str(row.status) for row in blog.deliveries()]


def test_a_post_reaches_each_inbox_once(blog: Sending, there: Receiver) -> None:
    """Followers who share an inbox get a post there once; others at their own."""
    blog.follows("ann", there.inbox("ann"), shared=there.inbox())
    blog.follows("bob", there.inbox("bob"), shared=there.inbox())
    blog.follows("cid", there.inbox("cid"))
    said = blog.outbox.publish("ines", "Hello & welcome\n\nto all")
    assert ended(blog, 2) == ["done"] * 2
    assert sorted(there.paths()) == ["/cid/inbox", "/inbox"]
    post = there.arrived[0].value
    assert post["id"] == said
    assert post["type"] == "Create"
    assert post["actor"] == post["object"]["attributedTo"] == blog.ines.id
    assert post["object"]["content"] == "<p>Hello &amp; welcome</p><p>to all</p>"


def test_what_arrives_is_proven_by_the_actors_key(blog: Sending, there: Receiver) -> None:
    """A delivery is signed whole by the key that the actor's document shows."""
    blog.follows("ann", there.inbox("ann"))
    blog.outbox.publish("ines", "Hello")
    ended(blog)
    came = there.arrived[0]
    url = there.inbox("ann")
    message = Message("POST", url, tuple(came.headers.items()), came.body)
    key = blog.keys["ines"].rsa.public_key()
    claim = either.verify(message, key, now=blog.clock.wall())
    assert claim.key_id == blog.ines.rsa_id


def test_who_refuses_the_new_signatures_is_asked_in_the_old_ones(
    blog: Sending, there: Receiver
) -> None:
    """A server that can't read RFC 9421 is asked by draft-cavage at once, and first later on."""
    there.says = lambda came: Response(status_code=401 if came.signed == "rfc9421" else 202)
    blog.follows("ann", there.inbox("ann"))
    for number in (1, 2):
        blog.outbox.publish("ines", f"Post {number}")
        ended(blog, number)
    assert [came.signed for came in there.arrived] == ["rfc9421", "cavage", "cavage"]


def test_a_dialect_is_learned_anew_when_its_server_changes(blog: Sending, there: Receiver) -> None:
    """What a server took before is no word about what it takes today."""
    refused: list[str] = []
    there.says = lambda came: Response(status_code=403 if came.signed in refused[-1:] else 202)
    blog.follows("ann", there.inbox("ann"))
    for number, way in enumerate(["rfc9421", "cavage", ""], 1):
        refused.append(way)
        blog.outbox.publish("ines", f"Post {number}")
        ended(blog, number)
    ways = ["rfc9421", "cavage", "cavage", "rfc9421", "rfc9421"]
    assert [came.signed for came in there.arrived] == ways


@pytest.mark.parametrize("code", [404, 410])
def test_who_is_gone_follows_no_more(blog: Sending, there: Receiver, code: int) -> None:
    """A follower whose inbox is no more is forgotten, and nothing is sent there again."""
    who = blog.follows("ann", there.inbox("ann"))
    stays = blog.follows("bob", there.inbox("bob"))
    there.says = lambda came: Response(status_code=code if "ann" in came.path else 202)
    blog.outbox.publish("ines", "First")
    assert ended(blog, 2) == ["done"] * 2
    circle = Circle(blog.store)
    assert [each.id for each in circle.followers(blog.ines)] == [stays]
    assert circle.follower(blog.ines, who) is None
    blog.outbox.publish("ines", "Second")
    ended(blog, 3)
    assert there.paths().count("/ann/inbox") == 1


@pytest.mark.parametrize(("code", "left"), [(404, 2), (410, 0)])
def test_a_shared_inbox_is_gone_by_its_own_word_alone(
    blog: Sending, there: Receiver, code: int, left: int
) -> None:
    """That a server has lost its inbox for all doesn't yet cost an actor all followers there."""
    for name in ("ann", "bob"):
        blog.follows(name, there.inbox(name), shared=there.inbox())
    there.says = status(code)
    blog.outbox.publish("ines", "Hello")
    assert ended(blog) == ["failed" if left else "done"]
    assert Circle(blog.store).count_followers(blog.ines) == left


def test_who_is_in_trouble_is_asked_again(blog: Sending, there: Receiver) -> None:
    """A server's own trouble is waited for, longer each time, and the post arrives after it."""
    answers = iter([500, 503, 401, 401, 202])
    there.says = lambda _: Response(status_code=next(answers))
    blog.follows("ann", there.inbox("ann"))
    blog.outbox.publish("ines", "Hello")
    for seconds in (60, 180, 540):
        waits(blog)
        blog.clock.jump(seconds)
    assert ended(blog) == ["done"]
    assert len({came.body for came in there.arrived}) == 1


def waits(blog: Sending) -> int:
    """Wait until its delivery waits for a time to come; how many seconds from now that is."""
    left: list[int] = []

    def waiting() -> bool:
        rows = [row for row in blog.deliveries() if row.status is Status.WAITING]
        left.extend(row.due - blog.clock.wall() for row in rows if row.due)
        return bool(left) and left[-1] > 0

    until(waiting)
    return round(left[-1] / 1_000_000)


def test_who_says_when_is_asked_then(blog: Sending, there: Receiver) -> None:
    """Retry-After takes the place of our own pauses."""
    there.says = status(429, retry_after="40000")
    blog.follows("ann", there.inbox("ann"))
    blog.outbox.publish("ines", "Hello")
    assert 39_000 < waits(blog) <= 40_000
    there.says = status(202)
    blog.clock.jump(40_000)
    assert ended(blog) == ["done"]


@pytest.mark.parametrize(("code", "knocks"), [(403, 2), (400, 2), (413, 1), (307, 1), (501, 1)])
def test_who_refuses_for_good_is_left_alone(
    blog: Sending, there: Receiver, code: int, knocks: int
) -> None:
    """A refusal that won't change ends it, once it was asked in both dialects if it may be that."""
    there.says = status(code, location=there.inbox("bob"))
    blog.follows("ann", there.inbox("ann"))
    blog.outbox.publish("ines", "Hello")
    assert ended(blog) == ["failed"]
    assert failure(blog).code == "delivery_refused"
    assert there.paths() == ["/ann/inbox"] * knocks


def failure(blog: Sending) -> ErrorData:
    """The error of the one delivery."""
    with pytest.raises(RunFailed) as caught:
        blog.engine.run(blog.deliveries()[0].id).result(0)
    found = caught.value.error
    assert isinstance(found, ErrorData)
    return found


def test_an_inbox_inside_our_network_is_never_asked(blog: Sending, there: Receiver) -> None:
    """Only what the actor allows is reached where it isn't public, and a delivery ends there."""
    Actors(blog.store, blog.clock.wall, blog.keys).create("zoe")
    blog.outbox.send("zoe", {"type": "Like", "to": [WHO]}, inboxes={WHO: there.inbox("ann")})
    assert ended(blog) == ["failed"]
    assert failure(blog).code == "address_refused"
    assert there.arrived == []


def test_nobody_there_is_waited_for(blog: Sending) -> None:
    """A server that can't be reached may be back in an hour."""
    with bound() as deaf:
        blog.follows("ann", f"http://{HOST}:{port_of(deaf)}/inbox")
        blog.outbox.publish("ines", "Hello")
        assert 30 < waits(blog) <= 60


def test_a_delivery_outlives_its_engine(there: Receiver) -> None:
    """What waits for another try is tried by whoever works on the store then."""
    there.says = status(503)
    made = Sending(there.listener.loop, JumpClock())
    made.follows("ann", there.inbox("ann"))
    with made.working():
        said = made.outbox.publish("ines", "Hello")
        waits(made)
    there.says = status(202)
    made.clock.jump(60)
    with made.working():
        assert ended(made) == ["done"]
    made.listener.held.close()
    assert [came.value["id"] for came in there.arrived] == [said] * 2


def test_what_is_no_more_is_not_delivered(blog: Sending, there: Receiver) -> None:
    """Neither a text that was taken out of the store, nor in the name of an actor who is gone."""
    zoe = Actors(blog.store, blog.clock.wall, blog.keys)
    zoe.create("zoe", inside=(HOST,))
    there.says = status(503)
    inboxes = {WHO: there.inbox("ann")}
    like = {"type": "Like", "object": f"{WHO}/1", "to": [WHO]}
    said = [blog.outbox.send(name, like, inboxes=inboxes) for name in ("ines", "zoe")]
    until(lambda: [row.status for row in blog.deliveries()] == [Status.WAITING] * 2)
    zoe.remove("zoe")
    key = str(said[0]).removeprefix(f"{blog.address}/ap/")
    blog.store.write([Put(kind="published", key=key, body=None)], at=0)
    there.says = status(202)
    blog.clock.jump(60)
    assert sorted(ended(blog, 2)) == ["done", "failed"]
    assert len(there.arrived) == 2


def test_each_host_has_its_lanes(blog: Sending, there: Receiver) -> None:
    """A host takes a few at a time, and what is for one doesn't wait behind what is for all."""
    there.says = status(429)
    blog.follows("ann", there.inbox("ann"), shared=there.inbox())
    for number in range(PER_LANE + 1):
        blog.outbox.publish("ines", f"Post {number}")
    until(lambda: len(there.arrived) == PER_LANE)
    like = {"id": f"{blog.address}/ap/activities/like", "type": "Like", "object": f"{WHO}/1"}
    blog.outbox.tell(blog.ines, like, [there.inbox("ann")])
    until(lambda: "/ann/inbox" in there.paths())
    until(lambda: len(blog.deliveries()) == PER_LANE + 2)
    assert [row.status for row in blog.deliveries()].count(Status.QUEUED) == 1
    assert there.paths().count("/inbox") == PER_LANE
