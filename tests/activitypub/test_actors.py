"""Actors of a store: their names, addresses and keys, and the applications that serve them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everflow import Engine, Registry, connect
from everflow.activitypub import ActivityPub, Actors, Keys, Local
from everflow.activitypub.documents import actor_document
from everflow.activitypub.keyfiles import KeyFiles
from everflow.errors import BadKey, ConfigurationError, EngineClosed, NoSuchActor, StoreError
from everflow.net.keys import load_key, make_ed25519, public_pem, save_key
from everflow.stores.memory import MemoryStore
from tests.activitypub.support import KEYS, Site, Stranger, ask, local
from tests.net.signing import key

HOME = "https://blog.example"
OTHER = Keys(key("rsa", 101), key("ed25519", 101))  # type: ignore[arg-type]  # of these kinds


@pytest.fixture
def actors(tmp_path: Path) -> Iterator[Actors]:
    """The actors of a store in a file, which has one; making keys takes long."""
    kept(tmp_path, "ines")
    with connect(tmp_path / "e.db", create=True) as flows:
        made = Actors(flows.store, lambda: 1)
        made.create("ines", address=HOME)
        yield made


def kept(folder: Path, name: str) -> None:
    """Have there be keys."""
    save_key(folder / f"e.db.actor-{name}.rsa-key", KEYS.rsa)
    save_key(folder / f"e.db.actor-{name}.ed25519-key", KEYS.ed25519)


def test_an_actor_signs_with_the_keys_of_its_files(actors: Actors, tmp_path: Path) -> None:
    """And with no others: those of somebody else, of another kind, or that are gone."""
    ines = actors.require("ines")
    mine = actors.keys(ines)
    assert public_pem(mine.rsa.public_key()) == ines.rsa
    place = tmp_path / "e.db.actor-ines.ed25519-key"
    place.unlink()
    with pytest.raises(ConfigurationError, match="can't be read"):
        actors.keys(ines)
    save_key(place, make_ed25519())
    with pytest.raises(ConfigurationError, match="aren't those"):
        actors.keys(ines)
    place.unlink()
    save_key(place, load_key(tmp_path / "e.db.actor-ines.rsa-key"))
    with pytest.raises(ConfigurationError, match="wrong kinds"):
        actors.keys(ines)


def test_key_files_that_are_there_are_taken(actors: Actors, tmp_path: Path) -> None:
    """Such as those of a creation that broke off."""
    kept(tmp_path, "otto")
    otto = actors.create("otto")
    assert otto.rsa == public_pem(KEYS.rsa.public_key())


def test_an_actor_is_given_new_keys(actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others than before, by which it is known at once; its ids are what they were."""
    monkeypatch.setattr(Keys, "make", lambda: OTHER)
    before = actors.require("ines")
    after = actors.rotate("ines")
    assert actors.require("ines") == after
    assert (after.rsa, after.ed25519) == OTHER.public
    assert (after.id, after.rsa_id, after.at) == (before.id, before.rsa_id, before.at)
    assert actors.keys(after).public == OTHER.public
    with pytest.raises(ConfigurationError, match="aren't those"):
        actors.keys(before)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_new_keys_survive_a_crash_on_their_way(
    actors: Actors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """However far it came: the actor is known by them, and none, one or both were put in place."""
    monkeypatch.setattr(Keys, "make", lambda: OTHER)
    places = [tmp_path / f"e.db.actor-ines.{kind}-key" for kind in ("rsa", "ed25519")]
    old = [place.read_bytes() for place in places]
    ines = actors.rotate("ines")
    for place, text in list(zip(places, old, strict=True))[taken:]:
        place.rename(f"{place}.next")
        place.write_bytes(text)
        place.chmod(0o600)
    assert actors.keys(ines).public == OTHER.public
    assert [place.name for place in tmp_path.iterdir() if place.name.endswith(".next")] == []


def test_new_keys_that_nobody_is_known_by_are_left_alone(
    actors: Actors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that broke off before the actor was known by them was none."""
    monkeypatch.setattr(Keys, "make", lambda: OTHER)
    ines = actors.require("ines")
    with connect(tmp_path / "e.db") as flows:
        KeyFiles(flows.store).make_next("ines")
    assert actors.keys(ines).public == KEYS.public
    assert actors.rotate("ines").rsa == OTHER.public[0]
    assert actors.remove("ines").gone
    assert [place.name for place in tmp_path.iterdir() if "-key" in place.name] == []


def test_a_store_in_memory_is_given_its_keys() -> None:
    """There is no folder to keep them in; those that are given stay when the actor goes."""
    store = MemoryStore()
    with pytest.raises(ConfigurationError, match="no folder"):
        Actors(store, lambda: 1).create("ines", address=HOME)
    actors = Actors(store, lambda: 1, {"ines": KEYS})
    ines = actors.create("ines", address=HOME)
    assert actors.keys(ines) is KEYS
    assert actors.remove("ines").gone
    assert (actors.all(), actors.by_id(ines.id)) == ([], None)
    assert Keys.make().rsa.key_size == 2048


def test_names_are_given_once(actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where two ask for one at the same time."""
    with pytest.raises(ConfigurationError, match="is, or was"):
        actors.create("ines")
    monkeypatch.setattr(actors, "_write", lambda *_: False)
    with pytest.raises(ConfigurationError, match="meanwhile"):
        actors.create("otto")


def test_a_change_that_others_were_before_is_made_anew(
    actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On what they made of it; not for ever."""
    write, others = actors._write, [True]  # noqa: SLF001 - so that others are first

    def late(actor: Local, version: int) -> bool:
        if others and others.pop():
            actors.change("ines", title="theirs")
        return write(actor, version)

    monkeypatch.setattr(actors, "_write", late)
    assert actors.change("ines", summary="mine").title == "theirs"
    monkeypatch.setattr(actors, "_write", lambda *_: False)
    with pytest.raises(StoreError):
        actors.change("ines", summary="mine")


def test_who_is_not_there_is_told_with_who_may_be_meant(actors: Actors) -> None:
    """By a name that is near."""
    with pytest.raises(NoSuchActor) as caught:
        actors.require("inez")
    assert "ines" in caught.value.hint
    with pytest.raises(NoSuchActor) as caught:
        actors.require("")
    assert "actor list" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("", {}),
        ("a b", {}),
        ("a/b", {}),
        ("x" * 61, {}),
        ("otto", {"kind": "Robot"}),
        ("otto", {"title": "x" * 201}),
        ("otto", {"summary": "x" * 5_001}),
        ("otto", {"inside": ("10.0.0.1/8",)}),
        ("otto", {"address": "https://other.example"}),
    ],
)
def test_what_cannot_be_an_actor_is_refused(
    actors: Actors, name: str, more: dict[str, Any]
) -> None:
    """And nothing is written."""
    with pytest.raises(ConfigurationError):
        actors.create(name, **more)
    assert [actor.name for actor in actors.all()] == ["ines"]


def test_all_actors_are_listed_however_many(
    actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page at a time."""
    monkeypatch.setattr("everflow.activitypub.actors.PAGE", 1)
    actors.create("otto")
    assert [actor.name for actor in actors.all()] == ["ines", "otto"]


def test_a_second_key_is_of_ed25519() -> None:
    """Another kind can't be shown as a Multikey here."""
    with pytest.raises(BadKey):
        actor_document(local(ed25519=public_pem(KEYS.rsa.public_key())))


def test_nothing_is_served_before_it_is_open() -> None:
    """Requests are told to come again, and calls that it isn't open."""
    engine = Engine(MemoryStore(), registry=Registry())
    pub = ActivityPub(engine)
    with pytest.raises(EngineClosed):
        _ = pub.actors
    with pytest.raises(EngineClosed):
        asyncio.run(pub.follow("ines", "@otto@birds.example"))
    with pytest.raises(EngineClosed):
        asyncio.run(pub.leave("ines", "@otto@birds.example"))


def test_an_instance_follows_and_leaves(here: Site, otto: Stranger) -> None:
    """By the same means as the command line."""
    asked = here.loop.run(here.pub.follow("ines", otto.id))
    assert here.pub.circle.followed(here.ines, otto.id) == asked
    assert here.told[-1][1]["type"] == "Follow"
    assert here.loop.run(here.pub.leave("ines", otto.id)) == asked
    assert here.told[-1][1]["type"] == "Undo"
    assert here.pub.actors.require("ines") == here.ines
    assert here.pub.outbox is not None


def test_trouble_of_the_store_is_no_fault(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is said to be one, without a word of what it was."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(Actors, "get", broken)
    said = ask(here.ines.id)
    assert (said.status, said.code) == (500, "error")
    assert b"secret" not in said.body
