"""Followers and the followed: what activities of others do, once and in their order."""

import json
from typing import Any

import pytest
from starlette.responses import Response

from everflow.activitypub import Circle, Directory, Following, named
from everflow.errors import BadReply, CallerError, NoSuchActor
from tests.activitypub.support import Site, Stranger, ask, deliver, stranger
from tests.engine.support import until


def followers(here: Site) -> list[str]:
    return [each.id for each in Circle(here.store).followers(here.ines)]


def follow(here: Site, otto: Stranger, number: int = 1) -> dict[str, Any]:
    return otto.note(number, type="Follow", object=here.ines.id)


def settled(here: Site) -> None:
    """Have all that arrived have its effect."""
    here.loop.run(here.pub.settle())


def sent(here: Site, otto: Stranger) -> list[Any]:
    """What was said to somebody."""
    return [said for _, said, to in here.told if to == [f"{otto.id}/inbox"]]


def test_who_follows_is_a_follower_and_told_so(here: Site, otto: Stranger) -> None:
    """The Accept holds the Follow; both are there once, however often it is delivered."""
    asked = follow(here, otto)
    for _ in range(2):
        assert deliver(here, otto, asked).status == 202
    settled(here)
    assert followers(here) == [otto.id]
    [accept] = sent(here, otto)
    assert (accept["type"], accept["actor"]) == ("Accept", here.ines.id)
    assert accept["object"] == {key: asked[key] for key in ("id", "type", "actor", "object")}
    [known] = Circle(here.store).page("ines", "", 10)
    assert known.shared == f"{otto.listener.address}/inbox"
    assert Circle(here.store).page("ines", known.key, 10) == []
    shown = ask(f"{here.ines.followers}?page=true").json
    assert shown["orderedItems"] == [otto.id]
    assert ask(here.ines.followers).json["totalItems"] == 1
    undo = otto.note(2, type="Undo", object=asked)
    assert deliver(here, otto, undo).status == 202
    settled(here)
    assert followers(here) == []
    assert deliver(here, otto, asked).status == 202  # replayed: it was undone since
    settled(here)
    assert followers(here) == []


@pytest.mark.parametrize("form", ["id", "whole"])
def test_a_follow_is_undone_by_whoever_followed(here: Site, otto: Stranger, form: str) -> None:
    """By its id or whole; what undoes something else, or is another's, changes nothing."""
    asked = follow(here, otto)
    deliver(here, otto, asked)
    deliver(here, otto, otto.note(2, type="Undo", object={"type": "Like", "id": "urn:1"}))
    with stranger(here.loop, name="eve", number=2) as eve:
        deliver(here, eve, eve.note(3, type="Undo", object=asked))
    settled(here)
    assert followers(here) == [otto.id]
    deliver(here, otto, otto.note(4, type="Undo", object=asked["id"] if form == "id" else asked))
    settled(here)
    assert followers(here) == []


def test_who_is_deleted_is_forgotten(here: Site, otto: Stranger) -> None:
    """As a follower and as known."""
    deliver(here, otto, follow(here, otto))
    deliver(here, otto, otto.note(2, type="Delete", object=otto.id, to=[]))
    settled(here)
    assert followers(here) == []
    deliver(here, otto, otto.note(3))
    assert otto.asked == ["/users/otto", "/users/otto"]


def test_what_is_of_no_actor_here_has_no_effect(here: Site, otto: Stranger) -> None:
    """Somebody else is followed, or nobody at all."""
    here.triggers.append({"id": "urn:l", "type": "Follow", "object": here.ines.id}, actor="local:x")
    deliver(here, otto, otto.note(1, type="Follow", object=otto.id))
    deliver(here, otto, otto.note(2, type="Follow", object=[]))
    deliver(here, otto, otto.note(3, type="Undo", object=None))
    deliver(here, otto, otto.note(4, type="Accept", object="urn:nothing"))
    settled(here)
    assert (followers(here), sent(here, otto)) == ([], [])


def finger(otto: Stranger, *links: Any, **fields: Any) -> None:
    """Have it answer WebFinger."""
    found = {"subject": "acct:otto", "links": list(links), **fields}
    jrd = Response(json.dumps(found), media_type="application/jrd+json")
    document = Response(json.dumps(otto.document()), media_type="application/activity+json")
    otto.say = lambda request: jrd if "webfinger" in request.url.path else document


def following(here: Site, word: str) -> Any:
    """Have ines follow somebody."""

    async def main() -> Any:
        async with Directory(here.store, here.actors, here.clock) as directory:
            return await named(directory, word, here.ines)

    return bonds(here).ask(here.ines, here.loop.run(main()))


def bonds(here: Site) -> Following:
    return Following(here.store, here.tell, here.clock.wall)


def leaving(here: Site, word: str) -> Any:
    return bonds(here).leave(here.ines, word)


@pytest.mark.parametrize(("answer", "state"), [("Accept", "accepted"), ("Reject", "rejected")])
@pytest.mark.parametrize("form", ["id", "whole"])
def test_an_actor_here_follows_another(
    here: Site, otto: Stranger, answer: str, state: str, form: str
) -> None:
    """Found by its handle; it is pending until the other says something, whole or by the id."""
    finger(otto, {"rel": "self", "type": "application/activity+json", "href": otto.id})
    handle = f"otto@{otto.listener.address[7:]}"
    asked = following(here, f"@{handle}")
    assert (asked.id, asked.state, asked.handle) == (otto.id, "pending", handle)
    assert following(here, otto.id) == asked
    [sent_] = sent(here, otto)
    assert (sent_["type"], sent_["object"], sent_["id"]) == ("Follow", otto.id, asked.follow)
    with stranger(here.loop, name="eve", number=2) as eve:
        deliver(here, eve, eve.note(2, type=answer, object=sent_))  # not hers to say
    settled(here)
    assert following(here, otto.id) == asked
    deliver(
        here, otto, otto.note(3, type=answer, object=sent_ if form == "whole" else asked.follow)
    )
    settled(here)
    found = Circle(here.store).followed(here.ines, otto.id)
    assert found is not None
    assert found.state == state
    listed = ask(f"{here.ines.id}/following?page=true").json["orderedItems"]
    assert (otto.id in listed) == (state == "accepted")
    assert leaving(here, handle).id == otto.id
    assert sent(here, otto)[-1]["type"] == "Undo"
    assert sent(here, otto)[-1]["object"]["id"] == asked.follow
    with pytest.raises(NoSuchActor):
        leaving(here, handle)


def test_who_was_rejected_may_ask_anew(here: Site, otto: Stranger) -> None:
    """By another Follow."""
    asked = following(here, otto.id)
    deliver(here, otto, otto.note(3, type="Reject", object=asked.follow))
    settled(here)
    here.clock.jump(1)
    again = following(here, otto.id)
    assert again.state == "pending"
    assert again.follow != asked.follow


def test_a_handle_that_leads_nowhere_is_told(here: Site, otto: Stranger) -> None:
    """No handle, nobody there, and a server that names no actor."""
    host = otto.listener.address[7:]
    with pytest.raises(CallerError, match="neither a handle"):
        following(here, "otto")
    otto.say = lambda _: Response(status_code=404)
    with pytest.raises(NoSuchActor):
        following(here, f"@otto@{host}")
    with pytest.raises(NoSuchActor):
        following(here, otto.id)
    for links in ((), ("x",), ({"rel": "self", "type": "text/html", "href": otto.id},)):
        finger(otto, *links)
        with pytest.raises(BadReply):
            following(here, f"@otto@{host}")
    otto.say = lambda _: Response("[]", media_type="application/json")
    with pytest.raises(BadReply):
        following(here, f"@otto@{host}")


def test_effects_wait_for_what_is_in_trouble(here: Site, otto: Stranger) -> None:
    """And come once it is over; what came after them, too."""
    here.troubles = 1
    deliver(here, otto, follow(here, otto))
    until(lambda: not here.troubles)
    settled(here)
    assert followers(here) == [otto.id]
    deliver(here, otto, otto.note(2, type="Delete", object=otto.id))
    settled(here)
