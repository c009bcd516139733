"""What a peer that is known may not ask (21, 22, 25): bodies, values, calls and keys of others.

All of it is well signed: it is what it says that is wrong.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

from everflow.federation import PREFIX
from everflow.net.keys import key_word, make_ed25519, make_rsa, public_pem
from tests.hostile.forging import CALL, GOOD, LOOK, MINUTE, Asked, ask
from tests.hostile.rows import Group, Sends, rows
from tests.hostile.signed import Table
from tests.hostile.site import Site

BROKEN, REFUSED, NOWHERE = "400 bad_request", "403 remote_refused", "404 no_such_path"


def asking(**said: object) -> Sends:
    """A call with that in its body, which expires soon."""

    def sends(site: Site) -> bytes:
        return replace(GOOD, body=ask(**{"expires": site.now + MINUTE, **said}))(site)

    return sends


def with_body(body: bytes, method: str = "PUT", path: str = f"/calls/{CALL}") -> Asked:
    """A request with that as its body."""
    return Asked(method, PREFIX + path, body)


def valued(text: bytes) -> Sends:
    """A call with that as the value in its JSON."""

    def sends(site: Site) -> bytes:
        body = b'{"function":"add","expires":%d,"input":%s}' % (site.now + MINUTE, text)
        return replace(GOOD, body=body)(site)

    return sends


FLAT = json.dumps({"function": "add", "input": 1, "expires": 1 << 62}).encode()
BODIES: Table = [
    ("nothing", with_body(b""), BROKEN),
    ("half of it", with_body(FLAT[:-1]), BROKEN),
    ("two of it", with_body(FLAT * 2), BROKEN),
    ("a list", with_body(b"[]"), BROKEN),
    ("null", with_body(b"null"), BROKEN),
    ("a byte order mark", with_body(b"\xef\xbb\xbf" + FLAT), BROKEN),
    ("UTF-16", with_body(FLAT.decode().encode("utf-16")), BROKEN),
    ("no text", with_body(b'{"function":"\xff"}'), BROKEN),
    ("gzip", with_body(gzip.compress(FLAT)), BROKEN),
    ("lists 5,000 deep", with_body(b"[" * 5_000), BROKEN),
    ("a pickle", with_body(b"\x80\x04\x95"), BROKEN),
    ("msgpack", with_body(b"\x83\xa8function\xa3add"), BROKEN),
    ("no function", with_body(b'{"input":1,"expires":1}'), BROKEN),
    ("no value", with_body(b'{"function":"add","expires":1}'), BROKEN),
    ("no expiry", with_body(b'{"function":"add","input":1}'), BROKEN),
    ("a function twice", with_body(b'{"function":"hidden",' + FLAT[1:]), BROKEN),
    ("a value twice", with_body(b'{"input":2,' + FLAT[1:]), BROKEN),
    ("a function that is a number", asking(function=1), BROKEN),
    ("a function that is a list", asking(function=["add"]), BROKEN),
    ("an expiry that is a text", asking(expires="1"), BROKEN),
    ("an expiry that is half", asking(expires=1.5), BROKEN),
    ("an expiry beyond all", asking(expires=10**400), f"{BROKEN}, {REFUSED}"),
    ("an expiry that is true", asking(expires=True), BROKEN),
    ("a depth below one", asking(depth=0), BROKEN),
    ("a depth below nothing", asking(depth=-(2**60)), BROKEN),
    ("a depth beyond all", asking(depth=10**30), f"{BROKEN}, {REFUSED}"),
    ("a depth that is a text", asking(depth="1"), BROKEN),
    ("a body of 700 kB", with_body(b" " * 700_000), "413 too_large"),
]

ASKED: Table = [
    ("what isn't exposed", asking(function="hidden"), "404 remote_no_fn"),
    ("what there isn't", asking(function="nothing"), "404 remote_no_fn"),
    ("all", asking(function="*"), "404 remote_no_fn"),
    ("nothing", asking(function=""), "404 remote_no_fn"),
    ("a path", asking(function="../add"), "404 remote_no_fn"),
    ("a module", asking(function="os:system"), "404 remote_no_fn"),
    ("a name with a NUL", asking(function="add\0"), "404 remote_no_fn"),
    ("a name with a line break", asking(function="add\n"), "404 remote_no_fn"),
    ("a name in capitals", asking(function="ADD"), "404 remote_no_fn"),
    ("a name of 100,000 letters", asking(function="x" * 100_000), "404 remote_no_fn"),
    ("what is allowed to others", replace(GOOD, by="east"), REFUSED),
    ("a call that has expired", asking(expires=1), "410 call_expired"),
    ("a call that expired before time", asking(expires=-(2**62)), "410 call_expired"),
    ("a call that expires in ages", GOOD, REFUSED),
    ("a call too deep", asking(depth=101), REFUSED),
    ("a value that doesn't fit", asking(input="one"), REFUSED),
    ("a value of none", asking(input=None), REFUSED),
    ("a value that lies elsewhere", asking(input={"$": "aside", "v": "x"}), REFUSED),
    ("a value that is sealed", asking(input=[{"$": "sealed", "v": "x"}]), REFUSED),
    ("a value of nobody's type", asking(input={"$": "os:system", "v": "id"}), REFUSED),
    ("a value 101 deep", valued(b"[" * 101 + b"]" * 101), REFUSED),
    ("a value 5,000 deep", valued(b"[" * 5_000 + b"]" * 5_000), BROKEN),
    ("a value that is NaN", valued(b"NaN"), BROKEN),
    ("a value that is endless", valued(b"-Infinity"), BROKEN),
    ("a value of 5,000 digits", valued(b"1" * 5_000), BROKEN),
    ("a value beyond all", valued(b"1e400"), f"{REFUSED}, {BROKEN}"),
    ("a value of half a pair", valued(b'"\\ud800"'), f"{REFUSED}, {BROKEN}"),
    ("a value with a name twice", valued(b'{"a":1,"a":2}'), BROKEN),
]

IDS: Table = [
    (f"the call {call[:40]}", Asked(method, f"{PREFIX}/calls/{call}", body), right)
    for call, right in (
        ("", NOWHERE),
        ("x", NOWHERE),
        ("0" * 25, NOWHERE),
        ("0" * 27, NOWHERE),
        (CALL.upper(), NOWHERE),
        ("0" * 25 + "u", NOWHERE),
        ("..", BROKEN + ", " + NOWHERE),
        ("%2e%2e%2f%2e%2e%2fetc", BROKEN),
        ("%00" * 26, BROKEN),
        (f"{CALL}%0a", BROKEN),
        (f"{CALL}%20", NOWHERE),
        (f"{CALL}/", NOWHERE),
        (f"{CALL}//stop", NOWHERE),
        (f"{CALL};x", NOWHERE),
        (f"{CALL}/..;/{CALL}", NOWHERE),
        ("0" * 25 + "%D9%A3", NOWHERE),
        ("*", NOWHERE),
        ("0" * 10_000, NOWHERE),
    )
    for method, body in (("PUT", ask()),)
]

METHODS: Table = [
    *(
        (f"{method} {path}", Asked(method, PREFIX + path, b"{}"), "405 method_not_allowed")
        for method, path in (
            ("POST", f"/calls/{CALL}"),
            ("PATCH", f"/calls/{CALL}"),
            ("OPTIONS", f"/calls/{CALL}"),
            ("TRACE", f"/calls/{CALL}"),
            ("PUT", f"/calls/{CALL}/stop"),
            ("GET", f"/calls/{CALL}/stop"),
            ("GET", "/nudges"),
            ("DELETE", "/key"),
            ("GET", "/key"),
        )
    ),
    ("a look for what there isn't", LOOK, "404 no_such_call"),
    ("a nudge of nothing", with_body(b"{}", "POST", "/nudges"), BROKEN),
    ("a nudge of a text", with_body(b'{"calls":"x"}', "POST", "/nudges"), BROKEN),
    ("a nudge of numbers", with_body(b'{"calls":[1]}', "POST", "/nudges"), BROKEN),
    (
        "a nudge of 10,000 calls",
        with_body(json.dumps({"calls": [CALL] * 10_000}).encode(), "POST", "/nudges"),
        BROKEN,
    ),
]


def announcing(key: str, proof: bytes = b"") -> Asked:
    """A next key, and what is to prove it."""
    body = {"key": key, "proof": base64.b64encode(proof).decode()}
    return with_body(json.dumps(body).encode(), "PUT", "/key")


def others(site: Site) -> bytes:
    """The key of another peer, which didn't sign that it is this one's."""
    return announcing(key_word(site.east.key.public_key()), b"\0" * 64)(site)


NEXT = make_ed25519()
KEYS: Table = [
    ("no key", with_body(b"{}", "PUT", "/key"), BROKEN),
    ("an empty key", announcing(""), BROKEN),
    ("a word that is none", announcing("ed25519:xxxx"), BROKEN),
    ("a key of 100,000 letters", announcing("ed25519:" + "A" * 100_000), BROKEN),
    ("a path as a key", announcing("/etc/passwd"), BROKEN),
    ("a key of RSA", announcing(public_pem(make_rsa().public_key())), BROKEN),
    ("a key without a proof", announcing(key_word(NEXT.public_key())), REFUSED),
    (
        "a key with another's proof",
        announcing(key_word(NEXT.public_key()), NEXT.sign(b"x")),
        REFUSED,
    ),
    ("a key of another peer", others, REFUSED),
    (
        "a proof that isn't base64",
        with_body(
            json.dumps({"key": key_word(NEXT.public_key()), "proof": "!"}).encode(), "PUT", "/key"
        ),
        REFUSED,
    ),
]

KNOWN = (
    Group("peers-bodies", 21, rows(BODIES), proven=True),
    Group("peers-calls", 21, rows(ASKED), proven=True),
    Group("peers-ids", 22, rows(IDS + METHODS), proven=True),
    Group("peers-keys", 17, rows(KEYS), proven=True),
)


def cut(by: int) -> Sends:
    """A call of which so many bytes don't come."""
    return lambda site: GOOD(site)[:-by]


LATE: Table = [
    (
        "half of a forged call",
        lambda site: replace(GOOD, sign=lambda *_: b"\0" * 64)(site)[:-9],
        "401 signature_refused",
    ),
    ("half a call", cut(9), "408 too_slow"),
    ("a call without its body", cut(len(GOOD.body)), "408 too_slow"),
    (
        "half of nobody's call",
        lambda site: replace(GOOD, by="nobody")(site)[:-9],
        "401 signature_refused",
    ),
]
SLOW_PEERS = Group("slow-peers", 15, rows(LATE, alone=True))
