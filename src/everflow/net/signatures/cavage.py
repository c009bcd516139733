"""Signatures of draft-cavage-http-signatures-12, as most of the fediverse still signs.

Ours, since what there is drops the query from what is signed, or takes what should be refused. The
reading is strict where readers differ: no parameter and no signed header comes twice, and dates
have the one form that HTTP prescribes. The query counts (``(request-target)`` is the path *and*
query, section 2.3); who signs without it is refused, for it could be edited.

``hs2019`` says that the algorithm follows from the key (section 2.4). For RSA that is PKCS 1 with
SHA-256 here, as servers do it, although the draft's registry names PSS with SHA-512.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from everflow.errors import CallerError, SignatureRefused
from everflow.net.freshness import WINDOW
from everflow.net.keys import PrivateKey, PublicKey
from everflow.net.message import Message, Place, usual_authority
from everflow.net.signatures.claim import Claim, judge_times, must_cover, needs_digest

__all__ = ["claim_of", "prove", "sign", "unproven", "verify"]

_SECOND = 1_000_000
_LONGEST = 8_192  # characters of the header
_OF_RSA = frozenset({"", "rsa-sha256", "hs2019"})
_OF_ED25519 = frozenset({"", "ed25519", "hs2019"})
_TARGET, _CREATED, _EXPIRES = "(request-target)", "(created)", "(expires)"
_ONCE = frozenset({"host", "date", "digest", "signature"})
_PARAMETER = re.compile(r'[ \t]*([A-Za-z]+)=(?:"([^"\\]*)"|([0-9.]+))[ \t]*(?:,|$)')
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def sign(message: Message, key: PrivateKey, *, key_id: str, now: int) -> dict[str, str]:
    """The headers that sign a message: ``host``, ``date``, ``digest`` with a body, ``signature``.

    ``now`` is in microseconds since the epoch. CallerError for what can't be signed.
    """
    try:
        host = message.place().authority
    except ValueError as error:
        raise CallerError(f"the message can't be signed: {error}") from error
    if not key_id or '"' in key_id or "\\" in key_id:
        raise CallerError(f"the message can't be signed: no key is called {key_id!r:.80}")
    headers = {
        "host": host,
        "date": formatdate(now // _SECOND, usegmt=True),
    }
    if needs_digest(message):
        headers["digest"] = f"SHA-256={_base64(hashlib.sha256(message.body).digest())}"
    covered = (_TARGET, *headers)
    text = _text(message.having(headers), covered, {})
    if isinstance(key, RSAPrivateKey):
        algorithm, made = "rsa-sha256", key.sign(text, PKCS1v15(), SHA256())
    else:
        algorithm, made = "hs2019", key.sign(text)
    parts = {
        "keyId": key_id,
        "algorithm": algorithm,
        "headers": " ".join(covered),
        "signature": _base64(made),
    }
    return {**headers, "signature": ",".join(f'{name}="{part}"' for name, part in parts.items())}


def claim_of(message: Message) -> Claim:
    """What the one signature of a message says of itself; nothing of it is proven.

    SignatureRefused where there is none (``missing``), more than one, or no telling.
    """
    return _read(message).claim


def prove(message: Message, key: PublicKey) -> Claim:
    """The claim, once the key has proven it: it says nothing of freshness or of what it covers."""
    return _proven(message, _read(message), key)


def verify(message: Message, key: PublicKey, *, now: int, window: int = WINDOW) -> Claim:
    """The proven claim of a message that is whole, ours and of now; SignatureRefused otherwise.

    ``message.url`` is what the receiver is called, and its Host header must say the same. ``now``
    and ``window`` are microseconds.
    """
    return _proven(message, _whole(message, now, window), key)


def unproven(message: Message, *, now: int, window: int = WINDOW) -> Claim:
    """The same but for the proof: what can be refused without knowing the key is refused."""
    return _whole(message, now, window).claim


def _whole(message: Message, now: int, window: int) -> _Read:
    read = _read(message)
    claim = read.claim
    judge_times(claim, now, window)
    must_cover(claim, (_TARGET, "host"))
    place = _place(message)
    if usual_authority(place.scheme, _one(message, "host")) != place.authority:
        raise SignatureRefused("forged", "the message was signed for another host")
    if needs_digest(message):
        must_cover(claim, ("digest",))
    if "digest" in claim.covered:  # of a body that was taken away, too
        _check_digest(_one(message, "digest"), message.body)
    return read


@dataclass(frozen=True)
class _Read:
    claim: Claim
    parts: dict[str, str]


def _read(message: Message) -> _Read:
    parts = _parts(message)
    covered = tuple(parts.get("headers", _CREATED).lower().split(" "))
    if len(set(covered)) != len(covered):
        raise SignatureRefused("malformed", "the signature covers something twice")
    made = ends = None
    if _CREATED in covered:
        made = _seconds(parts, "created")
    elif "date" in covered:
        made = _date(_one(message, "date"))
    if "expires" in parts:
        ends = _seconds(parts, "expires")
    claim = Claim(parts["keyId"], made, covered, parts.get("algorithm", "").lower(), ends)
    return _Read(claim, parts)


def _proven(message: Message, read: _Read, key: PublicKey) -> Claim:
    claim, parts = read.claim, read.parts
    rsa = isinstance(key, RSAPublicKey)
    if claim.algorithm not in (_OF_RSA if rsa else _OF_ED25519):
        raise SignatureRefused(
            "algorithm", f"the algorithm {claim.algorithm!r:.40} isn't one of the key's"
        )
    if claim.algorithm.startswith("rsa") and {_CREATED, _EXPIRES} & set(claim.covered):
        raise SignatureRefused("algorithm", "rsa-sha256 can't sign (created) or (expires)")
    text = _text(message, claim.covered, parts)
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(_bytes(parts["signature"]), text, PKCS1v15(), SHA256())
        else:
            key.verify(_bytes(parts["signature"]), text)
    except InvalidSignature as error:
        raise SignatureRefused("forged", "the signature isn't of this key and message") from error
    return claim


def _parts(message: Message) -> dict[str, str]:
    """The parameters of the one Signature header (section 2.1), each once, and nothing else."""
    lines = message.values("signature")
    if not lines:
        raise SignatureRefused("missing", "the message isn't signed")
    text = _one(message, "signature")
    if len(text) > _LONGEST:
        raise SignatureRefused("malformed", f"a signature is longer than {_LONGEST} characters")
    parts: dict[str, str] = {}
    end = 0
    while end < len(text):
        found = _PARAMETER.match(text, end)
        if found is None or found[1] in parts:
            raise SignatureRefused(
                "malformed", f"the signature can't be read at {text[end:]!r:.40}"
            )
        parts[found[1]] = found[2] if found[3] is None else found[3]
        end = found.end()
    if not parts.get("keyId") or not parts.get("signature"):
        raise SignatureRefused("malformed", "the signature lacks its keyId, or itself")
    return parts


def _text(message: Message, covered: tuple[str, ...], parts: dict[str, str]) -> bytes:
    """What is signed: a line for each thing that is covered (section 2.3)."""
    lines = [f"{name}: {_line(message, name, parts)}" for name in covered]
    if any(_CONTROL.search(line) for line in lines):
        raise SignatureRefused("malformed", "what is signed has control characters in it")
    try:
        return "\n".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise SignatureRefused("malformed", "what is signed isn't bytes of HTTP") from error


def _line(message: Message, name: str, parts: dict[str, str]) -> str:
    if name == _TARGET:
        return f"{message.method.lower()} {_place(message).target}"
    if name in {_CREATED, _EXPIRES}:
        found = [parts[key] for key in (name.strip("()"),) if key in parts]
    else:
        found = [_one(message, name)] if name in _ONCE else message.values(name)
    if not found:
        raise SignatureRefused("uncovered", f"{name!r:.40} is signed, but isn't there")
    return ", ".join(found)


def _check_digest(said: str, body: bytes) -> None:
    """The digest (RFC 3230) is of the body. Others than SHA-256 may stand beside it, unread."""
    mine = [each.partition("=")[2] for each in said.split(",") if _is_sha256(each)]
    if len(mine) != 1:
        raise SignatureRefused("digest", "there must be one digest by SHA-256")
    if not hmac.compare_digest(_bytes(mine[0].strip()), hashlib.sha256(body).digest()):
        raise SignatureRefused("digest", "the digest isn't the body's")


def _is_sha256(digest: str) -> bool:
    return digest.partition("=")[0].strip().lower() == "sha-256"


def _one(message: Message, name: str) -> str:
    found = message.values(name)
    if len(found) != 1:
        raise SignatureRefused(
            "malformed" if found else "uncovered", f"there must be one {name} header"
        )
    return found[0]


def _place(message: Message) -> Place:
    try:
        return message.place()
    except ValueError as error:
        raise SignatureRefused("malformed", str(error)) from error


def _date(text: str) -> int:
    try:
        made = parsedate_to_datetime(text) if _DATE.fullmatch(text) else None
    except ValueError:
        made = None
    if made is None:
        raise SignatureRefused("malformed", f"{text!r:.40} isn't a date of HTTP")
    return int(made.timestamp()) * _SECOND


def _seconds(parts: dict[str, str], name: str) -> int:
    text = parts.get(name, "")
    if not _SECONDS.fullmatch(text):
        raise SignatureRefused("malformed", f"{name} of the signature isn't a time")
    return int(text) * _SECOND


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused("malformed", "that isn't base64") from error
