"""draft-cavage: the draft's own vector, another implementation, and where readers differ."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.errors import CallerError, SignatureRefused
from everflow.errors.outside import WhyRefused
from everflow.net.message import Message
from everflow.net.signatures import cavage
from tests.net.signing import NOW, POST, SECOND, key, replaced, without

# draft-cavage-http-signatures-12, appendix C: a key of 1,024 bits, which we'd not take elsewhere.
DRAFT_KEY = b"""-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----"""
DRAFT_SIGNATURE = (
    'keyId="Test",algorithm="rsa-sha256",headers="(request-target) host date",signature="'
    "qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw"
    '3HMbe8VfEdKFYRqzic+efkb3nndiv/x1xSHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0="'
)
DRAFT = Message(
    "POST",
    "https://example.com/foo?param=value&pet=dog",
    (
        ("host", "example.com"),
        ("date", "Sun, 05 Jan 2014 21:31:40 GMT"),
        ("digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
        ("signature", DRAFT_SIGNATURE),
    ),
    b'{"hello": "world"}',
)


def _why(message: Message, *, kind: str = "ed25519", now: int = NOW) -> WhyRefused:
    with pytest.raises(SignatureRefused) as caught:
        cavage.verify(message, key(kind).public_key(), now=now)
    return caught.value.why


def _ours(kind: str = "ed25519", message: Message = POST) -> Message:
    return message.having(cavage.sign(message, key(kind), key_id="me", now=NOW))


def _by_hand(text: str, header: str, message: Message, kind: str = "ed25519") -> Message:
    """Signed over a text that is written out here, under a header with a gap for the signature."""
    private, data = key(kind), text.encode()
    made = private.sign(data, PKCS1v15(), SHA256()) if kind == "rsa" else private.sign(data)  # type: ignore[call-arg]  # the kind says which
    return message.having({"signature": header.replace("...", b64encode(made).decode())})


def test_the_vector_of_the_draft_proves_true() -> None:
    """Appendix C.2: the query is part of what is signed."""
    public = load_pem_public_key(DRAFT_KEY)
    assert isinstance(public, RSAPublicKey)
    assert cavage.prove(DRAFT, public).key_id == "Test"
    with pytest.raises(SignatureRefused):
        cavage.prove(replace(DRAFT, url="https://example.com/foo"), public)
    with pytest.raises(SignatureRefused) as caught:
        cavage.verify(DRAFT, public, now=1_388_957_500 * SECOND)
    assert caught.value.why == "uncovered"  # its digest isn't


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("says", ["", 'algorithm="hs2019",'])
def test_hs2019_means_what_the_key_is(kind: str, says: str) -> None:
    """Said or not, the algorithm follows from the key (section 2.4)."""
    signed = _ours(kind)
    (now,) = (name for name in ("rsa-sha256", "hs2019") if name in signed.values("signature")[0])
    changed = replaced(signed, "signature", f'algorithm="{now}",', says)
    cavage.verify(changed, key(kind).public_key(), now=NOW)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("rsa", "ed25519"),
        ("rsa", "hmac-sha256"),
        ("rsa", "rsa-sha1"),
        ("rsa", "none"),
        ("ed25519", "rsa-sha256"),
        ("ed25519", "hmac-sha256"),
        ("ed25519", "ecdsa-sha256"),
    ],
)
def test_another_algorithm_than_the_keys_is_refused(kind: str, says: str) -> None:
    """No HMAC by a public key, nothing weak, nothing of another kind."""
    signed = _ours(kind)
    was = "rsa-sha256" if kind == "rsa" else "hs2019"
    assert _why(replaced(signed, "signature", was, says), kind=kind) == "algorithm"


def test_hs2019_by_pss_is_refused() -> None:
    """One algorithm for each kind of key: there is nothing to confuse."""
    private = key("rsa")
    signed = _ours("rsa")
    text = cavage_text(signed)
    made = private.sign(text, PSS(MGF1(SHA512()), 64), SHA512())  # type: ignore[call-arg]  # it is an RSA key
    header = (
        f'keyId="me",algorithm="hs2019",headers="{COVERED}",signature="{b64encode(made).decode()}"'
    )
    assert _why(signed.having({"signature": header}), kind="rsa") == "forged"


COVERED = "(request-target) host date digest"


def cavage_text(signed: Message) -> bytes:
    values = {name: signed.values(name)[0] for name in ("host", "date", "digest")}
    lines = [f"(request-target): post {signed.place().target}"]
    return "\n".join(lines + [f"{name}: {value}" for name, value in values.items()]).encode()


def test_created_and_expires_stand_in_for_the_date() -> None:
    """hs2019 brings times of its own (section 2.1.4 and 2.1.5)."""
    ours = _ours()
    (digest,) = ours.values("digest")
    second = NOW // SECOND
    text = (
        f"(request-target): post /inbox/7?page=1&kind=note\n(created): {second}\n"
        f"(expires): {second + 9}\nhost: peer.example\ndigest: {digest}"
    )
    header = (
        f'keyId="me",algorithm="hs2019",created={second},expires={second + 9},'
        'headers="(request-target) (created) (expires) host digest",signature="..."'
    )
    signed = _by_hand(text, header, without(ours, "date"))
    claim = cavage.verify(signed, key("ed25519").public_key(), now=NOW)
    assert (claim.made, claim.ends) == (NOW, NOW + 9 * SECOND)
    assert _why(signed, now=NOW + 10 * SECOND) == "stale"
    later = replaced(signed, "signature", f"expires={second + 9}", f"expires={second + 99}")
    assert _why(later) == "forged"


def test_created_by_rsa_sha256_is_refused() -> None:
    """The draft forbids it, as `rsa-sha256` is from before there was `(created)`."""
    ours = _ours("rsa")
    (digest,) = ours.values("digest")
    text = (
        f"(request-target): post /inbox/7?page=1&kind=note\n(created): {NOW // SECOND}\n"
        f"host: peer.example\ndigest: {digest}"
    )
    header = (
        f'keyId="me",algorithm="rsa-sha256",created={NOW // SECOND},'
        'headers="(request-target) (created) host digest",signature="..."'
    )
    assert _why(_by_hand(text, header, ours, "rsa"), kind="rsa") == "algorithm"


@pytest.mark.parametrize("left_out", ["(request-target) ", "host ", " digest", "date "])
def test_what_is_not_covered_is_refused(left_out: str) -> None:
    """Each of the four is needed, and is asked for before the signature is looked at."""
    assert _why(replaced(_ours(), "signature", left_out, "")) == "uncovered"


def test_a_signature_that_names_no_headers_is_refused() -> None:
    """The draft's default covers the time alone."""
    ours = _ours()
    assert _why(replaced(ours, "signature", f'headers="{COVERED}",', "")) == "malformed"
    assert _why(replaced(ours, "signature", f'"{COVERED}"', '""')) == "uncovered"


@pytest.mark.parametrize("name", ["host", "date", "digest"])
def test_a_signed_header_that_comes_twice_is_refused(name: str) -> None:
    """One reader takes the first, another the last: there must be one."""
    ours = _ours()
    twice = replace(ours, headers=(*ours.headers, (name, "else")))
    assert _why(twice) == "malformed"


def test_a_message_for_another_host_is_refused() -> None:
    """A message that was signed for one server can't be handed on to another."""
    ours = _ours()
    elsewhere = replace(ours, url=ours.url.replace("peer.", "other."))
    assert _why(elsewhere) == "forged"


def test_other_headers_may_be_signed_too() -> None:
    """Several of one name are joined by commas (section 2.3)."""
    ours = replace(_ours(), headers=(*_ours().headers, ("x-a", "1"), ("x-a", " 2 ")))
    text = cavage_text(ours).decode() + "\nx-a: 1, 2"
    header = f'keyId="me",headers="{COVERED} x-a",signature="..."'
    signed = _by_hand(text, header, ours)
    cavage.verify(signed, key("ed25519").public_key(), now=NOW)
    fewer = replace(signed, headers=tuple(p for p in signed.headers if p != ("x-a", "1")))
    assert _why(fewer) == "forged"
    assert _why(without(signed, "x-a")) == "uncovered"


@pytest.mark.parametrize("key_id", ["", 'a",algorithm="none', "a\\"])
def test_an_id_that_would_write_parameters_is_refused(key_id: str) -> None:
    """The id of a key stands between quotes, and stays there."""
    with pytest.raises(CallerError, match="no key is called"):
        cavage.sign(POST, key("ed25519"), key_id=key_id, now=NOW)


def test_a_signed_header_may_be_in_any_language() -> None:
    """Headers are bytes: UTF-8 comes as one character a byte, and is signed as those bytes."""
    ours = _ours().having({"x-a": "bücher".encode().decode("latin-1")})
    private = key("ed25519")
    assert isinstance(private, Ed25519PrivateKey)
    made = b64encode(private.sign(cavage_text(ours) + b"\nx-a: " + "bücher".encode())).decode()
    header = f'keyId="me",headers="{COVERED} x-a",signature="{made}"'
    cavage.verify(ours.having({"signature": header}), private.public_key(), now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "garbage",
        'keyId="me"',
        'signature="aGk="',
        'keyId="",signature=""',
        'keyId="me",keyId="you",headers="date",signature="aGk="',
        'keyId="me",headers="date date",signature="aGk="',
        'keyId="a\\"b",headers="date",signature="aGk="',
        'keyId="me" headers="date",signature="aGk="',
        'keyId="me",created=soon,headers="(created)",signature="aGk="',
        'keyId="me",created=1e9,headers="(created)",signature="aGk="',
        'keyId="me",expires="never",headers="date",signature="aGk="',
        'Signature keyId="me",headers="date",signature="aGk="',
    ],
)
def test_what_cannot_be_read_is_refused(header: str) -> None:
    """Garbage is a refusal, never an error of ours (RELIABILITY 21)."""
    assert _why(_ours().having({"signature": header})) == "malformed"


@pytest.mark.parametrize(
    "date",
    [
        "",
        "now",
        "2021-04-20T02:07:53Z",
        "Tue, 20 Apr 2021 02:07:53 +0000",
        "Tue, 31 Feb 2021 02:07:53 GMT",
        "Tue, 20 Xyz 2021 02:07:53 GMT",
        "Tue, 20 Apr 2021 25:07:53 GMT",
        "Tuesday, 20-Apr-21 02:07:53 GMT",
        "Tue, \u0662\u0660 Apr 2021 02:07:53 GMT",
    ],
)
def test_a_date_in_another_form_is_refused(date: str) -> None:
    """HTTP has one form for dates that are sent (RFC 9110, section 5.6.7)."""
    assert _why(_ours().having({"date": date})) == "malformed"


@pytest.mark.parametrize(
    "digest",
    ["", "SHA-512=abc", "MD5=abc", "SHA-256=", "SHA-256=abcd", "SHA-256=a,SHA-256=b"],
)
def test_a_digest_that_says_nothing_is_refused(digest: str) -> None:
    """There is one digest by SHA-256, and it is the body's."""
    assert _why(_ours().having({"digest": digest})) in {"digest", "malformed"}


def test_a_second_digest_is_refused() -> None:
    """Two by SHA-256: one of them is of another body. Others beside it are nobody's business."""
    (mine,) = _ours().values("digest")
    assert _why(_ours().having({"digest": f"{mine},{mine}"})) == "digest"
    more = _ours().having({"digest": f"MD5=eA==, {mine.lower()[:8]}{mine[8:]}"})
    assert _why(more) == "forged"  # and not for its digest


def test_a_signature_that_is_not_base64_is_refused() -> None:
    """It would else depend on the reader which bytes it is."""
    ours = _ours()
    header = f'keyId="me",headers="{COVERED}",signature="@@@"'
    assert _why(ours.having({"signature": header})) == "malformed"


@pytest.mark.parametrize("value", ["two\nlines: here", "nul\0", "€"])
def test_a_header_that_could_be_read_as_two_is_refused(value: str) -> None:
    """A line break in a signed header would let one text be signed for another."""
    ours = _ours().having({"x-a": value})
    header = f'keyId="me",headers="{COVERED} x-a",signature="aGk="'
    assert _why(ours.having({"signature": header})) == "malformed"


def test_a_url_that_is_none_is_refused() -> None:
    """A receiver that can't say what it is called verifies nothing."""
    assert _why(replace(_ours(), url="peer.example/inbox")) == "malformed"


_garbage = st.binary(max_size=30).map(lambda data: data.decode("latin-1"))


@settings(max_examples=40)
@given(
    header=_garbage,
    date=_garbage,
    url=_garbage,
)
def test_garbage_is_refused_and_nothing_else_happens(header: str, date: str, url: str) -> None:
    """Whatever the headers and the URL hold, the answer is a refusal."""
    _why(_ours().having({"signature": f'keyId="me",{header}'}))
    _why(_ours().having({"date": date}))
    _why(replace(_ours(), url=url))
