"""Actors of other servers, as their documents say. Pure: JSON in, what is kept of it out.

Two rules hold. A document speaks only for the id at which it was found: another id in it, or an
inbox or a key of another host, is refused. And a key is an actor's only if the actor's own document
lists it as owned by that actor: that a key says whose it is proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from everflow.activitypub.multikey import of_multibase
from everflow.activitypub.words import id_of, origin_of
from everflow.errors import BadKey, BadReply
from everflow.net.keys import key_word, public_key, public_pem

__all__ = ["Remote", "RemoteKey", "remote_of"]

LONGEST = 2_048  # characters of a URL
MOST_KEYS = 10
LONGEST_NAME = 200


class RemoteKey(msgspec.Struct, frozen=True):
    """A key as signatures name it; ``text`` is its PEM or its word."""

    id: str
    text: str


class Remote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An actor of another server; ``shared`` is its server's inbox for all, where it has one."""

    id: str
    inbox: str
    keys: tuple[RemoteKey, ...]
    shared: str = ""
    name: str = ""

    def text_of(self, id: str) -> str | None:  # noqa: A002 - that is its name
        """Its key of that id: a PEM, or a word."""
        return next((key.text for key in self.keys if key.id == id), None)


def remote_of(value: Any, url: str) -> Remote:
    """The actor whose document was found at its id. BadReply for any other document."""
    if type(value) is not dict or id_of(value) != url:
        raise BadReply(f"what is at {url:.200} isn't the document of that actor")
    inbox, home = id_of(value.get("inbox")), origin_of(url)
    if not _is_url(inbox) or origin_of(inbox) != home:
        raise BadReply(f"the actor {url:.200} has no inbox at its own host")
    endpoints = value.get("endpoints")
    shared = id_of(endpoints.get("sharedInbox")) if type(endpoints) is dict else ""
    name = value.get("preferredUsername")
    return Remote(
        id=url,
        inbox=inbox,
        keys=tuple(_keys(value, url)),
        shared=shared if _is_url(shared) and origin_of(shared) == home else "",
        name=name[:LONGEST_NAME] if type(name) is str else "",
    )


def _keys(value: dict[str, Any], owner: str) -> Iterator[RemoteKey]:
    """The keys that are the actor's own, and that we can verify with; others are passed over."""
    home = origin_of(owner)
    for claimed, whose, text in _claimed(value):
        if claimed and len(claimed) <= LONGEST and whose == owner and origin_of(claimed) == home:
            try:
                yield RemoteKey(claimed, text())
            except BadKey:
                continue


def _claimed(value: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for key in _listed(value.get("publicKey")):
        pem = key.get("publicKeyPem")
        if type(pem) is str:
            yield id_of(key), id_of(key.get("owner")), lambda pem=pem: public_pem(public_key(pem))
    for key in _listed(value.get("assertionMethod")):
        base = key.get("publicKeyMultibase")
        if type(base) is str:
            whose = id_of(key.get("controller"))
            yield id_of(key), whose, lambda base=base: key_word(of_multibase(base))


def _listed(value: Any) -> list[dict[str, Any]]:
    found = value if type(value) is list else [value]
    return [each for each in found if type(each) is dict][:MOST_KEYS]


def _is_url(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isprintable() and origin_of(text) is not None
