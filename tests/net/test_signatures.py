"""Both ways to sign keep the same promises: what they cover, for whom, when, by whom."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.errors import CallerError, SignatureRefused
from everflow.net.message import Message
from everflow.net.signatures import either
from tests.net.signing import NOW, POST, SECOND, WAYS, Way, key, replaced, without

ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.name}-{way.kind}")

quick_ways = pytest.mark.parametrize(
    "way", [way for way in WAYS if way.kind == "ed25519"], ids=lambda way: way.name
)


def _refusal(way: Way, message: Message, **given: int) -> str:
    with pytest.raises(SignatureRefused) as caught:
        way.verify(message, **given)
    return caught.value.why


@ways
def test_what_was_signed_is_taken(way: Way) -> None:
    """A message verifies by its own key, and the claim says whose and when."""
    claim = way.verify(way.signed())
    assert (claim.key_id, claim.made) == ("me", NOW)


@ways
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_message_without_a_body_is_taken(way: Way, method: str) -> None:
    """Where there is no body none is needed."""
    way.verify(way.signed(Message(method, "https://peer.example")))


def _flipped(message: Message) -> Message:
    (value,) = message.values("signature")
    at = len(value) - 20
    return message.having(
        {"signature": value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]}
    )


EDITS: dict[str, Callable[[Message], Message]] = {
    "method": lambda m: replace(m, method="PUT"),
    "path": lambda m: replace(m, url=m.url.replace("inbox", "outbox")),
    "a slash": lambda m: replace(m, url=m.url.replace("?", "/?")),
    "query": lambda m: replace(m, url=m.url.replace("page=1", "page=2")),
    "more query": lambda m: replace(m, url=m.url + "&admin=1"),
    "no query": lambda m: replace(m, url=m.url.partition("?")[0]),
    "host": lambda m: replace(m, url=m.url.replace("peer.", "other.")),
    "port": lambda m: replace(m, url=m.url.replace("example/", "example:8443/")),
    "body": lambda m: replace(m, body=m.body.replace(b"world", b"earth")),
    "no body": lambda m: replace(m, body=b""),
    "more body": lambda m: replace(m, body=m.body + b" "),
    "signature": _flipped,
}


@ways
@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_message_is_refused(way: Way, edit: str) -> None:
    """Whatever is changed underway is noticed (RELIABILITY 17)."""
    assert _refusal(way, EDITS[edit](way.signed())) in {"forged", "digest"}


@ways
def test_a_body_with_its_digest_renewed_is_refused(way: Way) -> None:
    """The digest is signed too, so that a new body with a new digest is forged."""
    body = b'{"hello": "earth"}'
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    signed = replace(way.signed(), body=body)
    if way.name == "cavage":
        edited = signed.having({"digest": f"SHA-256={digest}"})
    else:
        edited = signed.having({"content-digest": f"sha-256=:{digest}:"})
    assert _refusal(way, edited) == "forged"


@ways
def test_another_key_is_refused(way: Way) -> None:
    """Who signs by another key isn't the owner of this one."""
    assert _refusal(way, way.signed(number=1)) == "forged"


@ways
def test_a_key_of_another_kind_is_refused(way: Way) -> None:
    """The algorithm follows from the key: a signature by the other kind proves nothing."""
    other = key("rsa" if way.kind == "ed25519" else "ed25519").public_key()
    with pytest.raises(SignatureRefused) as caught:
        way.judge(way.signed(), other, NOW, 300 * SECOND)
    assert caught.value.why in {"algorithm", "forged"}


@ways
@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_a_stale_or_future_message_is_refused(way: Way, seconds: int) -> None:
    """Five minutes either way, and no more (RELIABILITY 17)."""
    assert _refusal(way, way.signed(), now=NOW + seconds * SECOND) == "stale"


@ways
@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_message_within_the_window_is_taken(way: Way, seconds: int) -> None:
    """Clocks may differ by as much as the window."""
    way.verify(way.signed(), now=NOW + seconds * SECOND)


@ways
def test_a_date_that_was_renewed_is_refused(way: Way) -> None:
    """The time is signed: an old message can't be dressed up."""
    old, later = way.signed(), NOW + 86_400 * SECOND
    if way.name == "cavage":
        (date,) = way.signed(now=later).values("date")
        old = old.having({"date": date})
    else:
        old = replaced(old, "signature-input", str(NOW // SECOND), str(later // SECOND))
    assert _refusal(way, old, now=later) == "forged"


@ways
def test_an_unsigned_message_is_refused(way: Way) -> None:
    """No signature, no claim."""
    bare = without(way.signed(), "signature")
    assert _refusal(way, bare) == "missing"
    with pytest.raises(SignatureRefused):
        either.verify(bare, key(way.kind).public_key(), now=NOW)


@ways
@pytest.mark.parametrize("url", ["peer.example/inbox", "https://peer.example/a b", "https://ä/"])
def test_what_cannot_be_signed_is_refused(way: Way, url: str) -> None:
    """A URL that two sides would write differently is no URL to sign."""
    with pytest.raises(CallerError, match="can't be signed"):
        way.headers(Message("GET", url), key(way.kind), NOW)


@ways
def test_two_signature_headers_are_refused(way: Way) -> None:
    """Two readers must not see two different signatures in one message."""
    signed = way.signed()
    twice = tuple(p for p in signed.headers if p[0].startswith("signature"))
    assert _refusal(way, replace(signed, headers=signed.headers + twice)) == "malformed"


@ways
def test_a_digest_that_is_not_signed_is_refused(way: Way) -> None:
    """The digest header alone says nothing: it must be covered."""
    get = way.signed(Message("GET", POST.url))
    signed = way.signed()
    digests = {n: v for n, v in signed.headers if n.endswith("digest")}
    moved = replace(get, method="GET", body=POST.body).having(digests)
    assert _refusal(way, moved) in {"uncovered", "forged"}


@ways
def test_a_body_that_was_taken_from_a_look_is_missed(way: Way) -> None:
    """A GET needs no digest, but one that is signed tells that there was a body."""
    look = way.signed(Message("GET", POST.url, (), b"a body"))
    way.verify(look)
    assert _refusal(way, replace(look, body=b"")) == "digest"


@ways
def test_a_huge_signature_is_refused_unread(way: Way) -> None:
    """Reading a signature is not a way to keep a server busy."""
    assert _refusal(way, way.signed().having({"signature": "a" * 10_000})) == "malformed"


@ways
def test_an_inbox_takes_either_way(way: Way) -> None:
    """A receiver need not know which way its sender signs."""
    signed = way.signed()
    assert either.claim_of(signed).key_id == "me"
    assert either.verify(signed, key(way.kind).public_key(), now=NOW).key_id == "me"


_path = st.text("abc/%20.-_~!$&'()*+,;=:@", max_size=12).map(lambda text: text.replace("%", "%25"))
_messages = st.builds(
    Message,
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.builds(
        lambda path, query: f"https://peer.example/{path}{query}",
        _path,
        st.sampled_from(["", "?", "?a=b", "?a=b&a=c"]),
    ),
    st.just((("content-type", "text/plain"),)),
    st.binary(max_size=40),
)


@quick_ways
@settings(max_examples=25)
@given(message=_messages)
def test_any_message_that_was_signed_is_taken(way: Way, message: Message) -> None:
    """Signing and verifying are inverses over all messages, queries that are empty included."""
    way.verify(way.signed(message))


@quick_ways
@settings(max_examples=40)
@given(message=_messages, data=st.data())
def test_any_message_that_was_edited_is_refused(
    way: Way, message: Message, data: st.DataObject
) -> None:
    """One character more, less or other, anywhere in what counts: refused."""
    signed = way.signed(message)
    part = data.draw(st.sampled_from(["method", "url", "body", "digest", "date"]))
    if part == "method":
        others = [method for method in ("GET", "POST", "PUT", "DELETE") if method != signed.method]
        edited = replace(signed, method=data.draw(st.sampled_from(others)))
    elif part == "url":
        edited = replace(signed, url=data.draw(_edited(signed.url, len("https://peer.example/"))))
    elif part == "body":
        text = data.draw(_edited(signed.body.decode("latin-1"), 0))
        edited = replace(signed, body=text.encode("latin-1"))
    else:
        names = [n for n, _ in signed.headers if n.endswith(part) or n == "signature-input"]
        name = data.draw(st.sampled_from(names or ["host"]))
        (value,) = signed.values(name)
        edited = signed.having({name: data.draw(_edited(value, 0, len(value) - 1))})
    assert _refusal(way, edited)


def _edited(text: str, first: int, last: int | None = None) -> st.SearchStrategy[str]:
    """The text with one character exchanged for another, taken out or put in."""
    end = len(text) if last is None else last

    def at(place: int, letter: str, kind: int) -> str:
        if kind == 0 or place >= len(text):
            return text[:place] + letter + text[place:]
        return text[:place] + (letter if kind == 1 else "") + text[place + 1 :]

    places = st.integers(first, max(first, end))
    return st.builds(at, places, st.sampled_from("z7"), st.integers(0, 2)).filter(
        lambda new: new != text
    )
