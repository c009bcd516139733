"""How an actor here follows another: by the handle that people write, WebFinger, and a Follow.

Source: RFC 7033, and https://swicg.github.io/activitypub-webfinger/.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from everflow.activitypub.actors import Local
from everflow.activitypub.circle import FOLLOWED, Circle, Followed, followed_put, parted_put
from everflow.activitypub.directory import Directory
from everflow.activitypub.effects import Tell
from everflow.activitypub.published import id_for
from everflow.activitypub.remote import Remote
from everflow.activitypub.words import CONTEXT, is_activity_media, origin_of
from everflow.errors import BadReply, CallerError, NoSuchActor
from everflow.store import Store

__all__ = ["Following"]

_HANDLE = re.compile(r"(?:acct:)?@?([^@\s/?#]{1,200})@([A-Za-z0-9.\-\[\]:]{1,255})")
_JRD = "application/jrd+json, application/json"


class Following:
    """Follows and leaves on behalf of the actors of a store."""

    def __init__(
        self, store: Store, directory: Directory, tell: Tell, now: Callable[[], int]
    ) -> None:
        self._store = store
        self._circle = Circle(store)
        self._directory = directory
        self._tell = tell
        self._now = now

    async def find(self, word: str, by: Local) -> Remote:
        """The actor of a handle (``@otto@birds.example``) or an id.

        NoSuchActor where there is none; OutsideError where that can't be told.
        """
        url = word if origin_of(word) else await self._finger(word, by)
        found = await self._directory.find(url, by)
        if found is None:
            raise NoSuchActor(f"there is no actor at {url:.200}")
        return found

    async def follow(self, actor: Local, word: str) -> Followed:
        """Ask an actor elsewhere to be followed; asking again is harmless."""
        other = await self.find(word, actor)
        return await asyncio.to_thread(self._ask, actor, other)

    def leave(self, actor: Local, word: str) -> Followed:
        """Follow no more whom an actor follows, by id or handle; NoSuchActor for anybody else."""
        handle = word.removeprefix("acct:").lstrip("@")
        known = list(self._circle.following(actor))
        found = next((each for each in known if word == each.id or handle == each.handle), None)
        if found is None:
            raise NoSuchActor(
                f"{actor.name} doesn't follow {word!r:.200}",
                hint=f"everflow actor following {actor.name} shows whom it does",
            )
        self._tell(actor, _undone(actor, found), [found.inbox])
        self._store.write([parted_put(FOLLOWED, actor, found.id)], at=self._now())
        return found

    def _ask(self, actor: Local, other: Remote) -> Followed:
        """Write down that it is asked, and ask. The same Follow is sent until it is answered."""
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

    async def _finger(self, word: str, by: Local) -> str:
        """The id of the actor of a handle."""
        found = _HANDLE.fullmatch(word)
        if found is None:
            raise CallerError(
                f"{word!r:.200} is neither a handle nor an id", hint="write @otto@birds.example"
            )
        name, host = found.groups()
        # An instance that is itself reached without TLS is one of a local network, or of a test.
        scheme = by.address.partition(":")[0]
        resource = quote(f"acct:{name}@{host}", safe="")
        url = f"{scheme}://{host}/.well-known/webfinger?resource={resource}"
        got = await self._directory.get(url, by, accept=_JRD, elsewhere=True)
        if got is None:
            raise NoSuchActor(f"{host} knows no {name:.200}")
        links = got[1].get("links") if type(got[1]) is dict else None
        for link in links if type(links) is list else []:
            if type(link) is dict and link.get("rel") == "self" and _is_actor(link):
                return str(link["href"])
        raise BadReply(f"{host} names no actor for {word:.200}")


def _is_actor(link: dict[str, Any]) -> bool:
    media, url = link.get("type"), link.get("href")
    return type(media) is str and type(url) is str and is_activity_media(media)


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
