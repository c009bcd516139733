"""Whichever of the two ways a message is signed in: for an inbox, which can't choose its senders.

A message that bears the headers of RFC 9421 is judged by them alone, so that adding or removing the
other kind can't move it to a weaker reading: each way refuses what isn't whole by itself.
"""

from __future__ import annotations

from everflow.net.freshness import WINDOW
from everflow.net.keys import PublicKey
from everflow.net.message import Message
from everflow.net.signatures import cavage, rfc9421
from everflow.net.signatures.claim import Claim

__all__ = ["claim_of", "unproven", "verify"]


def claim_of(message: Message) -> Claim:
    """What the signature says of itself; nothing is proven. SignatureRefused without one."""
    return rfc9421.claim_of(message) if _is_new(message) else cavage.claim_of(message)


def unproven(message: Message, *, now: int, window: int = WINDOW) -> Claim:
    """What ``verify`` gives, unproven: for who must fetch the key, and not in vain."""
    if _is_new(message):
        return rfc9421.unproven(message, now=now, window=window)
    return cavage.unproven(message, now=now, window=window)


def verify(message: Message, key: PublicKey, *, now: int, window: int = WINDOW) -> Claim:
    """The proven claim of a message that is whole, ours and of now; SignatureRefused otherwise."""
    if _is_new(message):
        return rfc9421.verify(message, key, now=now, window=window)
    return cavage.verify(message, key, now=now, window=window)


def _is_new(message: Message) -> bool:
    return bool(message.values("signature-input"))
