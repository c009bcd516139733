"""Ed25519 keys as Multikey writes them: base 58 of a multicodec's two bytes and the key.

Source: FEP-521a, https://www.w3.org/TR/controller-document/#Multikey; the alphabet is Bitcoin's.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from everflow.errors import BadKey

__all__ = ["multibase", "of_multibase"]

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519 = bytes((0xED, 0x01))
_KEY = 32  # bytes
_LONGEST = 48  # characters of z and 34 bytes; the first byte is never 0, so nothing is padded


def multibase(key: Ed25519PublicKey) -> str:
    """The key's text: ``z6Mk`` and some forty characters."""
    number = int.from_bytes(_ED25519 + key.public_bytes_raw())
    text = ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return f"z{text}"


def of_multibase(text: str) -> Ed25519PublicKey:
    """The key of that text. BadKey for anything else, keys of other kinds included."""
    if not text.startswith("z") or len(text) > _LONGEST:
        raise BadKey("that isn't a Multikey of Ed25519")
    number = 0
    for character in text[1:]:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise BadKey("that isn't base 58")
        number = number * len(_ALPHABET) + digit
    data = number.to_bytes(len(text))
    head, raw = data[:-_KEY].lstrip(b"\0"), data[-_KEY:]
    if head != _ED25519:
        raise BadKey("that isn't a Multikey of Ed25519")
    return Ed25519PublicKey.from_public_bytes(raw)
