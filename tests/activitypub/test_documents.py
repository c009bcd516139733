"""What others see of an actor: its document, its collections, WebFinger, and nothing else."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from everflow.activitypub import Published, fresh_id, outbox_put, published_put
from everflow.activitypub.http import ROUTES, WELL_KNOWN
from everflow.activitypub.multikey import multibase, of_multibase
from everflow.activitypub.words import PUBLIC
from everflow.engine.given.ids import system_random
from everflow.errors import BadKey
from everflow.net.keys import public_key
from tests.activitypub.support import KEYS, Site, ask


def test_an_actor_is_shown_with_its_keys(here: Site) -> None:
    """Those that it signs with, each under the id that signatures name."""
    said = ask(here.ines.id, headers={"accept": "application/activity+json"})
    assert said.headers["content-type"] == "application/activity+json"
    assert said.headers["vary"] == "Accept"
    found = said.json
    assert (found["id"], found["type"], found["preferredUsername"]) == (
        here.ines.id,
        "Person",
        "ines",
    )
    assert found["publicKey"]["owner"] == here.ines.id
    assert public_key(found["publicKey"]["publicKeyPem"]) == KEYS.rsa.public_key()
    [key] = found["assertionMethod"]
    assert (key["type"], key["controller"]) == ("Multikey", here.ines.id)
    assert of_multibase(key["publicKeyMultibase"]) == KEYS.ed25519.public_key()
    assert found["endpoints"]["sharedInbox"] == f"{here.address}/ap/inbox"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', 200),
        ("application/json", 200),
        ("text/html, */*;q=0.1", 200),
        ("", 200),
        ("text/html", 406),
        ("text/html, image/png;q=0.5", 406),
    ],
)
def test_content_is_negotiated(here: Site, accept: str, status: int) -> None:
    """There is JSON; who takes nothing but pages is told so."""
    assert ask(here.ines.id, headers={"accept": accept}).status == status


def test_webfinger_tells_whose_handle_it_is(here: Site) -> None:
    """By handle and by id; of no other host."""
    host = here.ines.host
    finger = f"{here.address}/.well-known/webfinger"
    for resource in (f"acct:ines@{host}", f"acct%3AInes%40{host}", here.ines.id, f"ines@{host}"):
        said = ask(f"{finger}?resource={resource}")
        assert said.headers["content-type"] == "application/jrd+json"
        assert said.headers["access-control-allow-origin"] == "*"
        assert said.json["subject"] == f"acct:ines@{host}"
        assert {"rel": "self", "type": "application/activity+json", "href": here.ines.id} in (
            said.json["links"]
        )
    for resource in ("acct:ines@other.example", f"acct:otto@{host}", f"{here.ines.id}/x", "x"):
        assert ask(f"{finger}?resource={resource}").code == "no_such_path"
    for query in ("", "?resource=", "?resource=" + "x" * 3000, "?other=1"):
        assert ask(finger + query).status == 400


def test_what_the_instance_is_can_be_asked(here: Site) -> None:
    """NodeInfo."""
    [link] = ask(f"{here.address}/.well-known/nodeinfo").json["links"]
    assert ask(link["href"]).json["software"]["name"] == "everflow"


def publish(here: Site, number: int, **fields: Any) -> str:
    """Publish an activity."""
    id_ = fresh_id(here.ines, "activities", here.clock.wall(), system_random)
    activity: dict[str, Any] = {
        "id": id_,
        "type": "Create",
        "actor": here.ines.id,
        "content": str(number),
    }
    activity = {**activity, "to": [PUBLIC], **fields}
    puts = [published_put(here.ines, activity), outbox_put(here.ines, activity, here.clock.wall())]
    here.store.write(puts, at=here.clock.wall())
    return id_


def test_what_was_published_is_found_by_its_id(here: Site) -> None:
    """Where it is for everybody; the outbox lists it, the newest first, a page at a time."""
    outbox = f"{here.ines.id}/outbox"
    private = publish(here, 0, to=[here.ines.followers])
    assert ask(private).status == 404
    made = []
    for number in range(1, 61):
        here.clock.jump(1)
        made.append(publish(here, number))
    assert ask(made[0]).json["content"] == "1"
    assert ask(made[0].replace("/activities/", "/objects/")).status == 404
    assert ask(outbox).json["totalItems"] == 61
    first = ask(ask(outbox).json["first"]).json
    assert [each["content"] for each in first["orderedItems"]] == [str(60 - n) for n in range(50)]
    rest = ask(first["next"]).json
    assert [each["content"] for each in rest["orderedItems"]] == [str(10 - n) for n in range(10)]
    assert "next" not in rest
    assert Published(here.store).count(here.ines) == 61
    assert ask(f"{outbox}?page=true&after={'x' * 3000}").status == 400


def test_there_is_nothing_at_other_paths(here: Site) -> None:
    """And each path takes its own methods alone; all of it as problem documents."""
    top = here.address
    for path in ("/ap/", "/ap/actors/ines/", "/ap/actors/otto", "/ap/actors/otto/outbox"):
        assert ask(top + path).code == "no_such_path"
    for path in ("/ap/objects/..%2fx", "/ap/activities/x", "/.well-known/x", "/ap/actors/%00"):
        assert ask(top + path).status == 404
    assert ask(f"{top}/ap/actors/otto/inbox", "POST").code == "no_such_path"
    for prefix, table in (("/ap", ROUTES), ("/.well-known", WELL_KNOWN)):
        for method, path, _ in table:
            url = top + prefix + path.replace("{name}", "ines").replace("{id}", "x")
            for other in ("PUT", "DELETE", "POST" if method == "GET" else "GET"):
                said = ask(url, other)
                assert (said.status, said.code) == (405, "method_not_allowed")
                assert method in said.headers["allow"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "m6Mk",
        "z" + "1" * 47,
        "z0OIl",
        "z6Mk" * 20,
        "z4MXj1wBzi9jUstyPMS4jQqB6KdJaiatP",
        "zé",
    ],
)
def test_what_is_no_multikey_is_refused(text: str) -> None:
    """Other kinds of keys, too."""
    with pytest.raises(BadKey):
        of_multibase(text)


def test_a_multikey_is_read_as_it_was_written() -> None:
    """The example of FEP-521a's specification of did:key among them."""
    key = KEYS.ed25519.public_key()
    assert of_multibase(multibase(key)) == key
    known = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    found = of_multibase(known)
    assert isinstance(found, Ed25519PublicKey)
    assert multibase(found) == known
