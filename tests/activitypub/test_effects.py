"""Effects of activities: each once and in order, whatever crashes and however many see to them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow import connect
from everflow.activitypub import Actors, Circle, Directory, Local
from everflow.activitypub.counts import KEPT, MANY, Counts
from everflow.activitypub.directory import REMOTE, Known
from everflow.activitypub.effects import Effects
from everflow.activitypub.rates import REMEMBERED, Buckets
from everflow.activitypub.remote import Remote, remote_of
from everflow.activitypub.words import id_of, is_public, origin_of, types_of
from everflow.engine.driving.sweeping import sweep
from everflow.engine.faces.connect import Connection
from everflow.errors import BadReply, StoreUnavailable
from everflow.store import Put, Record
from everflow.stores.sealed.store import VALUED
from everflow.triggers import Activities
from tests.activitypub.support import KEYS, local
from tests.engine.support import JumpClock

OTTO = "https://birds.example/users/otto"


class Desk:
    """A store with one actor, where Otto is known; what is told is written down."""

    def __init__(self, flows: Connection) -> None:
        self.clock = JumpClock()
        self.flows, self.store = flows, flows.store
        self.actors = Actors(self.store, self.clock.wall, {"ines": KEYS})
        self.ines = self.actors.create("ines", address="https://blog.example")
        self.directory = Directory(self.store, self.actors, self.clock)
        self.directory._keep(Remote(id=OTTO, inbox=f"{OTTO}/inbox", keys=()))  # noqa: SLF001 - as if it had been fetched
        self.told: list[tuple[str, str]] = []
        self.troubles = 0
        self.effects = self.another()
        self.effects.begin(self.now)

    @property
    def now(self) -> int:
        return self.clock.wall()

    def another(self) -> Effects:
        """What another process has."""
        return Effects(self.store, self.actors, self.directory, self.tell)

    def tell(self, actor: Local, activity: Mapping[str, Any], to: Sequence[str]) -> None:
        self.told.append((str(activity["type"]), str(activity["id"])))
        if self.troubles:
            self.troubles -= 1
            raise StoreUnavailable("the disk is away")

    def came(self, number: int, kind: str, meant: Any, actor: str = OTTO) -> dict[str, Any]:
        activity = {"id": f"{actor}/{number}", "type": kind, "object": meant}
        Activities(self.flows.client).append(activity, actor=actor)
        return activity

    def followers(self) -> list[str]:
        return [each.id for each in Circle(self.store).followers(self.ines)]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    with connect(tmp_path / "e.db", create=True) as flows:
        yield Desk(flows)


def test_an_effect_that_broke_off_is_made_up_for(desk: Desk) -> None:
    """A crash after the answer was begun: it is begun again, and is the same one."""
    desk.came(1, "Follow", desk.ines.id)
    desk.troubles = 1
    with pytest.raises(StoreUnavailable):
        desk.effects.look(desk.now)
    assert desk.followers() == []
    assert desk.effects.look(desk.now)
    assert not desk.effects.look(desk.now)
    assert desk.followers() == [OTTO]
    assert desk.told[0] == desk.told[1]
    assert len(desk.told) == 2


def test_two_who_see_to_the_same_do_it_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later one writes nothing: a Follow that was undone meanwhile stays undone."""
    follow = desk.came(1, "Follow", desk.ines.id)
    slow, write = desk.another(), desk.store.write

    def late(*args: Any, **more: Any) -> Any:
        monkeypatch.undo()
        desk.came(2, "Undo", follow)
        while desk.effects.look(desk.now):
            pass
        return write(*args, **more)

    monkeypatch.setattr(desk.store, "write", late)
    assert slow.look(desk.now)
    assert desk.followers() == []
    assert not slow.look(desk.now)


def test_what_has_no_effect_is_passed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By no write at all, but for one now and then; those before the first actor are left out."""
    monkeypatch.setattr("everflow.activitypub.effects.PAGE", 4)
    [begun] = desk.store.records("actor-cursor")
    for number in range(3):
        desk.came(number, "Like", "urn:x")
    assert not desk.effects.look(desk.now)
    assert desk.store.records("actor-cursor") == [begun]
    for number in range(3, 9):
        desk.came(number, "Like", "urn:x")
    assert desk.effects.look(desk.now)
    assert not desk.effects.look(desk.now)
    [record] = desk.store.records("actor-cursor")
    assert record.body == "7"
    assert desk.another().look(desk.now) is False
    desk.effects.begin(desk.now)
    assert desk.store.records("actor-cursor") == [record]


def test_who_is_forgotten_cannot_follow(desk: Desk) -> None:
    """It has no inbox to be answered at."""
    desk.came(1, "Follow", desk.ines.id, actor="https://x.example/eve")
    assert not desk.effects.look(desk.now)
    assert (desk.followers(), desk.told) == ([], [])


def test_an_actor_here_follows_another_here(desk: Desk) -> None:
    """And is answered in its own inbox."""
    desk.came(1, "Follow", desk.ines.id, actor=desk.ines.id)
    assert desk.effects.look(desk.now)
    assert desk.followers() == [desk.ines.id]


def test_who_changes_is_looked_at_anew(desk: Desk) -> None:
    """By an Update of the actor itself, types being written in full or not."""
    assert desk.directory.known(OTTO) is not None
    desk.came(1, "https://www.w3.org/ns/activitystreams#Update", {"id": OTTO, "type": "Person"})
    assert desk.effects.look(desk.now)
    assert desk.directory.known(OTTO) is None


def test_actors_are_forgotten_after_a_month(desk: Desk) -> None:
    """Unless somebody looks at them."""
    sweep(desk.store, [REMOTE], desk.now)
    assert desk.directory.known(OTTO) is not None
    sweep(desk.store, [REMOTE], desk.now + 31 * 86_400_000_000)
    assert desk.directory.known(OTTO) is None


def test_a_record_of_another_actor_is_not_believed(desk: Desk) -> None:
    """Whatever stands under the hash of an id."""
    found = desk.store.records("remote-actor")[0]
    other = Known(Remote(id="https://x.example", inbox="", keys=()), 0)
    assert isinstance(found, Record)
    put = Put(kind=found.kind, key=found.key, body=found.body.replace(OTTO, other.actor.id))
    desk.store.write([put], at=desk.now)
    assert desk.directory.known(OTTO) is None


def test_kinds_of_records_with_what_people_say_are_sealed() -> None:
    """Who follows whom is nobody's business who finds the file."""
    assert {"follower", "followed", "published", "remote-actor"} <= VALUED


def test_a_large_count_is_believed_for_a_minute() -> None:
    """A small one is counted each time."""
    now, counted = [0], [0]

    def count() -> int:
        counted[0] += 1
        return MANY if now[0] else 1

    counts = Counts(lambda: now[0])
    assert [counts("a", count), counts("a", count), counted[0]] == [1, 1, 2]
    now[0] = 1
    assert [counts("a", count), counts("a", count), counted[0]] == [MANY, MANY, 3]
    now[0] += KEPT
    assert counts("a", count) == MANY
    assert counted[0] == 4


def test_a_bucket_is_filled_again_and_forgotten() -> None:
    """Two at once, then one a second; who was quiet the longest is new again."""
    now = [0]
    buckets = Buckets(lambda: now[0], 1.0, 2.0)
    assert [buckets.spend("a") for _ in range(3)] == [True, True, False]
    now[0] = 1_000_000
    assert [buckets.spend("a") for _ in range(2)] == [True, False]
    for number in range(REMEMBERED):
        buckets.spend(str(number))
    assert buckets.spend("a")


NAMES = [
    "id",
    "type",
    "inbox",
    "publicKey",
    "owner",
    "publicKeyPem",
    "endpoints",
    "to",
    "assertionMethod",
    "controller",
    "publicKeyMultibase",
    "sharedInbox",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(OTTO),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@pytest.mark.usefixtures("unmeasured")
@settings(max_examples=50, deadline=None)
@given(JSON)
def test_no_document_is_a_fault_of_ours(value: Any) -> None:
    """RELIABILITY 21: whatever a server shows is an actor, or refused as a bad reply."""
    assert isinstance(id_of(value) + "".join(types_of(value)), str)
    assert isinstance(is_public(value), bool)
    for document in (value, {"id": OTTO, "inbox": f"{OTTO}/inbox", "publicKey": value}):
        try:
            remote_of(document, OTTO)
        except BadReply:
            continue


def test_places_are_told_apart_by_scheme_host_and_port() -> None:
    """A port that goes without saying is said."""
    assert origin_of("HTTPS://A.example:443/x") == origin_of("https://a.example")
    for url in ("https://u@a.example", "https://a.example:x", "ftp://a.example", "https://", "x"):
        assert origin_of(url) is None
    assert local().handle == "@ines@blog.example"
