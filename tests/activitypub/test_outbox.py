"""The outbox: one transaction, once under a key, shown to whom it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from everflow import Run, RunQuery, Status, connect, flow, node
from everflow.activitypub import Outbox, outbox_of
from everflow.activitypub.circle import FOLLOWER, parted_put
from everflow.activitypub.delivery import plans
from everflow.activitypub.parcels import DELIVER, SPREAD, Page
from everflow.activitypub.words import PUBLIC
from everflow.core.signature import need
from everflow.errors import NoSuchActor, StoreUnavailable, WrongArgument
from everflow.store import Put
from tests.activitypub.delivering import Receiver, Sending, receiver, sending
from tests.activitypub.support import ask, stranger
from tests.engine.support import PATIENT, JumpClock, until
from tests.federation.support import looping

WHO = "https://ann.example/users/ann"


@node(name="tell_of_a_word")
def tell_of(word: str, *, outbox: Outbox = need(Outbox)) -> str:
    return outbox.publish("ines", word, key=f"word {word}")


@pytest.fixture(scope="module")
def blog() -> Iterator[Sending]:
    """An instance with a flow that publishes."""

    def declare(made: Sending) -> None:
        flow("words", tell_of, registry=made.registry)

    with sending(declare) as made:
        yield made


@pytest.fixture
def there(blog: Sending) -> Iterator[Receiver]:
    with receiver(blog.loop) as made:
        yield made


def shown(url: str) -> Any:
    """What anybody finds at a URL."""
    reply = ask(url, headers={"accept": "application/activity+json"})
    return reply.json if reply.status == 200 else reply.status


def test_what_is_published_is_found_at_its_ids(blog: Sending) -> None:
    """The activity and its object are shown, and the activity stands in the outbox."""
    said = blog.outbox.publish("ines", {"type": "Article", "name": "On tea", "content": "<p>x</p>"})
    activity = shown(said)
    made = activity["object"]
    assert shown(made["id"])["name"] == made["name"] == "On tea"
    assert (made["attributedTo"], made["to"]) == (blog.ines.id, [PUBLIC])
    assert made["cc"] == activity["cc"] == [blog.ines.followers]
    outbox = shown(f"{blog.ines.id}/outbox?page=true")
    assert outbox["orderedItems"][0]["id"] == said


def test_what_is_withdrawn_is_found_no_more(blog: Sending, there: Receiver) -> None:
    """Its id says that it was there; those who got it are told, and nobody else gets it."""
    wim = blog.follows("wim", there.inbox("wim"))
    said = blog.outbox.publish("ines", "Too soon")
    until(lambda: bool(there.arrived))
    made = there.arrived[0].value["object"]["id"]
    gone = blog.outbox.withdraw("ines", said)
    until(lambda: len(there.arrived) == 2)
    delete = there.arrived[1].value
    assert (delete["id"], delete["type"], delete["object"]["id"]) == (gone, "Delete", made)
    assert shown(said) == 404
    assert shown(made) == 410
    assert said not in [
        one["id"] for one in shown(f"{blog.ines.id}/outbox?page=true")["orderedItems"]
    ]
    assert blog.outbox.withdraw("ines", said) == gone
    for other in (gone, f"{blog.address}/ap/activities/none", made):
        with pytest.raises(WrongArgument, match="nothing by"):
            blog.outbox.withdraw("ines", other)
    blog.store.write([parted_put(FOLLOWER, blog.ines, wim)], at=0)


def test_what_changed_is_told_as_the_same_thing(blog: Sending, there: Receiver) -> None:
    """An Update bears the object under its id; it is found so from then on, and told once a key."""
    wim = blog.follows("wim", there.inbox("wim"))
    said = blog.outbox.publish("ines", {"type": "Article", "content": "swifts come"})
    until(lambda: bool(there.arrived))
    first = there.arrived[0].value["object"]
    new = {"content": "swifts came"}
    later = blog.outbox.update("ines", said, new, key="second")
    assert blog.outbox.update("ines", said, new, key="second") == later
    until(lambda: len(there.arrived) == 2)
    update = there.arrived[1].value
    assert (update["id"], update["type"]) == (later, "Update")
    assert update["object"] == {**first, **new, "updated": update["updated"]}
    assert shown(first["id"])["content"] == "swifts came"
    for other in (later, f"{blog.address}/ap/activities/none"):
        with pytest.raises(WrongArgument, match="nothing by"):
            blog.outbox.update("ines", other, "Else")
    blog.store.write([parted_put(FOLLOWER, blog.ines, wim)], at=0)


def test_a_key_says_it_once(blog: Sending) -> None:
    """The same key gives the same activity, whatever is said; another actor's is another."""
    first = blog.outbox.publish("ines", "One", key="k")
    again = blog.outbox.publish("ines", "Two", key="k")
    other = blog.outbox.publish("ines", "One", key="l")
    assert first == again != other
    assert shown(first)["object"]["content"] == "<p>One</p>"


def test_what_is_for_one_is_shown_to_nobody_else(blog: Sending) -> None:
    """It arrives where it is meant to, at an inbox that is looked up, and nowhere else."""
    with stranger(blog.loop) as otto:
        said = blog.outbox.publish("ines", "Only you", to=[otto.id], cc=[])
        until(lambda: bool(otto.received))
        assert otto.received[0]["id"] == said
    assert shown(said) == 404
    assert shown(otto.received[0]["object"]["id"]) == 404
    listed = shown(f"{blog.ines.id}/outbox?page=true")["orderedItems"]
    assert said not in [each["id"] for each in listed]


def test_other_activities_are_sent_as_they_are(blog: Sending, there: Receiver) -> None:
    """To inboxes that are known; with a record that must hold, or not at all."""
    like = {"type": "Like", "object": f"{WHO}/notes/1", "to": [WHO]}
    held = Put(kind="test-of-sending", key="a", body="1", expect=0)
    inboxes = {WHO: there.inbox("ann")}
    said = blog.outbox.send("ines", like, inboxes=inboxes, puts=[held])
    until(lambda: bool(there.arrived))
    value = there.arrived[0].value
    assert (value["id"], value["actor"], value["object"]) == (said, blog.ines.id, like["object"])
    assert blog.outbox.send("ines", like, inboxes=inboxes, puts=[held]) is None
    assert len(blog.store.records("test-of-sending")) == 1


def test_a_flow_publishes_what_it_made(blog: Sending) -> None:
    """A node asks for the outbox; under a key of its own, a second attempt says nothing twice."""
    runs: list[Run[str]] = [blog.engine.start("words", "tea") for _ in range(2)]
    said = {str(run.result(PATIENT)) for run in runs}
    assert len(said) == 1
    assert shown(said.pop())["object"]["content"] == "<p>tea</p>"


@pytest.mark.parametrize(
    ("thing", "to"),
    [
        ({"content": object()}, ()),
        ({"content": "x" * 1_100_000}, ()),
        ({"type": "Note", "bcc": [WHO]}, (PUBLIC,)),
        ("Hello", ("ann@ann.example",)),
        ("Hello", tuple(f"https://{n}.example/users/{n}" for n in range(101))),
    ],
    ids=["no JSON", "too large", "hidden", "no id", "too many"],
)
def test_what_cannot_be_said_is_refused(blog: Sending, thing: Any, to: tuple[str, ...]) -> None:
    """And nothing of it is written."""
    before = len(blog.store.records("published"))
    with pytest.raises(WrongArgument):
        blog.outbox.publish("ines", thing, to=to)
    assert len(blog.store.records("published")) == before


def test_nobody_says_nothing(blog: Sending) -> None:
    """An actor that there isn't is named in the refusal."""
    with pytest.raises(NoSuchActor, match="inez"):
        blog.outbox.publish("inez", "Hello")


def test_followers_are_gone_through_by_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each inbox is begun once, over all pages, and again by nobody who repeats a page."""
    monkeypatch.setattr("everflow.activitypub.outbox.PAGE", 2)
    with looping() as idle:
        blog = Sending(idle, JumpClock())
    for name in "abcde":
        shared = "https://two.example/inbox" if name in "bd" else ""
        blog.follows(name, f"https://{name}.example/inbox", shared=shared)
    with connect(blog.store) as flows:
        outbox = outbox_of(flows.client)
        page = Page(actor="ines", activity=f"{blog.address}/ap/activities/1", at=0)
        pages = 0
        while not page.done:
            again, page = page, outbox.spread(page)
            assert outbox.spread(again) == page
            pages += 1
        runs = blog.store.runs(RunQuery(flow=DELIVER))
    blog.listener.held.close()
    assert pages == 3
    hosts = ["a.example", "c.example", "e.example", "two.example"]
    assert sorted(run.labels["host"] for run in runs) == hosts


class Faltering(Outbox):
    """An outbox whose store is away for a moment."""

    faltered = 0

    def spread(self, page: Page) -> Page:
        if self.faltered < 2:
            self.faltered += 1
            raise StoreUnavailable("away")
        return super().spread(page)


class Shaky(Sending):
    """An instance with such an outbox."""

    def provided(self) -> dict[type[Any], Any]:
        faltering = Faltering(self.store, plans(), self.clock)
        return {**super().provided(), Outbox: faltering}


def test_followers_are_told_though_the_store_was_away() -> None:
    """Going through them is tried again, as each delivery is."""
    with looping() as loop, receiver(loop) as there:
        blog = Shaky(loop, JumpClock())
        blog.follows("ann", there.inbox("ann"))
        with blog.working():
            blog.outbox.publish("ines", "Hello")

            for _ in range(2):
                blog.clock.jump(left(blog))
            until(lambda: bool(there.arrived))
        blog.listener.held.close()


def left(blog: Sending) -> float:
    """Wait until going through the followers waits for a time to come; how many seconds that is."""
    found: list[int] = []

    def waiting() -> bool:
        rows = blog.engine.runs(RunQuery(flow=SPREAD, status=(Status.WAITING,)))
        found.extend(row.due - blog.clock.wall() for row in rows if row.due)
        return bool(found) and found[-1] > 0

    until(waiting)
    return found[-1] / 1_000_000
