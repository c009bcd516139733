"""What no inbox takes (17, 18, 21): deliveries of others, of other times, and what misleads it."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from everflow.activitypub import PREFIX as PUB
from tests.hostile.cavage import COVERED, GOOD, PATH, Delivered, late, note, sha, with_key
from tests.hostile.forging import Parts, added, dropped, exchanged, put, to
from tests.hostile.rows import Group, raw, request, rows
from tests.hostile.signed import Table
from tests.hostile.strange import AWAY, INNER, Sender

NO, BROKEN = "401 signature_refused", "400 activity_refused"
SIGNATURE = "Signature"


def by_public_key(sender: Sender, text: bytes) -> bytes:
    """What whoever takes any algorithm for any key would take."""
    public = sender.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hmac.new(public, text, hashlib.sha256).digest()


def said(**params: str) -> Delivered:
    """A delivery whose signature says that of itself."""
    return replace(GOOD, params=params)


def covering(*covered: str, **params: str) -> Delivered:
    """A delivery whose signature is of other things."""
    return replace(GOOD, covered=covered, params=params)


def rewritten(parts: Parts) -> None:
    """Another body, with the digest that it has."""
    parts.body = parts.body.replace(b"Create", b"Delete")
    parts.put("Digest", sha(parts.body))


EDITED: Table = [
    ("the body", late(to(body=note(type="Like"))), NO),
    ("the body, longer", late(to(body=note() + b" ")), NO),
    ("the body, gone", late(to(body=b"")), NO),
    ("the body with its digest", late(rewritten), NO),
    ("the path", late(to(path=f"{PUB}/inbox")), NO),
    ("a query", late(to(path=PATH + "?x=1")), NO),
    ("its host", late(put("Host", "other.example")), NO),
    ("its date", late(exchanged("Date", ":", ":0")), NO),
    ("its algorithm", late(exchanged(SIGNATURE, "hs2019", "rsa-sha256")), NO),
    ("what it covers", late(exchanged(SIGNATURE, " digest", "")), NO),
    ("a letter of it", late(exchanged(SIGNATURE, 'signature="', 'signature="A')), NO),
    ("no signature", late(dropped(SIGNATURE)), NO),
    ("no date", late(dropped("Date")), NO),
    ("no digest", late(dropped("Digest")), NO),
    ("two dates", late(added("Date", "=")), NO),
    ("two digests", late(added("Digest", sha(b""))), NO),
    ("two signatures", late(added(SIGNATURE, "=")), NO),
    (
        "a claim of the other way beside it",
        late(lambda p: p.headers.append(("Signature-Input", 'sig1=("@method");created=1'))),
        NO,
    ),
    *(
        (f"the signature {value[:30]!r}", late(put(SIGNATURE, value)), NO)
        for value in (
            "",
            "x",
            "keyId",
            'keyId="x"',
            'keyId="x",signature=""',
            'keyId="x",signature="!!"',
            'keyId="x",keyId="y",signature="AAAA"',
            'keyId="x\\"y",signature="AAAA"',
            "keyId=\"x,signature='AAAA'",
            'signature="AAAA"',
            "x" * 9_000,
            'keyId="' + "k" * 9_000 + '",signature="AAAA"',
            "Bearer x",
        )
    ),
]

COVERING: Table = [
    *(
        (f"without {each}", covering(*(name for name in COVERED if name != each)), NO)
        for each in COVERED
    ),
    ("only a date", covering("date"), NO),
    ("nothing", covering(), NO),
    ("nothing, unsaid", covering("date", headers=""), NO),
    ("a header twice", covering(*COVERED, "date"), NO),
    ("what there isn't", covering(*COVERED, "x-nothing"), NO),
    ("a target in capitals", covering("(Request-Target)", *COVERED[1:]), NO),
    ("a date in its place", covering("(request-target)", "host", "(created)", "digest"), NO),
    (
        "when, for RSA",
        covering(
            "(request-target)",
            "host",
            "(created)",
            "digest",
            created="NOW",
            algorithm='"rsa-sha256"',
        ),
        NO,
    ),
    (
        "an end that was",
        covering(*COVERED, "(created)", "(expires)", created="NOW", expires="1"),
        NO,
    ),
    *(
        (f"made {value!r}", covering(*COVERED, "(created)", created=value), NO)
        for value in ('"x"', "-1", "1.5", "9" * 15, "0x10", "1")
    ),
]

TIMES: Table = [
    ("of six minutes ago", replace(GOOD, minutes=-6), NO),
    ("in six minutes", replace(GOOD, minutes=6), NO),
    ("of another century", replace(GOOD, minutes=-60_000_000), NO),
    *(
        (f"of the date {value[:30]!r}", replace(GOOD, date=value), NO)
        for value in (
            "now",
            "2026-11-22T10:00:00Z",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Thu, 32 Jan 2026 00:00:00 GMT",
            "Thu, 01 Jan 99999 00:00:00 GMT",
            "0",
            "x" * 5_000,
        )
    ),
]

DIGESTS: Table = [
    (f"a digest {name}", replace(GOOD, digest=value), NO)
    for name, value in (
        ("of nothing", sha(b"")),
        ("that is empty", "SHA-256="),
        ("by MD5", sha(note(), "MD5", "md5")),
        ("by SHA-1", sha(note(), "SHA", "sha1")),
        ("by nothing known", sha(note(), "X-256")),
        ("twice", f"{sha(b'')},{sha(b'x')}"),
        ("of the new way", "sha-256=:AAAA:"),
        ("that isn't base64", "SHA-256=!!!!"),
    )
]

ALGORITHMS: Table = [
    *(
        (f"by the algorithm {value}", said(algorithm=f'"{value}"'), NO)
        for value in (
            "none",
            "hmac-sha256",
            "rsa-sha256",
            "rsa-sha1",
            "rsa-sha512",
            "ecdsa-sha256",
            "x",
        )
    ),
    ("by a key as a secret", replace(said(algorithm='"hmac-sha256"'), sign=by_public_key), NO),
    ("by a key as a secret, unsaid", replace(said(algorithm=""), sign=by_public_key), NO),
    ("by nobody", replace(GOOD, sign=lambda _, text: Sender("x").key.sign(text)), NO),
    ("by a peer", replace(GOOD, by="west"), NO),
    ("by zeros", replace(GOOD, sign=lambda *_: b"\0" * 64), NO),
    ("for another host", replace(GOOD, host="other.example"), NO),
]

# Keys that lie where nobody may look: inside, by names that lead inside, in other schemes, or
# behind redirects of a host that may be asked.
LED = [
    "http://127.0.0.1:TRAP/users/x",
    "https://127.0.0.1:TRAP/users/x",
    "http://LOCALHOST:TRAP/users/x",
    "http://127.1:TRAP/users/x",
    "http://2130706433:TRAP/users/x",
    "http://0x7f000001:TRAP/users/x",
    "http://0177.0.0.1:TRAP/users/x",
    "http://0:TRAP/users/x",
    "http://0.0.0.0:TRAP/users/x",
    "http://[::]:TRAP/users/x",
    "http://[::1]:TRAP/users/x",
    "http://[::ffff:127.0.0.1]:TRAP/users/x",
    "http://[::ffff:7f00:1]:TRAP/users/x",
    "http://[64:ff9b::7f00:1]:TRAP/users/x",
    "http://[2002:7f00:1::]:TRAP/users/x",
    "http://[fe80::1%25lo]:TRAP/users/x",
    "http://10.0.0.1:TRAP/users/x",
    "http://192.168.0.1:TRAP/users/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://strange.example@127.0.0.1:TRAP/users/x",
    "http://127.0.0.1:TRAP\\\\@strange.example/users/x",
    "http://127.0.0.1%2f@strange.example:TRAP/users/x",
    "http://127%2e0%2e0%2e1:TRAP/users/x",
    "http://strange.example:TRAP:80/users/x",
    "file:///etc/passwd",
    "ftp://127.0.0.1:TRAP/x",
    "gopher://127.0.0.1:TRAP/_x",
    "unix:///run/docker.sock",
    "javascript:alert(1)",
    "data:application/json,{}",
    "//127.0.0.1:TRAP/users/x",
    "/users/x",
    "http:///users/x",
    "acct:otto@strange.example",
    *(f"http://{name}:TRAP/users/x" for name in INNER),
]
KEYS: Table = [(f"a key at {url}#k", with_key(f"{url}#k"), f"{NO}, {BROKEN}") for url in LED] + [
    (f"a key {name}: {shown[1]['Location']}", with_key(f"HOME/{name}#k"), NO)
    for name, shown in AWAY.items()
]

BODIES: Table = [
    *(
        (name, replace(GOOD, body=body), BROKEN)
        for name, body in (
            ("nothing", b""),
            ("a list", b"[]"),
            ("null", b"null"),
            ("half of it", note()[:-1]),
            ("two of it", note() * 2),
            ("a byte order mark", b"\xef\xbb\xbf" + note()),
            ("no text", note(x="y").replace(b'"y"', b'"\xff"')),
            ("UTF-16", note().decode().encode("utf-16")),
            ("gzip", gzip.compress(note())),
            ("NaN", note(x=1).replace(b"1}", b"NaN}")),
            ("an infinity", note(x=1).replace(b"1}", b"-Infinity}")),
            ("a float beyond all", note(x=1).replace(b"1}", b"1e999}")),
            ("a number that nobody holds", note(x=2**53 + 1)),
            ("a number of 400 digits", note(x=10**400)),
            ("half a pair", note(x="\ud83d")),
            ("half a pair in a name", note(**{"\udc00": 1})),
            ("lists 70 deep", note(x=json.loads("[" * 70 + "]" * 70))),
            ("lists 5,000 deep", b"[" * 5_000 + b"]" * 5_000),
            ("an id twice", b'{"id":"OTTO/1",' + note()[1:]),
            ("an actor twice", b'{"actor":"http://x.example",' + note()[1:]),
            ("a name within twice", note(x=1).replace(b"1}", b'{"a":1,"a":2}}')),
            ("no id", note(id=None)),
            ("an empty id", note(id="")),
            ("an id that is a number", note(id=7)),
            ("an id with a NUL", note(id="a\0b")),
            ("an id with a line break", note(id="a\nb")),
            ("an endless id", note(id="x" * 3_000)),
            ("no type", note(type=None)),
            ("a type that is an object", note(type={"a": 1})),
            ("too many types", note(type=["Create"] * 17)),
            ("no actor", note(actor=None)),
            ("no actors", note(actor=[])),
            ("two actors", note(actor=["OTTO", "http://x.example/y"])),
            ("an actor that is a number", note(actor=7)),
            ("an actor without an id", note(actor={"type": "Person"})),
        )
    ),
    ("an actor of another host", replace(GOOD, body=note(actor="http://x.example/y")), NO),
    ("an actor of this host", replace(GOOD, body=note(actor="http://127.0.0.1/y")), NO),
    ("too much", replace(GOOD, body=note(x="y" * 700_000)), "413 request_too_large"),
    *(
        (f"as {media or 'nothing'}", replace(GOOD, media=media), "415 not_json")
        for media in (
            "",
            "text/plain",
            "text/html",
            "application/json",
            "application/x-www-form-urlencoded",
            "application/ld+json",
            'application/ld+json; profile="http://x.example"',
            "application/activity+xml",
        )
    ),
]

SHOWN: Table = [
    (f"an actor whose document is {name}", with_key(f"HOME/{name}#main-key"), NO)
    for name in (
        "another",
        "unowned",
        "keyless",
        "page",
        "list",
        "half",
        "deep",
        "twice",
        "large",
        "bomb",
        "broken",
        "gone",
        "round",
        "nothing",
    )
]

ELSEWHERE: Table = [
    (f"{method} {path}", request(method, PUB + path, body, token=""), right)
    for method, path, body, right in (
        ("GET", "/actors/ines/inbox", None, "405 method_not_allowed"),
        ("PUT", "/actors/ines/inbox", "{}", "405 method_not_allowed"),
        ("DELETE", "/actors/ines", None, "405 method_not_allowed"),
        ("POST", "/actors/ines/outbox", "{}", "405 method_not_allowed"),
        ("POST", "/actors/ines/inbox/", "{}", "404 no_such_path"),
        ("POST", "/actors/INES/inbox", "{}", "404 no_such_path, 415 not_json"),
        ("POST", "/actors/none/inbox", "{}", "404 no_such_path"),
        ("GET", "/actors/%2e%2e", None, "400 bad_request"),
        ("GET", "/actors/ines%00", None, "400 bad_request"),
        ("GET", "/actors/ines;x", None, "404 no_such_path"),
        ("GET", "/actors/" + "x" * 5_000, None, "404 no_such_path"),
        ("GET", "/objects/..%2f..%2fetc", None, "400 bad_request"),
        ("GET", "/activities/'--", None, "404 no_such_path"),
        ("GET", "/actors/ines/followers?page=1&after=%00", None, "400 bad_request"),
        ("GET", "/actors/ines/outbox?page=1&after=" + "x" * 3_000, None, "400 bad_request"),
    )
] + [
    (
        "a WebSocket at the inbox",
        raw(
            b"GET /ap/inbox HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAA\r\n\r\n"
        ),
        "405 method_not_allowed",
    ),
]

INBOX = (
    Group("inbox-edited", 17, rows(EDITED), proven=True),
    Group("inbox-claims", 17, rows(COVERING + TIMES + DIGESTS + ALGORITHMS), proven=True),
    Group("inbox-led", 18, rows(KEYS), proven=True),
    Group("inbox-bodies", 21, rows(BODIES), proven=True),
    Group("inbox-shown", 17, rows(SHOWN), proven=True),
    Group("inbox-elsewhere", 22, rows(ELSEWHERE)),
)
SLOW_INBOX = Group(
    "inbox-slow",
    15,
    rows([("half a delivery", lambda s: GOOD(s)[:-9], "408 request_too_slow")], alone=True),
)
