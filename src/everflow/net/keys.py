"""Keys to sign with: Ed25519 for peers, RSA for servers that know nothing newer.

Two rules hold. A private key lies in a file of its own that nobody else may read (root's own may be
read by its group besides: so secrets are mounted into containers); one that others may is refused,
not mended, since it may have been read already. And a key says by its kind what
may be signed with it: no algorithm is ever taken from a message alone.

A key's id is its thumbprint by RFC 7638 (RFC 8037 for Ed25519), so that the same key has the same
id everywhere and no two have one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from everflow.errors import BadKey, ConfigurationError

__all__ = [
    "PrivateKey",
    "PublicKey",
    "key_word",
    "load_key",
    "make_ed25519",
    "make_rsa",
    "private_key",
    "private_pem",
    "public_key",
    "public_pem",
    "save_key",
    "thumbprint",
]

PrivateKey = Ed25519PrivateKey | RSAPrivateKey
PublicKey = Ed25519PublicKey | RSAPublicKey

_LEAST_BITS, _MOST_BITS = 2_048, 8_192  # weaker is forged, larger is a way to keep us busy
_LONGEST = 16_384  # characters of a key's text
_WORD = "ed25519:"


def make_ed25519() -> Ed25519PrivateKey:
    """A new key for peers: small, quick, and nothing to set wrongly."""
    return Ed25519PrivateKey.generate()


def make_rsa(bits: int = _LEAST_BITS) -> RSAPrivateKey:
    """A new key for servers that take RSA alone, as most of the fediverse does."""
    return generate_private_key(65_537, bits)


def thumbprint(key: PublicKey) -> str:
    """The id of a key: 43 characters of base64url (SHA-256 over its JWK, RFC 7638)."""
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        members = f'"e":"{_int_text(numbers.e)}","kty":"RSA","n":"{_int_text(numbers.n)}"'
    else:
        members = f'"crv":"Ed25519","kty":"OKP","x":"{_text(key.public_bytes_raw())}"'
    return _text(hashlib.sha256(f"{{{members}}}".encode()).digest())


def private_pem(key: PrivateKey) -> str:
    """The key as PEM (PKCS 8), not encrypted: for a file that nobody else reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: PublicKey) -> str:
    """The key as PEM (SubjectPublicKeyInfo), as actors publish it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_word(key: PublicKey) -> str:
    """An Ed25519 key in one word (``ed25519:`` and base64url), to be told and pasted."""
    if isinstance(key, RSAPublicKey):
        raise BadKey("an RSA key is too long for a word", hint="give its PEM instead")
    return _WORD + _text(key.public_bytes_raw())


def private_key(text: str) -> PrivateKey:
    """The private key of a PEM. BadKey for anything else."""
    try:
        key = load_pem_private_key(_given(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("that isn't the PEM of a private key without a password") from error
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey):
        raise _other_kind()
    _strong(key)
    return key


def public_key(text: str) -> PublicKey:
    """The public key of a PEM, or of the word that ``key_word`` gives. BadKey for anything else."""
    try:
        if text.startswith(_WORD):
            return Ed25519PublicKey.from_public_bytes(_bytes(text.removeprefix(_WORD)))
        key = load_pem_public_key(_given(text))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("that isn't a public key: a PEM, or a word like ed25519:…") from error
    if not isinstance(key, Ed25519PublicKey | RSAPublicKey):
        raise _other_kind()
    _strong(key)
    return key


def save_key(path: str | os.PathLike[str], key: PrivateKey) -> None:
    """Write a private key to a new file that only its owner may read; on disk when this returns.

    ConfigurationError where there is a file already: no key is ever overwritten.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
            file.write(private_pem(key))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(f"no key could be written to {path}: {error.strerror}") from error


def load_key(path: str | os.PathLike[str]) -> PrivateKey:
    """The private key of a file. ConfigurationError where others may read it, or it isn't one."""
    try:
        # Not blocking: a pipe would let this wait for whoever writes to it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise ConfigurationError(f"{path} isn't a file")
            if _is_open(about.st_mode, about.st_uid, os.geteuid()):
                raise ConfigurationError(
                    f"others may read the key in {path} (mode {stat.S_IMODE(about.st_mode):o})",
                    hint=f"if nobody did: chmod 600 {path}; else make a new key",
                )
            text = file.read(_LONGEST + 1)
    except OSError as error:
        lost = "no store has it: copy it from where it was made, another machine or another folder"
        raise ConfigurationError(
            f"the key {path} can't be read: {error.strerror}",
            hint=lost if isinstance(error, FileNotFoundError) else "",
        ) from error
    try:
        return private_key(text.decode("ascii", "replace"))
    except BadKey as error:
        raise ConfigurationError(f"{path} holds no key: {error.message}") from error


def _is_open(mode: int, owner: int, user: int) -> bool:
    """Whether more may read a file than should, or write it: the rule of PostgreSQL's own keys."""
    return bool(mode & (0o037 if owner == 0 != user else 0o077))


def _given(text: str) -> bytes:
    if len(text) > _LONGEST:
        raise ValueError("too long for a key")
    return text.encode()


def _strong(key: PrivateKey | PublicKey) -> None:
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return
    if not _LEAST_BITS <= key.key_size <= _MOST_BITS:
        raise BadKey(
            f"an RSA key of {key.key_size} bits isn't taken",
            hint=f"{_LEAST_BITS} to {_MOST_BITS} bits are",
        )


def _other_kind() -> BadKey:
    return BadKey("keys of that kind aren't taken", hint="Ed25519 and RSA are")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _int_text(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
