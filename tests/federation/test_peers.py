"""Identities and peers: who is known by what, and how keys change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from everflow import remote_node
from everflow.clock import SystemClock
from everflow.engine.faces.connect import connect
from everflow.engine.given.ids import system_random
from everflow.errors import ConfigurationError, EngineClosed, NoSuchPeer, StoreError
from everflow.federation import (
    Federation,
    Own,
    Peers,
    Wire,
    create_identity,
    described,
    identity_of,
    rotate,
)
from everflow.federation.identity import key_place, pending_key, take_pending
from everflow.federation.keyring import Announcement, announcement
from everflow.net.keys import key_word, make_ed25519, make_rsa, public_pem, save_key
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, plus_one
from tests.federation.asking import ask, request, send, signed
from tests.federation.support import executing, instances, pair

HERE = "https://flows.example"


def stored(folder: Path) -> Store:
    """A store in a file."""
    return connect(folder / "store.db", create=True).store


def known() -> Peers:
    """The peers of a new store."""
    return Peers(MemoryStore(), lambda: 1)


def word() -> str:
    return key_word(make_ed25519().public_key())


def test_an_identity_is_made_once_and_may_move(tmp_path: Path) -> None:
    """Its key lies in a file of its own beside the store, and the id stays."""
    store = stored(tmp_path)
    made = create_identity(store, f"{HERE}/", at=1)
    assert made.address == HERE
    assert (tmp_path / "store.db.peer-key").stat().st_mode & 0o777 == 0o600
    moved = create_identity(store, "http://10.0.0.1:8000/flows", at=2)
    assert (moved.id, moved.word) == (made.id, made.word)
    assert identity_of(store).address == "http://10.0.0.1:8000/flows"
    assert made.key_id == f"{made.id}#{made.id}"


@pytest.mark.parametrize(
    "address",
    [
        "flows.example",
        "ftp://flows.example",
        "https://",
        "https://a:b@flows.example",
        "https://flows.example/?x",
        "https://flows.example/#x",
        "https://flöws.example",
        "https://flows.example/a b",
        "https://flows.example/" + "x" * 300,
    ],
)
def test_an_address_that_no_peer_could_call_is_refused(address: str) -> None:
    """Before it is written."""
    with pytest.raises(ConfigurationError):
        create_identity(MemoryStore(), address, make_ed25519(), at=1)


def test_a_key_that_is_not_the_identitys_is_refused(tmp_path: Path) -> None:
    """Nobody signs by it then."""
    store = stored(tmp_path)
    with pytest.raises(ConfigurationError, match="no identity"):
        identity_of(store)
    with pytest.raises(ConfigurationError, match="no identity"):
        pending_key(store, at=1)
    create_identity(store, HERE, at=1)
    with pytest.raises(ConfigurationError, match="isn't that"):
        identity_of(store, make_ed25519())
    with pytest.raises(ConfigurationError, match="isn't that"):
        create_identity(store, HERE, make_ed25519(), at=1)
    with pytest.raises(ConfigurationError, match="no identity"):
        take_pending(store, at=1)  # there is no next key
    key_place(store).unlink()
    save_key(key_place(store), make_rsa())
    with pytest.raises(ConfigurationError, match="RSA"):
        identity_of(store)


def test_a_store_in_memory_has_no_place_for_a_key() -> None:
    """So that it is given."""
    with pytest.raises(ConfigurationError, match="no folder"):
        create_identity(MemoryStore(), HERE, at=1)


def test_a_peer_is_found_by_name_id_and_address() -> None:
    """And by nothing else; what is close is named."""
    peers = known()
    east = peers.add("east", "https://east.example/", word())
    assert east.allowed == ()
    assert [peers.find(by) for by in ("east", east.id, "https://east.example")] == [east] * 3
    with pytest.raises(NoSuchPeer) as caught:
        peers.require("eats")
    assert "east" in caught.value.hint
    assert peers.remove("east") == east
    with pytest.raises(NoSuchPeer):
        peers.change("east", calls=1)


@pytest.mark.parametrize(
    "add",
    [
        lambda peers: peers.add("east", "https://b.example", word()),
        lambda peers: peers.add("b", "https://east.example", word()),
        lambda peers: peers.add("b", "https://b.example", word(), id=peers.require("east").id),
        lambda peers: peers.add("b", "https://b.example", word(), id="a/b"),
        lambda peers: peers.add("b", "https://b.example", word(), id="a#b"),
        lambda peers: peers.add("", "https://b.example", word()),
        lambda peers: peers.add("x" * 200, "https://b.example", word()),
        lambda peers: peers.add("a\nb", "https://b.example", word()),
        lambda peers: peers.add("b", "b.example", word()),
        lambda peers: peers.add("b", "https://b.example", "ed25519:no"),
        lambda peers: peers.add("b", "https://b.example", public_pem(make_rsa().public_key())),
    ],
    ids=range(11),
)
def test_two_peers_share_nothing(add: Callable[[Peers], Any]) -> None:
    """Neither name nor address nor id; and what can't be a peer isn't one."""
    peers = known()
    peers.add("east", "https://east.example", word())
    with pytest.raises((ConfigurationError, ValueError)):
        add(peers)
    assert [peer.name for peer in peers.all()] == ["east"]


def test_a_change_that_always_comes_second_is_told() -> None:
    """It isn't tried for ever."""
    store = MemoryStore()
    peers = Peers(store, lambda: 1)
    peers.add("east", "https://east.example", word())
    store.write = lambda *_args, **_rest: None  # type: ignore[method-assign]  # others are first
    with pytest.raises(StoreError, match="by others"):
        peers.change("east", calls=1)


def announced(east: Any, west: Any, body: bytes) -> int:
    return send(east, signed(request(east, "PUT", "/key", body), west)).status


def test_a_key_is_changed_in_two_steps() -> None:
    """Both are good until the new one is used; then the old one is worth nothing."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.up()
        key = make_ed25519()
        body = announcement(west.identity.id, key)
        assert announced(east, west, body) == 204
        assert announced(east, west, body) == 204
        old = signed(request(east, "GET"), west)
        assert send(east, old).status == 404
        mark = create_identity(MemoryStore(), HERE, key, at=1).id
        new: dict[str, Any] = {"key": key, "key_id": f"{west.identity.id}#{mark}"}
        assert send(east, signed(request(east, "GET"), west, **new)).status == 404
        assert east.peers.require("west").keys == (key_word(key.public_key()),)
        assert send(east, signed(request(east, "GET"), west)).status == 401
        assert send(east, signed(request(east, body=ask()), west, **new)).status != 401


def test_nobody_announces_a_key_that_he_does_not_hold() -> None:
    """The new key signs whose it is; RSA and what is no key are refused."""
    with pair() as (west, east):
        east.up()
        key = make_ed25519()
        others = announcement("somebody else", key)
        assert announced(east, west, others) == 403
        rsa = Announcement(key=public_pem(make_rsa().public_key()), proof="")
        assert announced(east, west, msgspec.json.encode(rsa)) == 400
        assert announced(east, west, b'{"key":"ed25519:no","proof":""}') == 400
        assert len(east.peers.require("west").keys) == 1


def test_a_rotation_waits_for_all_peers(tmp_path: Path) -> None:
    """Unless it is forced; what runs meanwhile goes on by the key that is in force."""
    with instances("east", "north") as (east, north):
        store, clock = stored(tmp_path), SystemClock()
        made = create_identity(store, HERE, at=1)
        peers = Peers(store, clock.wall)
        for each in (east, north):
            peers.add(each.name, each.address, each.identity.word, inside=True)
            each.peers.add("south", HERE, made.word)
        east.up()
        own = Own(store)
        assert own().word == made.word

        async def turn(*, force: bool = False) -> list[str]:
            async with Wire(own, clock, system_random) as wire:
                return await rotate(store, peers, wire, at=2, force=force)

        assert asyncio.run(turn()) == ["north"]
        assert own().word == made.word
        found = described(store)
        assert found is not None
        assert east.peers.require("south").keys == (made.word, found.next)
        north.up()
        assert asyncio.run(turn()) == []
        assert own().word == found.next != made.word
        assert own().id == made.id
        assert asyncio.run(turn(force=True)) == []
        assert east.peers.require("south").keys[0] == found.next


def test_calls_go_on_after_a_rotation() -> None:
    """Of a peer that has learnt the key."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.up()
        run = executing(west, remote_node("east", "add") >> remote_node("east", "add"), 1)
        assert run.result(PATIENT) == 3


def test_a_federation_is_used_while_it_is_open() -> None:
    """Before and after, peers are told to come again."""
    with pair() as (west, east):
        east.up()
        with pytest.raises(EngineClosed):
            _ = Federation(east.engine).peers
        assert east.federation.peers.require("west").name == "west"
        message = signed(request(east, "GET"), west)
        east.loop.run(east.federation.__aexit__(None, None, None))
        assert send(east, message).status == 503
        east.loop.run(east.federation.__aenter__())
        assert send(east, message).status == 404
