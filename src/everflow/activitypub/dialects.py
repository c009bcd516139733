"""The two ways to sign for other servers, and when to try the other one.

One rule holds: a server that may not have understood is asked once more, in the same breath, in the
other dialect.

Source: "ActivityPub and HTTP Signatures" of the W3C's SocialCG, "How to upgrade supported
versions", which calls it double-knocking.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from everflow.activitypub.actors import Keys, Local
from everflow.engine.given.ids import Random
from everflow.net.client import Sign
from everflow.net.message import Message
from everflow.net.signatures import cavage, rfc9421

__all__ = ["CAVAGE", "KNOCK_AGAIN", "RFC9421", "signing"]

RFC9421, CAVAGE = "rfc9421", "cavage"
# What servers answer to a signature that they can't read: most 401, some older ones the others.
KNOCK_AGAIN = frozenset({400, 401, 403})
NONCE_BYTES = 16


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
