"""The inbox: what is signed by its actor is appended once, and nothing else is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from everflow import flow, node
from everflow.triggers import trigger
from tests.activitypub.support import AP, Site, Stranger, ask, deliver, site, stranger
from tests.engine.support import PATIENT, until


@node(name="content_of_delivery", inline=True)
def content_of(activity: dict[str, Any]) -> str:
    return f"{activity['actor']} {activity['object']['content']}"


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    """An instance where a trigger starts a flow for what is created."""
    with site() as made:
        review = flow("review", content_of, registry=made.registry)
        made.declared = [trigger("on-note", review, type="Create")]
        yield made.up()


@pytest.mark.parametrize(
    ("way", "kind"),
    [("cavage", "rsa"), ("cavage", "ed25519"), ("rfc9421", "rsa"), ("rfc9421", "ed25519")],
)
def test_an_activity_from_another_server_starts_a_flow(
    here: Site, otto: Stranger, way: str, kind: str
) -> None:
    """B153: by either way to sign, with either key, over real sockets."""
    before = len(here.log())
    said = deliver(here, otto, otto.note(), way=way, kind=kind)
    assert (said.status, said.body) == (202, b"")
    assert [each.actor for each in here.log()[before:]] == [otto.id]
    until(lambda: bool(here.triggers.audit(actor=otto.id, trigger="on-note")))
    [decision] = here.triggers.audit(actor=otto.id, trigger="on-note")
    assert here.engine.run(decision.run).result(PATIENT) == f"{otto.id} note 1"


def test_the_same_again_is_taken_and_does_nothing(here: Site, otto: Stranger) -> None:
    """B122: replayed, signed anew, or to the inbox of all; its actor is fetched once."""
    before = len(here.log())
    everybody = f"{here.address}/ap/inbox"
    for how in ({}, {}, {"way": "rfc9421"}, {"inbox": everybody}):
        assert deliver(here, otto, otto.note(), **how).status == 202
    assert len(here.log()) == before + 1
    assert otto.asked == ["/users/otto"]
    assert 'keyId="' + here.ines.rsa_id in otto.signed[0]


def test_another_content_under_its_id_is_refused(here: Site, otto: Stranger) -> None:
    """What came first stays."""
    assert deliver(here, otto, otto.note()).status == 202
    said = deliver(here, otto, otto.note(summary="edited"))
    assert (said.status, said.code) == (409, "activity_refused")


def test_what_is_not_signed_costs_nothing(here: Site, otto: Stranger) -> None:
    """It is refused before anybody is asked for a key."""
    before = len(here.log())
    body = json.dumps(otto.note()).encode()
    said = ask(here.ines.inbox, "POST", body, {"content-type": AP})
    assert (said.status, said.code) == (401, "signature_refused")
    assert "signature" not in said.json["detail"].replace("isn't signed", "")
    assert (otto.asked, len(here.log())) == ([], before)


@pytest.mark.parametrize("way", ["cavage", "rfc9421"])
def test_behind_a_proxy_what_others_call_it_counts(way: str) -> None:
    """It is asked over TLS by its name; how the proxy reaches it is nobody's business."""
    public = "https://blog.example"
    with site(public=public) as made, stranger(made.loop) as by:
        here, inside = made.up(), made.listener.address
        url = f"{here.ines.inbox}?x=%7e"
        body = json.dumps(by.note()).encode()
        headers = by.signed_by(url, body, now=here.clock.wall(), way=way)
        sent = {**headers, "host": "blog.example"}
        assert ask(url.replace(public, inside), "POST", body, sent).status == 202
        plain = by.signed_by(url.replace(public, inside), body, now=here.clock.wall(), way=way)
        assert ask(url.replace(public, inside), "POST", body, plain).status == 401
        found = ask(f"{inside}/.well-known/webfinger?resource=acct:ines@blog.example").json
        assert found["aliases"] == [f"{public}/ap/actors/ines"]
