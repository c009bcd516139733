"""What is refused: whatever isn't its actor's, whole and fresh; and nobody is asked in vain.

RELIABILITY 15, 17, 18, 21, 22: each over real sockets, with a real server for the actor's key.
"""

import json
import socket
from contextlib import suppress
from typing import Any

import pytest

from everflow.activitypub import Limits
from everflow.errors import StoreUnavailable
from tests.activitypub.support import (
    AP,
    Site,
    Stranger,
    ask,
    deliver,
    refused,
    site,
    stranger,
)

MINUTE = 60_000_000
SECOND = 1_000_000


def signed(here: Site, otto: Stranger, activity: Any, **how: Any) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(activity).encode()
    return body, otto.signed_by(here.ines.inbox, body, now=here.clock.wall(), **how)


@pytest.mark.parametrize("way", ["cavage", "rfc9421"])
def test_what_was_edited_is_refused_before_anybody_is_asked(
    here: Site, otto: Stranger, way: str
) -> None:
    """Its body, its digest, its date, its age, its target: none of it needs a key to be seen."""
    before = len(here.log())
    body, headers = signed(here, otto, otto.note(), way=way)
    refused(here, ask(here.ines.inbox, "POST", body.replace(b"note 1", b"note 2"), headers))
    refused(here, ask(here.ines.inbox, "POST", b"", headers))
    digest = "digest" if way == "cavage" else "content-digest"
    refused(here, ask(here.ines.inbox, "POST", body, {**headers, digest: "SHA-256=AAAA"}))
    for name in headers.keys() - {"content-type"}:
        less = {key: text for key, text in headers.items() if key != name}
        if name != "host":  # which every client adds
            refused(here, ask(here.ines.inbox, "POST", body, less))
    for minutes in (-6, 6, -60 * 24 * 365):
        then = here.clock.wall() + minutes * MINUTE
        old = otto.signed_by(here.ines.inbox, body, now=then, way=way)
        refused(here, ask(here.ines.inbox, "POST", body, old))
    assert (otto.asked, len(here.log())) == ([], before)


@pytest.mark.parametrize("way", ["cavage", "rfc9421"])
def test_what_was_meant_for_elsewhere_is_refused(here: Site, otto: Stranger, way: str) -> None:
    """Another inbox, another query, another host's: the signature is of where it was sent."""
    before = len(here.log())
    body, headers = signed(here, otto, otto.note(), way=way)
    for url in (f"{here.address}/ap/inbox", f"{here.ines.inbox}?x=1", f"{here.ines.inbox[:-1]}%78"):
        refused(here, ask(url, "POST", body, headers))
    other = otto.signed_by("https://other.example/inbox", body, now=here.clock.wall(), way=way)
    refused(here, ask(here.ines.inbox, "POST", body, {**other, "host": "other.example"}))
    assert len(here.log()) == before


@pytest.mark.parametrize("way", ["cavage", "rfc9421"])
def test_what_is_signed_by_another_key_is_refused(here: Site, otto: Stranger, way: str) -> None:
    """Forged under a name of its actor's keys, or under one that the actor doesn't have."""
    before = len(here.log())
    refused(here, deliver(here, otto, otto.note(), way=way, number=7))
    refused(here, deliver(here, otto, otto.note(), way=way, key_id=f"{otto.id}#other"))
    refused(here, deliver(here, otto, otto.note(), way=way, kind="ed25519", number=7))
    # One key under the other's name: an Ed25519 signature proves nothing to an RSA key.
    crossed = deliver(here, otto, otto.note(), kind="ed25519", key_id=f"{otto.id}#main-key")
    refused(here, crossed)
    assert (len(here.log()), otto.asked) == (before, ["/users/otto"])


def test_a_key_speaks_for_its_owner_alone(here: Site, otto: Stranger) -> None:
    """Neither for another actor of its host, nor for one elsewhere, however it calls itself."""
    before = len(here.log())
    eve = f"{otto.listener.address}/users/eve"
    refused(here, deliver(here, otto, otto.note(actor=eve)))
    assert otto.asked == ["/users/eve"]  # whose document doesn't list that key
    with stranger(here.loop, name="ines", number=3) as other:
        refused(here, deliver(here, otto, otto.note(actor=other.id)))
        refused(here, deliver(here, other, otto.note(actor=other.id), key_id=f"{otto.id}#main-key"))
        assert other.asked == []
    refused(here, deliver(here, otto, otto.note(actor=here.ines.id)))
    mine = f"{here.ines.id}#main-key"
    refused(here, deliver(here, otto, otto.note(actor=here.ines.id), key_id=mine))
    refused(here, deliver(here, otto, otto.note(actor=f"{here.ines.id}x"), key_id=mine))
    assert len(here.log()) == before


def test_an_actor_here_may_deliver_here(here: Site, otto: Stranger) -> None:
    """By its own key, which nobody is asked for."""
    activity = {"id": f"{here.ines.id}/1", "type": "Create", "actor": here.ines.id}
    said = deliver(here, otto, activity, key_id=here.ines.rsa_id, number=100)
    assert said.status == 202
    assert here.log()[-1].actor == here.ines.id


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"id": "\xff"}',
    "no object": b"[]",
    "a text": b'"x"',
    "NaN": b'{"id": "urn:1", "type": "A", "actor": "ACTOR", "x": NaN}',
    "a key twice": b'{"id": "urn:1", "type": "A", "actor": "ACTOR", "id": "urn:2"}',
    "a huge number": b'{"id": "urn:1", "type": "A", "actor": "ACTOR", "x": 1' + b"0" * 400 + b"}",
    "half a pair": b'{"id": "urn:1", "type": "A", "actor": "ACTOR", "x": "\\ud800"}',
    "too deep": b'{"id": "urn:1", "type": "A", "actor": "ACTOR", "x": '
    + b"[" * 90
    + b"]" * 90
    + b"}",
    "deeper than a stack": b"[" * 200_000,
    "no id": b'{"type": "A", "actor": "ACTOR"}',
    "an id of many characters": b'{"type": "A", "actor": "ACTOR", "id": "' + b"x" * 3000 + b'"}',
    "a line break in its id": b'{"type": "A", "actor": "ACTOR", "id": "urn:1\\n2"}',
    "no type": b'{"id": "urn:1", "actor": "ACTOR"}',
    "no actor": b'{"id": "urn:1", "type": "A"}',
    "two actors": b'{"id": "urn:1", "type": "A", "actor": ["ACTOR", "ACTOR"]}',
    "an actor that is a number": b'{"id": "urn:1", "type": "A", "actor": 5}',
}


@pytest.mark.parametrize("what", BODIES)
def test_what_is_no_activity_is_refused(here: Site, otto: Stranger, what: str) -> None:
    """Though it is signed well; its sender is told what is wrong with it."""
    before = len(here.log())
    refused(
        here,
        deliver(here, otto, BODIES[what].replace(b"ACTOR", otto.id.encode())),
        400,
        "activity_refused",
    )
    assert len(here.log()) == before


@pytest.mark.parametrize("media", ["", "text/html", "application/json", "application/ld+json", "x"])
def test_other_types_are_refused(here: Site, otto: Stranger, media: str) -> None:
    """An inbox takes ActivityStreams."""
    refused(here, deliver(here, otto, otto.note(), media=media), 415, "not_json")


def test_the_type_may_be_of_linked_data(here: Site, otto: Stranger) -> None:
    """As the specification of ActivityPub has it."""
    media = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
    assert deliver(here, otto, otto.note(), media=media).status == 202


def test_what_is_too_large_is_refused(here: Site, otto: Stranger) -> None:
    """By its own word, or once it is; a signature of someone unreachable is read first."""
    large = b'{"x": "' + b"x" * (1 << 20) + b'"}'
    headers = otto.signed_by(here.ines.inbox, large, now=here.clock.wall())
    declared = {**headers, "content-length": str(len(large))}
    refused(here, ask(here.ines.inbox, "POST", b"{", declared), 413, "request_too_large")
    chunked = {**headers, "transfer-encoding": "chunked"}
    chunks = b"".join(b"10000\r\n%s\r\n" % (b"x" * 0x10000) for _ in range(17)) + b"0\r\n\r\n"
    del chunked["content-type"]
    chunked["content-type"] = AP
    said = raw(here, chunked, chunks)
    assert said.startswith(b"HTTP/1.1 413"), said[:80]
    assert otto.asked == []


def raw(here: Site, headers: dict[str, str], body: bytes) -> bytes:
    """The first bytes of what is answered to a POST whose length isn't told."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /ap/actors/ines/inbox HTTP/1.1\r\n{lines}\r\n".encode()
    with socket.create_connection(("127.0.0.1", here.listener.port), timeout=20) as made:
        with suppress(OSError):  # it may be refused before it was read
            made.sendall(head + body)
        return made.recv(4096)


def test_what_deliveries_may_cost_is_bounded() -> None:
    """How many at once, how long a body may take, how much one host may deliver."""
    with site(limits=Limits(rate=0.001, burst=1, body_s=0.1)) as here, stranger(here.loop) as otto:
        here.up()
        assert deliver(here, otto, otto.note(1)).status == 202
        said = deliver(here, otto, otto.note(2))
        refused(here, said, 429, "too_many_requests")
        assert said.headers["retry-after"]
        headers = otto.signed_by(here.ines.inbox, b"{}", now=here.clock.wall())
        assert raw(here, {**headers, "content-length": "2"}, b"{").startswith(b"HTTP/1.1 408")
    with site(limits=Limits(at_once=0)) as here, stranger(here.loop) as otto:
        here.up()
        refused(here, deliver(here, otto, otto.note()), 429, "too_many_requests")


def test_trouble_here_is_said_to_be_that() -> None:
    """A store that is away, an actor whose keys are gone, an actor that is gone."""
    with site() as here, stranger(here.loop) as otto:
        here.up()
        append = here.triggers.activities.append

        def away(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("the disk is away")

        here.triggers.activities.append = away  # type: ignore[method-assign]  # as a full disk does
        refused(here, deliver(here, otto, otto.note()), 503, "store_unavailable")
        here.triggers.activities.append = append  # type: ignore[method-assign]  # and it is back again
        assert deliver(here, otto, otto.note()).status == 202
        here.actors.remove("ines")
        refused(here, deliver(here, otto, otto.note()), 410, "no_such_actor")
        assert ask(here.ines.id).json["type"] == "Tombstone"
        assert ask(f"{here.ines.id}/outbox").status == 404
        for path in ("/ap/inbox", "/.well-known/nodeinfo", "/ap/actors/ines/followers"):
            assert ask(here.address + path, "POST" if "inbox" in path else "GET").status == 404
