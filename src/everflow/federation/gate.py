"""The gate: whose request it is, and whether it was answered before.

Two rules hold. A request is judged as what this instance is called, by its own address, and not by
what the request says of itself; nothing is done for one that isn't whole, fresh and of a peer that
is known. One that comes again, as it was, gets the answer that it got, unless that was large; its
nonce is known for as long as it is fresh.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from everflow.engine.operating.intake import Group
from everflow.errors import BadKey, SignatureRefused
from everflow.federation.peers import PEER, Peer, peer_of
from everflow.federation.together import Reads
from everflow.federation.words import Answer
from everflow.net.freshness import known_until
from everflow.net.keys import PublicKey, public_key, thumbprint
from everflow.net.message import Message
from everflow.net.signatures import rfc9421
from everflow.net.signatures.claim import Claim
from everflow.store import Put, Store

__all__ = ["HEARD", "Gate", "Known"]

HEARD = "heard"  # the kind of the records of requests, by peer and nonce
LONGEST_NONCE = 200
LARGEST = 65_536  # bytes of an answer that is remembered


class Heard(msgspec.Struct, kw_only=True):
    """A request and the answer to it. ``print`` is of the signature; ``body`` is base64.

    Of a large answer nothing is kept (``status`` is 0): what was asked is done again then, as each
    verb lets it be; else a peer that asks for a large value again and again would fill the store.
    """

    print: str
    status: int
    body: str
    code: str = ""


@dataclass(frozen=True)
class Known:
    """A request whose sender is proven. ``key`` is the word of the key that proved it."""

    peer: Peer
    key: str
    nonce: str  # the key of its record
    claim: Claim
    print: str = ""  # of all of it, once it is whole


class Gate:
    """Judges requests, and remembers answers."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._read = Reads(store)
        self._now = now
        self._written = Group(self._write)

    def sender(self, message: Message) -> Known:
        """Whose request it is, by its headers; SignatureRefused for any doubt.

        Its body needn't be there: ``whole`` says whether it is the one that was signed.
        """
        claim = rfc9421.claim_of(message)
        record = self._read(PEER, claim.key_id.partition("#")[0])
        if record is None:
            raise SignatureRefused("key", f"nobody here knows the key {claim.key_id!r:.200}")
        peer = peer_of(record)
        word, key = _key_of(peer, claim.key_id.partition("#")[2])
        claim = rfc9421.verify_head(message, key, now=self._now())
        if not 0 < len(claim.nonce) <= LONGEST_NONCE:
            raise SignatureRefused("uncovered", "the signature has no nonce of a fair length")
        return Known(peer, word, f"{peer.id}/{_print(claim.nonce.encode())}", claim)

    def whole(self, message: Message, known: Known) -> Known:
        """The same of the whole request; SignatureRefused where its body is another's."""
        rfc9421.whole(message, known.claim)
        signature = "".join(message.values("signature")).encode()
        return replace(known, print=_print(signature + b"\0" + message.body))

    def answered(self, known: Known) -> Answer | None:
        """The answer that this very request got; SignatureRefused for another with its nonce."""
        record = self._read(HEARD, known.nonce)
        if record is None:
            return None
        heard = msgspec.json.decode(record.body, type=Heard)
        if heard.print != known.print:
            raise SignatureRefused("forged", "its nonce was used by another request")
        if not heard.status:
            return None
        return Answer(heard.status, base64.b64decode(heard.body), heard.code)

    def remember(self, known: Known, answer: Answer) -> None:
        """Write down what a request was answered; together with those of others."""
        body = base64.b64encode(answer.body).decode()
        heard = Heard(print=known.print, status=answer.status, body=body, code=answer.code)
        if len(answer.body) > LARGEST:
            heard = Heard(print=known.print, status=0, body="")
        text = msgspec.json.encode(heard).decode()
        self._written(
            Put(kind=HEARD, key=known.nonce, body=text, due=known_until(known.claim.made or 0))
        )

    def _write(self, puts: Sequence[Put]) -> list[bool]:
        self._store.write(puts, at=self._now())
        return [True] * len(puts)


def _key_of(peer: Peer, mark: str) -> tuple[str, PublicKey]:
    """The key of a peer with that thumbprint."""
    for word in peer.keys:
        try:
            key = public_key(word)
        except BadKey:
            continue
        if thumbprint(key) == mark:
            return word, key
    raise SignatureRefused("key", f"the key isn't one of {peer.name}")


def _print(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
