"""HTTP Message Signatures (RFC 9421), with content digests (RFC 9530), by http-message-signatures.

The library says whether a signature is true of what it covers; what must be covered, when it was
made and which algorithm may be is said here. The library alone takes a message whose signature
covers nothing, and one whose body was changed if it isn't told to look.

We sign ``@method``, ``@target-uri`` and ``content-digest``, with ``created``, ``nonce``, ``keyid``
and ``alg``. We take as well what covers the target in parts.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import http_sf
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    MappingKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from everflow.errors import CallerError, SignatureRefused
from everflow.net.freshness import WINDOW
from everflow.net.keys import PrivateKey, PublicKey
from everflow.net.message import Message
from everflow.net.signatures.claim import Claim, judge_times, must_cover, needs_digest

__all__ = ["claim_of", "prove", "sign", "unproven", "verify", "verify_head", "whole"]

_SECOND = 1_000_000
_LONGEST = 8_192  # characters of the two headers: parsing is not to be a way to keep us busy
_COVERED = ("@method", "@target-uri", "content-digest")
_ED25519 = (algorithms.ED25519,)
_RSA = (algorithms.RSA_V1_5_SHA256, algorithms.RSA_PSS_SHA512)  # the first is what we sign with


def sign(message: Message, key: PrivateKey, *, key_id: str, now: int, nonce: str) -> dict[str, str]:
    """The headers that sign a message: ``content-digest``, ``signature-input``, ``signature``.

    ``now`` is in microseconds since the epoch. ``nonce`` is a fresh random text: the caller draws
    it, and a receiver knows a replay by it. CallerError for a URL or method that can't be signed.
    """
    algorithm = _RSA[0] if isinstance(key, RSAPrivateKey) else _ED25519[0]
    headers: dict[str, str] = {}
    try:
        made = HTTPMessageSigner(signature_algorithm=algorithm).prepare(
            _Asked(message.method, message.url, headers),
            key_id=key_id,
            created=datetime.fromtimestamp(now // _SECOND, UTC),
            nonce=nonce,
            label="sig1",
            covered_component_ids=_COVERED,
            body=message.body,
        )
    except HTTPMessageSignaturesException as error:
        raise CallerError(f"the message can't be signed: {error}") from error
    signature = b64encode(algorithm(private_key=key).sign(made.signature_base)).decode()
    return {
        "content-digest": headers["Content-Digest"],
        "signature-input": f"{made.label}={made.signature_params}",
        "signature": f"{made.label}=:{signature}:",
    }


def claim_of(message: Message) -> Claim:
    """What the one signature of a message says of itself; nothing of it is proven.

    SignatureRefused where there is none (``missing``), more than one, or no telling.
    """
    inputs, signatures = message.values("signature-input"), message.values("signature")
    if not inputs or not signatures:
        raise SignatureRefused("missing", "the message isn't signed")
    if sum(map(len, (*inputs, *signatures))) > _LONGEST:
        raise SignatureRefused("malformed", f"a signature is longer than {_LONGEST} characters")
    try:
        found: Any = http_sf.parse(
            ", ".join(inputs).encode("ascii"), tltype="dictionary", on_duplicate_key=_once
        )
    except ValueError as error:
        raise SignatureRefused("malformed", f"the signature can't be read: {error}") from error
    if not isinstance(found, dict) or len(found) != 1:
        raise SignatureRefused("malformed", "a message has one signature")
    ((items, params),) = found.values()
    if not isinstance(items, list):
        raise SignatureRefused("malformed", "the signature has no list of what it covers")
    covered = tuple(str(name) + ("" if not of else f";{sorted(of)}") for name, of in items)
    return Claim(
        key_id=_text(params, "keyid"),
        made=_time(params, "created"),
        covered=covered,
        algorithm=_text(params, "alg"),
        ends=_time(params, "expires"),
        nonce=_text(params, "nonce"),
    )


def prove(message: Message, key: PublicKey) -> Claim:
    """The claim, once the key has proven it: it says nothing of freshness or of what it covers."""
    return _proven(message, claim_of(message), key)


def verify(message: Message, key: PublicKey, *, now: int, window: int = WINDOW) -> Claim:
    """The proven claim of a message that is whole, ours and of now; SignatureRefused otherwise.

    ``message.url`` is what the receiver is called, not what the sender called it. ``now`` and
    ``window`` are microseconds.
    """
    return _proven(message, unproven(message, now=now, window=window), key)


def unproven(message: Message, *, now: int, window: int = WINDOW) -> Claim:
    """The same but for the proof: what can be refused without knowing the key is refused."""
    claim = _claimed(message, now, window)
    whole(message, claim)
    return claim


def verify_head(message: Message, key: PublicKey, *, now: int, window: int = WINDOW) -> Claim:
    """What ``verify`` gives for a message of which the body wasn't read; ``whole`` says the rest.

    The signature is over the body's digest, so it is known whose message it is before anybody
    waits for a body or keeps it.
    """
    return _proven(message, _claimed(message, now, window), key)


def whole(message: Message, claim: Claim) -> None:
    """SignatureRefused unless the body is the one that the claim covers."""
    if needs_digest(message):
        must_cover(claim, ("content-digest",))
    if "content-digest" in claim.covered:  # of a body that was taken away, too
        _check_digest(message)


def _claimed(message: Message, now: int, window: int) -> Claim:
    """What is said by the headers alone, fresh and covering what it must."""
    claim = claim_of(message)
    judge_times(claim, now, window)
    query = ("@query",) if "?" in message.url else ()
    must_cover(claim, ("@method",))
    must_cover(
        claim,
        ("@target-uri",),
        ("@authority", "@path", *query),
        ("@authority", "@request-target"),
    )
    if needs_digest(message):
        must_cover(claim, ("content-digest",))
    return claim


def _proven(message: Message, claim: Claim, key: PublicKey) -> Claim:
    known = _RSA if isinstance(key, RSAPublicKey) else _ED25519
    fitting = [each for each in known if claim.algorithm in {"", each.algorithm_id}]
    if not fitting:
        raise SignatureRefused(
            "algorithm", f"the algorithm {claim.algorithm!r:.40} isn't one of the key's"
        )
    for algorithm in fitting:
        said = _untrue(message, claim.key_id, key, algorithm)
        if not said:
            return claim
    raise SignatureRefused("forged", f"the signature isn't of this key and message: {said}")


def _check_digest(message: Message) -> None:
    said = ", ".join(message.values("content-digest"))
    try:
        ContentDigest.verify(said, message.body)
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise SignatureRefused("digest", f"the digest isn't the body's: {error}") from error


def _untrue(
    message: Message, key_id: str, key: PublicKey, algorithm: type[HTTPSignatureAlgorithm]
) -> str:
    """Why the signature isn't of that key by that algorithm; empty where it is."""
    keys = MappingKeyResolver(public_keys={key_id: key}, private_keys={})
    verifier = _Verifier(signature_algorithm=algorithm, key_resolver=keys)
    asked = _Asked(message.method, message.url, _Lines(message.headers))
    try:
        verifier.verify(asked, max_age=None)
    except (HTTPMessageSignaturesException, ValueError, TypeError) as error:
        return str(error) or type(error).__name__
    return ""


@dataclass(frozen=True)
class _Asked:
    """A request as the library wants it."""

    method: str
    url: str
    headers: Any


@dataclass(frozen=True)
class _Lines:
    """Headers of which a name may come more than once, as the library wants them."""

    pairs: tuple[tuple[str, str], ...]

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)


class _Verifier(HTTPMessageVerifier):
    """Without a clock: time is an argument here, and judged by ``judge_times``."""

    require_created = False

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Nothing."""


def _once(key: str, _where: str) -> None:
    raise ValueError(f"{key!r:.40} comes twice")


def _text(params: dict[str, Any], name: str) -> str:
    found = params.get(name, "")
    if not isinstance(found, str):
        raise SignatureRefused("malformed", f"{name} of the signature isn't a text")
    return found


def _time(params: dict[str, Any], name: str) -> int | None:
    found = params.get(name)
    if found is None:
        return None
    if type(found) is not int:
        raise SignatureRefused("malformed", f"{name} of the signature isn't a time")
    return found * _SECOND
