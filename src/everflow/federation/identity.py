"""Who this instance is: an id that stays, an address that peers call, a key that it signs with.

Two rules hold. The id is the thumbprint of the first key and outlives it, so that peers know an
instance by one name however often its key is changed. The private key lies in a file beside the
store and never in it, so that no backup and no export carries it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from everflow.errors import ConfigurationError
from everflow.net.keys import key_word, load_key, save_key, thumbprint
from everflow.store import Put, Store

__all__ = [
    "IDENTITY",
    "Identity",
    "check_address",
    "create_identity",
    "described",
    "identity_of",
    "key_place",
]

IDENTITY = "identity"  # the kind of its record
SELF = "self"  # the only one's key
LONGEST_ADDRESS = 300


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an identity without its private key; ``key`` is the word of the public."""

    id: str
    address: str
    key: str


@dataclass(frozen=True)
class Identity:
    """An instance that can sign. ``address`` is what peers call, without a slash at its end."""

    id: str
    address: str
    key: Ed25519PrivateKey

    @property
    def key_id(self) -> str:
        """How a signature names whose key, and which of them, made it."""
        return f"{self.id}#{thumbprint(self.key.public_key())}"

    @property
    def word(self) -> str:
        """The public key, as peers are told it."""
        return key_word(self.key.public_key())


def check_address(address: str) -> str:
    """The address in its usual form. ConfigurationError for what no peer could call."""
    parts = urlsplit(address)
    plain = address.isascii() and address.isprintable() and " " not in address
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username is not None
        or not plain
        or len(address) > LONGEST_ADDRESS
    ):
        raise ConfigurationError(
            f"{address!r:.80} isn't the address of an instance",
            hint="write it as https://flows.example, or http://10.1.2.3:8000/flows",
        )
    return address.rstrip("/")


def key_place(store: Store) -> Path:
    """Where the key of the identity of a store is kept; ConfigurationError for one in memory."""
    place = store.info().place
    if place.startswith(":") or "://" in place:
        raise ConfigurationError(
            f"the store {place} has no folder to keep a key in", hint="give the key yourself"
        )
    return Path(f"{place}.peer-key")


def create_identity(
    store: Store, address: str, key: Ed25519PrivateKey, *, at: int, save: bool = True
) -> Identity:
    """Give the instance an identity, or its identity another address; and save a new key.

    ConfigurationError where it has one with another key.
    """
    address = check_address(address)
    found = described(store)
    identity = Identity(found.id if found else thumbprint(key.public_key()), address, key)
    if found is not None and found.key != identity.word:
        raise ConfigurationError(
            "this instance has an identity with another key",
            hint="everflow peer rotate changes the key of an identity",
        )
    if save and found is None:
        save_key(key_place(store), key)
    _write(store, identity, at=at)
    return identity


def described(store: Store) -> Description | None:
    """What the store knows of its instance; None before there is an identity."""
    records = store.records(IDENTITY, keys=[SELF])
    return msgspec.json.decode(records[0].body, type=Description) if records else None


def identity_of(store: Store, key: Ed25519PrivateKey | None = None) -> Identity:
    """The identity of a store's instance, with its key, from its file where none is given."""
    found = described(store)
    if found is None:
        raise ConfigurationError(
            "this instance has no identity yet",
            hint="everflow peer init https://the.address.that.peers.call",
        )
    loaded = load_key(key_place(store)) if key is None else key
    if not isinstance(loaded, Ed25519PrivateKey):
        raise ConfigurationError("a peer signs by Ed25519, and its key is an RSA key")
    identity = Identity(found.id, found.address, loaded)
    if identity.word != found.key:
        raise ConfigurationError(
            "the key isn't that of this store's identity",
            hint=f"its public key is {found.key}; put the right file back",
        )
    return identity


def _write(store: Store, identity: Identity, *, at: int) -> None:
    said = Description(id=identity.id, address=identity.address, key=identity.word)
    body = msgspec.json.encode(said).decode()
    store.write([Put(kind=IDENTITY, key=SELF, body=body)], at=at)
