"""Keys: their texts, their ids, and files that nobody else may read."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from contextlib import nullcontext
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from everflow.errors import BadKey, ConfigurationError
from everflow.net.keys import (
    PrivateKey,
    key_word,
    load_key,
    private_key,
    private_pem,
    public_key,
    public_pem,
    save_key,
    thumbprint,
)
from tests.net.signing import key

kinds = pytest.mark.parametrize("kind", ["ed25519", "rsa"])


def _raw(made: PrivateKey) -> bytes:
    return made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@kinds
def test_a_key_is_the_same_after_its_pem(kind: str) -> None:
    """PEM is how keys are kept and told."""
    made = key(kind)
    assert _raw(private_key(private_pem(made))) == _raw(made)
    assert public_key(public_pem(made.public_key())) == made.public_key()


def test_an_ed25519_key_fits_in_a_word() -> None:
    """A word can be pasted where a PEM can't."""
    public = key("ed25519").public_key()
    word = key_word(public)
    assert len(word) == len("ed25519:") + 43
    assert public_key(word) == public
    with pytest.raises(BadKey, match="too long for a word"):
        key_word(key("rsa").public_key())


def test_an_id_is_the_thumbprint_of_the_standard() -> None:
    """RFC 8037, appendix A.3, and RFC 7638, section 3.1: the keys and ids that stand there."""
    ed25519 = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    public = Ed25519PublicKey.from_public_bytes(ed25519)
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    number = int.from_bytes(urlsafe_b64decode(modulus + "=="))
    rsa = RSAPublicNumbers(65_537, number).public_key()
    assert thumbprint(rsa) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


# 1,024 bits: the key of draft-cavage-http-signatures-12.
WEAK = """-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----"""
HUGE = RSAPublicNumbers(65_537, (1 << 16_383) + 1).public_key()
ELLIPTIC = generate_private_key(SECP256R1())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "ed25519:",
        "ed25519:AAAA",
        "ed25519:*" + "A" * 42,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "x" * 100_000,
        "ä",
        WEAK,
        HUGE.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        ELLIPTIC.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
    ids=[
        "empty",
        "garbage",
        "bare",
        "short",
        "letters",
        "cut",
        "long",
        "text",
        "weak",
        "huge",
        "ec",
    ],
)
def test_what_is_no_key_for_us_is_refused(text: str) -> None:
    """Texts of peers are read with care: no weak key, none that keeps us busy (RELIABILITY 21)."""
    with pytest.raises(BadKey):
        public_key(text)


def test_a_private_key_of_another_kind_is_refused() -> None:
    """The same for private ones, and for those behind a password."""
    pem = ELLIPTIC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(BadKey, match="kind"):
        private_key(pem.decode())
    secret = key("ed25519").private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    with pytest.raises(BadKey, match="without a password"):
        private_key(secret.decode())


def test_a_key_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Only its owner may read it, and it is never overwritten."""
    place = tmp_path / "peer.key"
    save_key(place, key("ed25519"))
    assert place.stat().st_mode & 0o777 == 0o600
    assert _raw(load_key(place)) == _raw(key("ed25519"))
    with pytest.raises(ConfigurationError, match="File exists"):
        save_key(place, Ed25519PrivateKey.generate())
    assert _raw(load_key(place)) == _raw(key("ed25519"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """It may have been read already; whoever runs this decides."""
    place = tmp_path / "peer.key"
    save_key(place, key("ed25519"))
    place.chmod(mode)
    with pytest.raises(ConfigurationError, match="others may read"):
        load_key(place)


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    """Missing, something else, a device, a pipe: each is said, none hangs."""
    place = tmp_path / "peer.key"
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_key(place)
    place.write_bytes(b"\xff\0garbage")
    place.chmod(0o600)
    with pytest.raises(ConfigurationError, match="holds no key"):
        load_key(place)
    with pytest.raises(ConfigurationError, match="isn't a file"):
        load_key(os.devnull)
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_key(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="isn't a file"):
        load_key(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("mode", "owner", "user", "refused"),
    [
        (0o100640, 0, 1000, False),
        (0o100440, 0, 1000, False),
        (0o100640, 0, 0, True),
        (0o100640, 1000, 1000, True),
        (0o100660, 0, 1000, True),
        (0o100644, 0, 1000, True),
        (0o100600, 1000, 1000, False),
    ],
)
def test_a_key_of_root_may_be_read_by_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, user: int, refused: bool
) -> None:
    """As secrets are mounted into containers whose user isn't root; nobody else may do more."""
    place = tmp_path / "peer.key"
    save_key(place, key("ed25519"))
    about = os.stat_result((mode, 0, 0, 1, owner, owner, place.stat().st_size, 0, 0, 0))
    said = pytest.raises(ConfigurationError, match="others may") if refused else nullcontext()
    with monkeypatch.context() as patch, said:
        patch.setattr(os, "fstat", lambda _file: about)
        patch.setattr(os, "geteuid", lambda: user)
        load_key(place)
