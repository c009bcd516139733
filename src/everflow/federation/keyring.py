"""How the keys of peers change: announced under the old one, in force once the new one is used.

One rule holds: a new key is taken only if the old one signs that it comes, and the new one itself
signs whose it is; so nobody can announce a key that another holds. Until the peer signs by it both
are good, so that no message on its way is lost; from then on the old one is worth nothing.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from everflow.errors import BadKey
from everflow.federation.gate import Known
from everflow.federation.peers import Peers
from everflow.federation.words import REFUSED, Answer, problem
from everflow.net.keys import key_word, public_key

__all__ = ["Announcement", "Keyring", "announcement"]


class Announcement(msgspec.Struct, kw_only=True):
    """The word of a new key, and its signature (base64) over whose it is."""

    key: str
    proof: str


def announcement(id: str, key: Ed25519PrivateKey) -> bytes:  # noqa: A002 - the word for it everywhere
    """The body by which an instance announces its next key."""
    word = key_word(key.public_key())
    proof = base64.b64encode(key.sign(_said(id, word))).decode()
    return msgspec.json.encode(Announcement(key=word, proof=proof))


class Keyring:
    """The keys of the peers of a store."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    def announced(self, known: Known, body: bytes) -> Answer:
        """Take a key that a peer will sign with. BadKey for what isn't one."""
        peer = known.peer
        said = msgspec.json.decode(body, type=Announcement)
        key = public_key(said.key)
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey("a peer signs by Ed25519")
        try:
            key.verify(base64.b64decode(said.proof, validate=True), _said(peer.id, said.key))
        except (InvalidSignature, binascii.Error):
            return problem(REFUSED, "the announced key doesn't say that it is this peer's")
        if said.key != known.key:
            self._peers.change(peer.id, keys=(known.key, said.key))
        return Answer(204)

    def used(self, known: Known) -> None:
        """A request proved to be signed by that key: it is the peer's only one from now on."""
        if known.key != known.peer.keys[0]:
            self._peers.change(known.peer.id, keys=(known.key,))


def _said(peer: str, word: str) -> bytes:
    return f"everflow peer {peer} signs with {word}".encode()
