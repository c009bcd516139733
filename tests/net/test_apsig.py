"""Another implementation of draft-cavage reads us, and we read it, where it keeps to the draft."""

from __future__ import annotations

import calendar
import email.utils

import pytest
from apsig.draft.sign import Signer  # type: ignore[import-untyped]  # it ships no types
from apsig.draft.verify import Verifier  # type: ignore[import-untyped]  # it ships no types
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from everflow.errors import SignatureRefused
from everflow.net.keys import public_pem
from everflow.net.message import Message
from everflow.net.signatures import cavage
from tests.net.signing import NOW, SECOND, key

PLAIN = Message(
    "POST", "https://peer.example/inbox", (("content-type", "application/json"),), b'{"a": 1}'
)


def _theirs(message: Message) -> Message:
    private = key("rsa")
    assert isinstance(private, RSAPrivateKey)
    made = Signer(
        headers={"Date": email.utils.formatdate(NOW // SECOND, usegmt=True)},
        private_key=private,
        method=message.method,
        url=message.url,
        key_id="them",
        body=message.body,
    ).sign()
    made.pop("Authorization")
    return message.having({str(name).lower(): str(value) for name, value in made.items()})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_we_take_what_apsig_signs(method: str) -> None:
    """RSA with SHA-256 over target, date, host and digest."""
    message = Message(method, PLAIN.url, (), PLAIN.body if method == "POST" else b"")
    assert cavage.verify(_theirs(message), key("rsa").public_key(), now=NOW).key_id == "them"


def test_apsig_takes_what_we_sign() -> None:
    """The same the other way; it knows no clock but its own, so it is signed at its time."""
    now = calendar.timegm(email.utils.parsedate(email.utils.formatdate()) or ()) * SECOND
    signed = PLAIN.having(cavage.sign(PLAIN, key("rsa"), key_id="us", now=now))
    judge = Verifier(
        public_pem=public_pem(key("rsa").public_key()),
        method=signed.method,
        url=signed.url,
        headers=dict(signed.headers),
        body=signed.body,
    )
    assert judge.verify(raise_on_fail=True) == "us"


def test_a_query_that_apsig_leaves_out_is_refused() -> None:
    """It signs the path alone: anybody could add a query, so such a signature isn't one for it."""
    message = Message("POST", PLAIN.url + "?page=1", PLAIN.headers, PLAIN.body)
    with pytest.raises(SignatureRefused) as caught:
        cavage.verify(_theirs(message), key("rsa").public_key(), now=NOW)
    assert caught.value.why == "forged"
