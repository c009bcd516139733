"""Who a handle means: WebFinger, and then the actor's own document.

Source: RFC 7033, and https://swicg.github.io/activitypub-webfinger/.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from everflow.activitypub.actors import Local
from everflow.activitypub.directory import Directory
from everflow.activitypub.remote import Remote
from everflow.activitypub.words import is_activity_media, origin_of
from everflow.errors import BadReply, CallerError, NoSuchActor

__all__ = ["named"]

_HANDLE = re.compile(r"(?:acct:)?@?([^@\s/?#]{1,200})@([A-Za-z0-9.\-\[\]:]{1,255})")
_JRD = "application/jrd+json, application/json"


async def named(directory: Directory, word: str, by: Local) -> Remote:
    """The actor of a handle (``@otto@birds.example``) or an id; ``by`` is who asks.

    NoSuchActor where there is none; OutsideError where that can't be told.
    """
    url = word if origin_of(word) else await _finger(directory, word, by)
    found = await directory.find(url, by)
    if found is None:
        raise NoSuchActor(f"there is no actor at {url:.200}")
    return found


async def _finger(directory: Directory, word: str, by: Local) -> str:
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
    got = await directory.get(url, by, accept=_JRD, elsewhere=True)
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
