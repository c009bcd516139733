"""The files in which actors' private keys lie, never in the store.

Two rules hold. A key is read once while its file isn't touched, since OpenSSL takes 50 ms to check
one of RSA, and each request is signed. And new keys lie beside the old ones until the actor is
known by them: whoever finds it so takes them, so that a crash in between loses neither.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from everflow.errors import ConfigurationError
from everflow.federation.keyplaces import key_file
from everflow.net.keys import (
    PrivateKey,
    key_word,
    load_key,
    make_ed25519,
    make_rsa,
    public_pem,
    save_key,
)
from everflow.store import Store

__all__ = ["KeyFiles", "Keys"]

NEXT = ".next"  # what the names of new keys' files end with


@dataclass(frozen=True)
class Keys:
    """What an actor signs with."""

    rsa: RSAPrivateKey
    ed25519: Ed25519PrivateKey

    @classmethod
    def make(cls) -> Keys:
        """New ones."""
        return cls(make_rsa(), make_ed25519())

    @property
    def public(self) -> tuple[str, str]:
        """The PEM of the one and the word of the other public key."""
        return _told(self.rsa), _told(self.ed25519)


class KeyFiles:
    """The keys of a store's actors. ConfigurationError throughout for what isn't as it should."""

    def __init__(self, store: Store, folder: str = "") -> None:
        self._store = store
        self._folder = folder
        self._known: dict[tuple[str, ...], Keys] = {}

    def read(self, name: str) -> Keys:
        """The keys of an actor."""
        return self._read(name, self._places(name))

    def made(self, name: str) -> Keys:
        """The same; they are made where there are none."""
        rsa, ed25519 = self._places(name)
        if not rsa.exists():
            save_key(rsa, make_rsa())
        if not ed25519.exists():
            save_key(ed25519, make_ed25519())
        return self.read(name)

    def make_next(self, name: str) -> Keys:
        """New keys beside those that there are; what was made so before and not taken is gone."""
        keys, (rsa, ed25519) = Keys.make(), self._next(name)
        rsa.unlink(missing_ok=True)
        ed25519.unlink(missing_ok=True)
        save_key(rsa, keys.rsa)
        save_key(ed25519, keys.ed25519)
        return keys

    def take_next(self, name: str, public: tuple[str, str]) -> Keys:
        """The keys of an actor that is known by these: new ones are put in the old ones' place."""
        for new, old, wanted in zip(self._next(name), self._places(name), public, strict=True):
            with contextlib.suppress(ConfigurationError, FileNotFoundError):  # none, or taken
                if _told(load_key(new)) == wanted:
                    new.replace(old)
        return self.read(name)

    def remove(self, name: str) -> None:
        """Have the keys be gone."""
        for place in (*self._places(name), *self._next(name)):
            place.unlink(missing_ok=True)

    def _read(self, name: str, places: tuple[Path, Path]) -> Keys:
        mark = tuple(map(_mark, places))
        known = self._known.get(mark)
        if known is not None:
            return known
        rsa, ed25519 = map(load_key, places)
        if not isinstance(rsa, RSAPrivateKey) or not isinstance(ed25519, Ed25519PrivateKey):
            raise ConfigurationError(f"the keys of the actor {name} are of the wrong kinds")
        keys = self._known[mark] = Keys(rsa, ed25519)
        return keys

    def _places(self, name: str) -> tuple[Path, Path]:
        rsa = key_file(self._store, f"actor-{name}.rsa-key", self._folder)
        return rsa, rsa.with_name(f"{rsa.name.removesuffix('.rsa-key')}.ed25519-key")

    def _next(self, name: str) -> tuple[Path, Path]:
        rsa, ed25519 = self._places(name)
        return rsa.with_name(rsa.name + NEXT), ed25519.with_name(ed25519.name + NEXT)


def _told(key: PrivateKey) -> str:
    """The public key as an actor's record has it."""
    if isinstance(key, RSAPrivateKey):
        return public_pem(key.public_key())
    return key_word(key.public_key())


def _mark(place: Path) -> str:
    """What tells a file as it is now from any other."""
    try:
        about = place.stat()
    except OSError:
        return ""
    return f"{place} {about.st_ino} {about.st_ctime_ns} {about.st_size}"
