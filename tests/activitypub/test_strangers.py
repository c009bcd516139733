"""The servers that keys are asked of: slow, broken, lying, or leading where nobody may go.

RELIABILITY 15, 18: none is believed beyond its own actors, none costs more than its share.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response

from everflow.activitypub import Actors, Directory
from everflow.activitypub.directory import AGAIN, FAILED, FRESH, STALE
from everflow.errors import OutsideError
from everflow.net.keys import public_pem
from tests.activitypub.support import (
    AP,
    Site,
    Stranger,
    deliver,
    refused,
    site,
    stranger,
)
from tests.engine.support import until
from tests.net.signing import key

MINUTE = 60_000_000
SECOND = 1_000_000


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A place inside, where nobody may be led to."""
    with socket.create_server(("127.0.0.2", 0)) as made:
        made.setblocking(False)
        yield made
        with pytest.raises(BlockingIOError):
            made.accept()


Makes = Callable[[Stranger], Response]


def shown(value: Any, media: str = AP, **more: Any) -> Response:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response(text, media_type=media, **more)


DOCUMENTS: dict[str, Makes] = {
    "garbage": lambda otto: shown(b"\x00\xff garbage"),
    "a page": lambda otto: shown(otto.document(), "text/html"),
    "plain JSON": lambda otto: shown(otto.document(), "application/json"),
    "linked data of any kind": lambda otto: shown(otto.document(), "application/ld+json"),
    "a list": lambda otto: shown([otto.document()]),
    "another's": lambda otto: shown({**otto.document(), "id": f"{otto.id}x"}),
    "no inbox": lambda otto: shown({**otto.document(), "inbox": None}),
    "an inbox elsewhere": lambda o: shown({**o.document(), "inbox": "https://x.example/inbox"}),
    "no keys": lambda otto: shown({"id": otto.id, "inbox": f"{otto.id}/inbox"}),
    "a key of another owner": lambda otto: shown(
        {**otto.document(), "publicKey": {**otto.document()["publicKey"], "owner": f"{otto.id}x"}}
    ),
    "a key of another host": lambda otto: shown(
        {
            **otto.document(),
            "publicKey": {**otto.document()["publicKey"], "id": "https://x.example"},
        }
    ),
    "no key in it": lambda otto: shown(
        {**otto.document(), "publicKey": {**otto.document()["publicKey"], "publicKeyPem": "x"}}
    ),
    "too large": lambda otto: shown({**otto.document(), "summary": "x" * 300_000}),
    "too deep": lambda otto: shown(b"[" * 100_000),
    "trouble": lambda otto: shown(otto.document(), status_code=500),
    "forbidden": lambda otto: shown(otto.document(), status_code=403),
    "gone": lambda otto: shown({}, status_code=410),
    "in a circle": lambda otto: RedirectResponse(otto.id),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_who_shows_no_good_document_is_not_believed(here: Site, otto: Stranger, what: str) -> None:
    """And isn't asked again at once: a flood of forged messages makes no flood of ours."""
    before = len(here.log())
    otto.say = lambda _: DOCUMENTS[what](otto)
    for _ in range(2):
        refused(here, deliver(here, otto, otto.note()))
    assert len(here.log()) == before
    assert len(otto.asked) == (4 if what == "in a circle" else 1)


@pytest.mark.parametrize("way", ["by a redirect", "as its actor", "by a name"])
def test_nobody_is_led_to_what_is_inside(
    here: Site, otto: Stranger, trap: socket.socket, way: str
) -> None:
    """RELIABILITY 18: no connection at all is made to an address that isn't public."""
    port = trap.getsockname()[1]
    inside = f"http://127.0.0.2:{port}/users/otto"
    if way == "by a redirect":
        otto.say = lambda _: RedirectResponse(inside)
        refused(here, deliver(here, otto, otto.note()))
        return
    places = [inside, "http://[::1]/a", "http://169.254.169.254/latest", "http://10.1.2.3/a"]
    if way == "by a name":
        places = [f"http://2130706434:{port}/a", f"http://0x7f.2:{port}/a", "http://0/a"]
    for place in places:
        said = deliver(here, otto, otto.note(actor=place), key_id=f"{place}#main-key")
        refused(here, said)


@pytest.mark.parametrize("actor", ["file:///etc/passwd", "urn:x", "http://", "https://a b/", "x"])
def test_an_actor_is_a_place(here: Site, otto: Stranger, actor: str) -> None:
    """What is no URL of HTTP has no keys."""
    refused(here, deliver(here, otto, otto.note(actor=actor), key_id=f"{actor}#k"))
    refused(here, deliver(here, otto, otto.note(actor=actor)))


def test_a_redirect_on_its_own_host_is_followed(here: Site, otto: Stranger) -> None:
    """As long as the document is the actor's."""
    otto.say = lambda request: (
        shown(otto.document())
        if request.url.path == "/elsewhere"
        else RedirectResponse(f"{otto.listener.address}/elsewhere")
    )
    assert deliver(here, otto, otto.note()).status == 202


def test_a_document_at_another_host_is_not_the_actors(here: Site, otto: Stranger) -> None:
    """Though a redirect leads there, and it says that it is."""
    other = otto.listener.address.replace("127.0.0.1", "localhost")
    otto.say = lambda request: (
        shown(otto.document())
        if request.url.path == "/elsewhere"
        else RedirectResponse(f"{other}/elsewhere")
    )
    refused(here, deliver(here, otto, otto.note()))
    assert otto.asked == ["/users/otto", "/elsewhere"]


def test_the_end_of_somebody_unknown_is_taken_quietly(here: Site, otto: Stranger) -> None:
    """A server tells all others of an account that is gone, and its key with it."""
    before = len(here.log())
    otto.say = lambda _: shown({}, status_code=410)
    for _ in range(2):
        assert deliver(here, otto, otto.note(type="Delete", object=otto.id)).status == 202
    refused(here, deliver(here, otto, otto.note(type="Delete", object=f"{otto.id}/notes/1")))
    refused(here, deliver(here, otto, otto.note(type="Update", object=otto.id)))
    assert (len(here.log()), len(otto.asked)) == (before, 1)


def test_the_end_of_somebody_known_is_an_activity(here: Site, otto: Stranger) -> None:
    """Proven by the key of then, though there is none any more; by another it isn't."""
    assert deliver(here, otto, otto.note()).status == 202
    here.clock.jump(FRESH / SECOND + 1)
    otto.say = lambda _: shown({}, status_code=410)
    end = otto.note("end", type="Delete", object=otto.id)
    refused(here, deliver(here, otto, end, number=7))
    assert deliver(here, otto, end).status == 202
    assert here.log()[-1].types == ("Delete",)


def test_nobody_here_is_asked_for_over_the_network(here: Site, otto: Stranger) -> None:
    """An actor here is known; one that isn't can't be ended either."""
    mine = {"id": f"{here.ines.id}/2", "type": "Delete", "actor": here.ines.id}
    refused(here, deliver(here, otto, mine, key_id=here.ines.rsa_id))
    nobody = f"{here.ines.id}x"
    gone = {**mine, "actor": nobody, "object": nobody}
    refused(here, deliver(here, otto, gone, key_id=f"{nobody}#main-key"))
    assert here.loop.run(here.pub.follow("ines", here.ines.id)).id == here.ines.id


def test_a_changed_key_is_noticed_soon(here: Site, otto: Stranger) -> None:
    """Once the last look was some minutes ago, one more is taken; not sooner, not more often."""
    assert deliver(here, otto, otto.note(1)).status == 202
    otto.number = 2
    refused(here, deliver(here, otto, otto.note(2)))
    assert len(otto.asked) == 1
    here.clock.jump(AGAIN / SECOND + 1)
    assert deliver(here, otto, otto.note(2)).status == 202
    assert len(otto.asked) == 2
    for _ in range(3):
        refused(here, deliver(here, otto, otto.note(3), number=1))
    assert len(otto.asked) == 2
    here.clock.jump(AGAIN / SECOND + 1)
    refused(here, deliver(here, otto, otto.note(3), number=1))  # still the same keys
    assert len(otto.asked) == 3
    here.clock.jump(FRESH / SECOND + 1)
    assert deliver(here, otto, otto.note(3)).status == 202  # a day later it is looked at anyway
    assert len(otto.asked) == 4


def test_who_was_away_is_asked_again_later(here: Site, otto: Stranger) -> None:
    """A minute after the last try."""
    otto.say = lambda _: shown({}, status_code=503)
    refused(here, deliver(here, otto, otto.note()))
    otto.say = None
    refused(here, deliver(here, otto, otto.note()))
    here.clock.jump(FAILED / SECOND + 1)
    assert deliver(here, otto, otto.note()).status == 202


def test_who_is_known_is_believed_while_nobody_can_be_asked(here: Site, otto: Stranger) -> None:
    """For some days: who floods us until a host is asked no more doesn't shut out its actors."""

    async def found() -> None:
        one = Directory(here.store, here.actors, here.clock, rate=1e-9, burst=1.0)
        async with one as directory:
            first = await directory.find(otto.id, here.ines)
            here.clock.jump(FRESH / SECOND + 1)
            assert await directory.find(otto.id, here.ines) == first
            here.clock.jump((STALE - FRESH) / SECOND)
            with pytest.raises(OutsideError, match="too often"):
                await directory.find(otto.id, here.ines)

    here.loop.run(found())
    assert len(otto.asked) == 1


def test_fetches_are_bounded_and_signed(here: Site, otto: Stranger) -> None:
    """A host isn't asked too often, an endless address not at all, and nobody without keys."""

    async def fetched(url: str, keys: Any) -> None:
        actors = Actors(here.store, here.clock.wall, keys)
        one = Directory(here.store, actors, here.clock, rate=1e-6, burst=1.0)
        async with one as directory:
            await directory.get(url, here.ines)
            await directory.get(url, here.ines)

    for url, keys, why in (
        (otto.id, here.keys, "too often"),
        (otto.id + "x" * 2_048, here.keys, "isn't a URL"),
        (otto.id, {}, "nobody can be asked"),
    ):
        with pytest.raises(OutsideError, match=why):
            here.loop.run(fetched(url, keys))
    assert len(otto.asked) == 1


def test_many_who_wait_for_an_actor_have_it_fetched_once(here: Site, otto: Stranger) -> None:
    """A fetch that nobody waits for any more is nobody's trouble; the next is the same one."""

    async def both() -> None:
        async with Directory(here.store, here.actors, here.clock) as directory:
            first, second = (
                asyncio.create_task(directory.find(otto.id, here.ines)) for _ in range(2)
            )
            found = await asyncio.gather(first, second)
            assert found[0] == found[1]
            otto.silent = True
            left = asyncio.create_task(directory.find(f"{otto.id}2", here.ines))
            await asyncio.to_thread(until, lambda: bool(directory._going))  # noqa: SLF001 - it has begun then
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)

    here.loop.run(both())
    assert otto.asked == ["/users/otto"]


def test_those_who_failed_are_forgotten_by_and_by(
    here: Site, otto: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No flood of names is kept."""
    monkeypatch.setattr("everflow.activitypub.directory.REMEMBERED", 1)
    otto.say = lambda _: shown({}, status_code=500)
    for name in ("a", "b", "a"):
        actor = f"{otto.listener.address}/users/{name}"
        refused(here, deliver(here, otto, otto.note(actor=actor), key_id=f"{actor}#k"))
    assert len(otto.asked) == 3


def test_keys_come_in_several_forms(here: Site, otto: Stranger) -> None:
    """A list of keys of which some can't be used; the good one among them is found."""
    good = otto.document()["publicKey"]
    bad = {"id": f"{otto.id}#weak", "owner": otto.id, "publicKeyPem": "-----BEGIN"}
    otto.changes = {
        "publicKey": [bad, "https://x.example/key", None, good],
        "assertionMethod": [
            {"id": f"{otto.id}#m", "controller": otto.id, "publicKeyMultibase": "z"}
        ],
    }
    assert deliver(here, otto, otto.note()).status == 202


def test_a_silent_server_costs_its_time_and_no_more() -> None:
    """RELIABILITY 15: who waits for the actor's key is told, and others are served meanwhile."""
    with site(fetch_s=0.2) as here, stranger(here.loop) as otto:
        here.up()
        otto.silent = True
        refused(here, deliver(here, otto, otto.note()))
        assert here.log() == []


def test_keys_of_another_kind_are_no_reason_to_fail(here: Site, otto: Stranger) -> None:
    """An RSA key that is too weak isn't an actor's key here."""
    pem = public_pem(key("rsa", 1).public_key())
    otto.changes = {"publicKey": {"id": otto.id, "owner": otto.id, "publicKeyPem": pem[:-40]}}
    refused(here, deliver(here, otto, otto.note()))
