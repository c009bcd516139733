"""Which signatures a server understands: learned by knocking twice, and remembered by host.

Laws: whoever isn't known is asked by RFC 9421 first; who refuses that is asked by draft-cavage in
the same breath, and the other way round. What was taken is tried first from then on. A refusal of
both says nothing about either, so nothing is learned by it.

Source: "ActivityPub and HTTP Signatures" of the W3C's SocialCG, "How to upgrade supported
versions", which calls it double-knocking.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from everflow.activitypub.actors import Keys, Local
from everflow.engine.ids import Random
from everflow.net.client import Sign
from everflow.net.message import Message
from everflow.net.signatures import cavage, rfc9421
from everflow.store import Put, Store

__all__ = ["CAVAGE", "DIALECT", "KNOCK_AGAIN", "RFC9421", "Dialects", "signing"]

DIALECT = "dialect"  # the kind of the records, by host and port
RFC9421, CAVAGE = "rfc9421", "cavage"
# What servers answer to a signature that they can't read: most 401, some older ones the others.
KNOCK_AGAIN = frozenset({400, 401, 403})
NONCE_BYTES = 16


class Spoken(msgspec.Struct, frozen=True):
    """What a record holds: the dialect that was taken, and when that was learned."""

    dialect: str
    at: int


class Dialects:
    """What is known of the hosts of a store's receivers. ``first`` is for those that aren't."""

    def __init__(self, store: Store, now: Callable[[], int], first: str = RFC9421) -> None:
        self._store = store
        self._now = now
        self._first = first

    def order(self, host: str) -> tuple[str, str]:
        """Both dialects, the one to try first before the other."""
        found = self._store.records(DIALECT, keys=[host])
        spoken = msgspec.json.decode(found[0].body, type=Spoken).dialect if found else self._first
        return (CAVAGE, RFC9421) if spoken == CAVAGE else (RFC9421, CAVAGE)

    def taken(self, host: str, dialect: str) -> None:
        """A host took a message that was signed so."""
        found = self._store.records(DIALECT, keys=[host])
        if found and msgspec.json.decode(found[0].body, type=Spoken).dialect == dialect:
            return
        now = self._now()
        body = msgspec.json.encode(Spoken(dialect, now)).decode()
        self._store.write([Put(kind=DIALECT, key=host, body=body)], at=now)


def signing(dialect: str, actor: Local, keys: Keys, now: Callable[[], int], random: Random) -> Sign:
    """What signs a request as an actor, in one of the dialects.

    By RSA in both: there are servers that read RFC 9421 and take no other key.
    """
    if dialect == CAVAGE:
        return partial(_cavage, actor, keys, now)
    return partial(_rfc9421, actor, keys, now, random)


def _cavage(actor: Local, keys: Keys, now: Callable[[], int], message: Message) -> dict[str, str]:
    return cavage.sign(message, keys.rsa, key_id=actor.rsa_id, now=now())


def _rfc9421(
    actor: Local, keys: Keys, now: Callable[[], int], random: Random, message: Message
) -> dict[str, str]:
    nonce = random(NONCE_BYTES).hex()
    return rfc9421.sign(message, keys.rsa, key_id=actor.rsa_id, now=now(), nonce=nonce)
