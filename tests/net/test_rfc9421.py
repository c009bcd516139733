"""RFC 9421: the RFC's own vectors, what must be covered, and what can't be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.errors import SignatureRefused
from everflow.errors.outside import WhyRefused
from everflow.net.keys import private_key, public_key
from everflow.net.message import Message
from everflow.net.signatures import rfc9421
from tests.net.signing import NOW, POST, SECOND, key, replaced

# RFC 9421, appendix B.1.2, B.1.4 and B.2: the keys and the request that the vectors sign.
ED25519_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----"""
RSA_PSS_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----"""
DIGEST = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm"
    "+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
)
REQUEST = Message(
    "POST",
    "https://example.com/foo?param=Value&Pet=dog",
    (
        ("host", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-digest", DIGEST),
        ("content-length", "18"),
    ),
    b'{"hello": "world"}',
)
B_2_1 = {  # nothing is covered
    "signature-input": "sig-b21=();created=1618884473"
    ';keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
    "signature": "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopem"
    "LJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG"
    "52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx"
    "2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6"
    "UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3"
    "+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
}
B_2_3 = {  # all that we ask for, the target in parts
    "signature-input": 'sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type"'
    ' "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"',
    "signature": "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yB"
    "iMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fU"
    "xN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1"
    "pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9"
    "bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5Z"
    "JzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
}
B_2_6 = {  # the body isn't covered
    "signature-input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type"'
    ' "content-length");created=1618884473;keyid="test-key-ed25519"',
    "signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vu"
    "Qv5lIp5WPpBKRCw==:",
}


def _why(message: Message, *, now: int = NOW) -> WhyRefused:
    with pytest.raises(SignatureRefused) as caught:
        rfc9421.verify(message, key("ed25519").public_key(), now=now)
    return caught.value.why


def test_the_vectors_of_the_rfc_prove_true() -> None:
    """Appendix B.2.1, B.2.3 and B.2.6 verify by the keys of the RFC."""
    ed25519 = private_key(ED25519_KEY).public_key()
    rfc9421.prove(REQUEST.having(B_2_6), ed25519)
    for vector in (B_2_1, B_2_3):
        rfc9421.prove(REQUEST.having(vector), public_key(RSA_PSS_KEY))


def test_a_vector_that_covers_everything_is_taken() -> None:
    """B.2.3 covers method, host, path, query and digest: that is a whole message."""
    claim = rfc9421.verify(REQUEST.having(B_2_3), public_key(RSA_PSS_KEY), now=NOW)
    assert claim.key_id == "test-key-rsa-pss"


@pytest.mark.parametrize("vector", [B_2_1, B_2_6], ids=["nothing", "no body"])
def test_a_true_vector_that_covers_too_little_is_refused(vector: dict[str, str]) -> None:
    """That a signature is true is not enough."""
    assert _why(REQUEST.having(vector)) == "uncovered"


def _signed(
    *covered: str, message: Message = POST, body: bytes | None = None, ends: int | None = None
) -> Message:
    """Signed by the library itself, covering what is given."""
    headers: dict[str, str] = {}
    keys = MappingKeyResolver(public_keys={}, private_keys={"me": key("ed25519")})
    HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=keys).sign(
        _Asked(message.method, message.url, headers),
        key_id="me",
        covered_component_ids=covered,
        created=_at(NOW),
        expires=None if ends is None else _at(ends),
        body=body,
    )
    return message.having({name.lower(): value for name, value in headers.items()})


class _Asked:
    def __init__(self, method: str, url: str, headers: object) -> None:
        self.method, self.url, self.headers = method, url, headers


def _at(now: int) -> datetime:
    return datetime.fromtimestamp(now // SECOND, UTC)


@pytest.mark.parametrize(
    "covered",
    [
        ("@method", "@target-uri"),
        ("@method", "@authority", "@path", "@query"),
        ("@method", "@authority", "@request-target"),
    ],
    ids=["uri", "parts", "target"],
)
def test_each_way_to_name_the_target_is_taken(covered: tuple[str, ...]) -> None:
    """Servers name the target whole or in parts."""
    rfc9421.verify(_signed(*covered, body=POST.body), key("ed25519").public_key(), now=NOW)


@pytest.mark.parametrize(
    "covered",
    [
        (),
        ("@target-uri",),
        ("@method",),
        ("@method", "@path", "@query"),
        ("@method", "@authority", "@path"),
        ("@method", "@authority", '"@query-param";name="page"', "@path"),
    ],
    ids=["nothing", "method", "target", "host", "query", "one parameter"],
)
def test_what_is_not_covered_is_refused(covered: tuple[str, ...]) -> None:
    """The name of each case is what is missing; a digest is there in all."""
    assert _why(_signed(*covered, body=POST.body)) == "uncovered"


def test_a_body_that_is_not_covered_is_refused() -> None:
    """Without its digest under the signature a body could be anybody's."""
    assert _why(_signed("@method", "@target-uri")) == "uncovered"


def test_a_look_needs_no_digest() -> None:
    """A GET without a body has nothing to cover beside its target."""
    look = _signed("@method", "@target-uri", message=Message("GET", POST.url))
    rfc9421.verify(look, key("ed25519").public_key(), now=NOW)
    assert _why(replace(look, body=b"x")) == "uncovered"


def test_a_signature_that_ended_is_refused() -> None:
    """Its own word to be over counts, within the window too."""
    ended = _signed("@method", "@target-uri", body=POST.body, ends=NOW + 10 * SECOND)
    rfc9421.verify(ended, key("ed25519").public_key(), now=NOW + 5 * SECOND)
    assert _why(ended, now=NOW + 20 * SECOND) == "stale"


def test_a_signature_without_a_time_is_refused() -> None:
    """Who doesn't say when can be repeated for ever."""
    signed = _signed("@method", "@target-uri", body=POST.body)
    assert _why(replaced(signed, "signature-input", f"created={NOW // SECOND};", "")) == "uncovered"


def test_the_body_of_an_empty_post_is_covered_too() -> None:
    """A body that was taken away is noticed as well."""
    public = key("ed25519").public_key()
    empty = replace(POST, body=b"")
    headers = rfc9421.sign(empty, key("ed25519"), key_id="me", now=NOW, nonce="n")
    rfc9421.verify(empty.having(headers), public, now=NOW)
    assert _why(_signed("@method", "@target-uri", message=empty)) == "uncovered"


OURS = POST.having(rfc9421.sign(POST, key("ed25519"), key_id="me", now=NOW, nonce="n-1"))


def test_the_library_takes_what_we_sign() -> None:
    """Others who use the RFC can read us: coverage, digest and nonce."""
    keys = MappingKeyResolver(public_keys={"me": key("ed25519").public_key()}, private_keys={})

    class Timeless(HTTPMessageVerifier):
        def validate_created_and_expires(self, sig_input: object, max_age: object = None) -> None:
            pass

    (result,) = Timeless(signature_algorithm=ED25519, key_resolver=keys).verify(
        _Asked(OURS.method, OURS.url, dict(OURS.headers)),
        max_age=None,
        require_components=("@method", "@target-uri", "content-digest"),
        body=OURS.body,
    )
    assert (result.nonce, result.body) == ("n-1", OURS.body)


@pytest.mark.parametrize(
    "said",
    ["rsa-v1_5-sha256", "rsa-pss-sha512", "hmac-sha256", "none", "ED25519", "ecdsa-p256-sha256"],
)
def test_another_algorithm_than_the_keys_is_refused(said: str) -> None:
    """A message can't choose how it is checked: no HMAC by a public key, no `none`."""
    assert _why(replaced(OURS, "signature-input", 'alg="ed25519"', f'alg="{said}"')) == "algorithm"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('nonce="n-1"', 'nonce="n-2"'),
        ('keyid="me"', 'keyid="you"'),
        ('"@method" ', ""),
        ('"@method" "@target-uri"', '"@target-uri" "@method"'),
        (';alg="ed25519"', ""),
        ('keyid="me"', 'keyid="me";tag="app"'),
    ],
)
def test_edited_parameters_are_refused(old: str, new: str) -> None:
    """What a signature says of itself is under it too."""
    assert _why(replaced(OURS, "signature-input", old, new)) in {"forged", "uncovered"}


_UNREAD = {"malformed", "missing", "uncovered", "stale"}


@pytest.mark.parametrize(
    "given",
    [
        "",
        "sig1",
        "sig1=?0",
        "sig1=:aGk=:",
        "sig1=(",
        "sig1=(1 2);created=1",
        'sig1=("@method");created="now"',
        'sig1=("@method");created=1.5',
        'sig1=("@method");created=?1',
        'sig1=("@method");keyid=7',
        'sig1=("@method");created=99999999999999999999',
        'sig1=("@method"), sig2=("@method")',
        'sig1=("@method"), sig1=("@method")',
        "sig1=()\r\nX: y",
        "sig1=(\x00)",
        "sig1=(ä)",
        "sig1=" + "(" * 4_000,
    ],
)
def test_what_cannot_be_read_is_refused(given: str) -> None:
    """Garbage is a refusal, never an error of ours (RELIABILITY 21)."""
    assert _why(OURS.having({"signature-input": given})) in _UNREAD


@pytest.mark.parametrize(
    "digest",
    ["", "sha-256=:aGk=:", "md5=:aGk=:", "sha-256", "sha-256=abc", "sha-256=:****:", "ä", ","],
)
def test_a_digest_that_says_nothing_is_refused(digest: str) -> None:
    """A digest must be one, by an algorithm that holds."""
    assert _why(OURS.having({"content-digest": digest})) == "digest"


def test_a_second_digest_is_refused() -> None:
    """Two digests by one algorithm: one of them is of another body."""
    (mine,) = OURS.values("content-digest")
    twice = replace(OURS, headers=(*OURS.headers, ("content-digest", mine)))
    assert _why(twice) == "digest"


_garbage = st.binary(max_size=30).map(lambda data: data.decode("latin-1"))


@settings(max_examples=40)
@given(
    inputs=_garbage,
    signature=_garbage,
    url=_garbage,
)
def test_garbage_is_refused_and_nothing_else_happens(inputs: str, signature: str, url: str) -> None:
    """Whatever the headers and the URL hold, the answer is a refusal."""
    _why(OURS.having({"signature-input": 'sig1=("@method' + inputs, "signature": signature}))
    _why(replace(OURS, url=url))


def test_a_key_of_a_kind_that_is_not_taken_signs_nothing() -> None:
    """ECDSA isn't among the kinds; the library's other algorithms stay out of reach."""
    elliptic = generate_private_key(SECP256R1())
    with pytest.raises(Exception, match="key type"):
        rfc9421.sign(POST, elliptic, key_id="me", now=NOW, nonce="n")  # type: ignore[arg-type]  # the point of the test
