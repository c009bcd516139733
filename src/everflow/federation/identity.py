"""Who this instance is: an id that stays, an address that peers call, a key that it signs with.

Three rules hold. The id is the thumbprint of the first key and outlives it, so that peers know an
instance by one name however often its key is changed. The private key lies in a file
(``keyplaces``) and never in the store, so that no backup and no export carries it away. A next key
is written down before anybody is told of it, and takes the place of the old one in one step, so
that a crash loses neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from everflow.errors import ConfigurationError
from everflow.federation.keyplaces import key_file
from everflow.federation.together import Reads
from everflow.net.keys import PrivateKey, key_word, load_key, make_ed25519, save_key, thumbprint
from everflow.store import Put, Store

__all__ = [
    "IDENTITY",
    "Identity",
    "Own",
    "check_address",
    "create_identity",
    "described",
    "identity_of",
    "key_place",
    "pending_key",
    "take_pending",
]

IDENTITY = "identity"  # the kind of its record
SELF = "self"  # the only one's key
LONGEST_ADDRESS = 300


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an identity without its private key.

    ``key`` is the word of the public one, and ``next`` that of the one it is going to sign with.
    """

    id: str
    address: str
    key: str
    next: str = ""


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


def key_place(store: Store, folder: str = "") -> Path:
    """Where the key of the identity of a store is kept; ConfigurationError where nothing is."""
    return key_file(store, "peer-key", folder)


def create_identity(
    store: Store,
    address: str,
    key: Ed25519PrivateKey | None = None,
    *,
    at: int,
    folder: str = "",
) -> Identity:
    """Give the instance an identity, or its identity another address.

    Without a key, there is one in a file from then on: in ``folder``, if one is named, else beside
    the store. ConfigurationError where the instance has an identity with another key.
    """
    address = check_address(address)
    if key is None:
        place = key_place(store, folder)
        if not place.exists():
            save_key(place, make_ed25519())
        key = _ed25519(load_key(place))
    found, word = described(store), key_word(key.public_key())
    if found is not None and word not in {found.key, found.next}:
        raise _another_key(found)
    known = found or Description(id=thumbprint(key.public_key()), address=address, key=word)
    _write(store, replace(known, address=address), at=at)
    return Identity(known.id, address, key)


def pending_key(store: Store, *, at: int, folder: str = "") -> Ed25519PrivateKey:
    """The key that the instance is going to sign with; it is made where there is none yet."""
    place = _pending_place(store, folder)
    if not place.exists():
        save_key(place, make_ed25519())
    key, found = _ed25519(load_key(place)), described(store)
    if found is None:
        raise _no_identity()
    _write(store, replace(found, next=key_word(key.public_key())), at=at)
    return key


def take_pending(store: Store, *, at: int, folder: str = "") -> None:
    """Sign with that key from now on; the old one is gone."""
    found = described(store)
    if found is None or not found.next:
        raise _no_identity()
    _pending_place(store, folder).replace(key_place(store, folder))
    _write(store, replace(found, key=found.next, next=""), at=at)


def described(store: Store) -> Description | None:
    """What the store knows of its instance; None before there is an identity."""
    records = store.records(IDENTITY, keys=[SELF])
    return msgspec.json.decode(records[0].body, type=Description) if records else None


def identity_of(
    store: Store, key: Ed25519PrivateKey | None = None, *, folder: str = ""
) -> Identity:
    """The identity of a store's instance, with its key, from its file where none is given."""
    found = described(store)
    if found is None:
        raise _no_identity()
    if key is None:
        key = _ed25519(load_key(key_place(store, folder)))
    identity = Identity(found.id, found.address, _ed25519(key))
    if identity.word not in {found.key, found.next}:
        raise _another_key(found)
    return identity


class Own:
    """The identity of a store's instance, as it is by now: its key may be changed at any time."""

    def __init__(
        self, store: Store, key: Ed25519PrivateKey | None = None, folder: str = ""
    ) -> None:
        self._store = store
        self._read = Reads(store)
        self._key = key
        self._folder = folder
        self._known: tuple[int, Identity] | None = None

    def __call__(self) -> Identity:
        """The identity; read anew where its record was written since."""
        record = self._read(IDENTITY, SELF)
        version = 0 if record is None else record.version
        if self._known is None or self._known[0] != version:
            self._known = (version, identity_of(self._store, self._key, folder=self._folder))
        return self._known[1]


def _pending_place(store: Store, folder: str) -> Path:
    place = key_place(store, folder)
    return place.with_name(f"{place.name}.next")


def _ed25519(key: PrivateKey) -> Ed25519PrivateKey:
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("a peer signs by Ed25519, and its key is an RSA key")
    return key


def _no_identity() -> ConfigurationError:
    return ConfigurationError(
        "this instance has no identity yet",
        hint="everflow peer init https://the.address.that.peers.call",
    )


def _another_key(found: Description) -> ConfigurationError:
    return ConfigurationError(
        "the key isn't that of this store's identity",
        hint=f"its public key is {found.key}; put its file back, or everflow peer rotate",
    )


def _write(store: Store, known: Description, *, at: int) -> None:
    body = msgspec.json.encode(known).decode()
    store.write([Put(kind=IDENTITY, key=SELF, body=body)], at=at)
