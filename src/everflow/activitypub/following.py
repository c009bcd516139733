"""How an actor here follows another: a Follow is sent, and stands as pending until it is answered.

A Follow is written down before it is sent, and sent again by whoever asks again, until an answer is
there: its id stays, so that it is one however often it arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from everflow.activitypub.actors import Local
from everflow.activitypub.circle import FOLLOWED, Circle, Followed, followed_put, parted_put
from everflow.activitypub.effects import Tell
from everflow.activitypub.published import id_for
from everflow.activitypub.remote import Remote
from everflow.activitypub.words import CONTEXT
from everflow.errors import NoSuchActor
from everflow.store import Store

__all__ = ["Following"]


class Following:
    """Follows and leaves on behalf of the actors of a store."""

    def __init__(self, store: Store, tell: Tell, now: Callable[[], int]) -> None:
        self._store = store
        self._circle = Circle(store)
        self._tell = tell
        self._now = now

    def ask(self, actor: Local, other: Remote) -> Followed:
        """Ask an actor elsewhere to be followed; again is harmless: it is the same Follow."""
        known, now = self._circle.followed(actor, other.id), self._now()
        if known is None or known.state == "rejected":
            known = Followed(
                id=other.id,
                inbox=other.inbox,
                follow=id_for(actor, f"follow {other.id} {now}"),
                at=now,
                handle=_handle(other),
            )
            self._store.write([followed_put(actor, known)], at=now)
        if known.state == "pending":
            self._tell(actor, _follow(actor, known), [known.inbox])
        return known

    def leave(self, actor: Local, word: str) -> Followed:
        """Follow no more whom an actor follows, by id or handle; NoSuchActor for anybody else."""
        names = {word, word.removeprefix("acct:").lstrip("@")} - {""}
        known = self._circle.following(actor)
        found = next((each for each in known if names & {each.id, each.handle}), None)
        if found is None:
            raise NoSuchActor(
                f"{actor.name} doesn't follow {word!r:.200}",
                hint=f"everflow actor following {actor.name} shows whom it does",
            )
        self._tell(actor, _undone(actor, found), [found.inbox])
        self._store.write([parted_put(FOLLOWED, actor, found.id)], at=self._now())
        return found


def _follow(actor: Local, followed: Followed) -> dict[str, Any]:
    return {
        "@context": CONTEXT[0],
        "id": followed.follow,
        "type": "Follow",
        "actor": actor.id,
        "to": [followed.id],
        "object": followed.id,
    }


def _undone(actor: Local, followed: Followed) -> dict[str, Any]:
    follow = _follow(actor, followed)
    del follow["@context"]
    return {
        "@context": CONTEXT[0],
        "id": id_for(actor, f"undo {followed.follow}"),
        "type": "Undo",
        "actor": actor.id,
        "to": [followed.id],
        "object": follow,
    }


def _handle(other: Remote) -> str:
    """How people write an actor, as far as its document tells."""
    host = urlsplit(other.id).netloc
    return f"{other.name}@{host}" if other.name else ""
