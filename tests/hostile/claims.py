"""What signatures say of themselves (17): times, nonces, algorithms, keys, digests, and replays."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from everflow.net.message import Message
from everflow.net.signatures import cavage
from tests.hostile.forging import (
    GOOD,
    LOOK,
    Asked,
    Parts,
    added,
    ask,
    at,
    based,
    digest,
    dropped,
    exchanged,
    keyed,
    late,
    put,
    said,
)
from tests.hostile.rows import HERE, Group, Sends, rows
from tests.hostile.signed import DIGEST, INPUT, NO, SIGNATURE, Table
from tests.hostile.site import Site
from tests.hostile.strange import Sender

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group of Ed25519 (RFC 8032)


def by_public_key(sender: Sender, text: bytes) -> bytes:
    """What whoever takes any algorithm for any key would take."""
    public = sender.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hmac.new(public, text, hashlib.sha256).digest()


def malleable(sender: Sender, text: bytes) -> bytes:
    """The same signature, written otherwise: its second half and the order of the group."""
    made = sender.key.sign(text)
    half = int.from_bytes(made[32:], "little") + ORDER
    return made[:32] + half.to_bytes(32, "little")


def old_way(site: Site) -> bytes:
    """Signed as the fediverse does, which peers don't."""
    host = f"{HERE}:{site.port}"
    message = Message("PUT", f"http://{host}{GOOD.path}", (("host", host),), ask())
    signed = cavage.sign(message, site.west.key, key_id=site.west.key_id, now=site.now)
    return Parts(site, "PUT", GOOD.path, ask(), [*message.having(signed).headers]).written()


def by(sign: bytes) -> Asked:
    """A request with that as its signature."""
    return replace(GOOD, sign=lambda *_: sign)


TIMES: Table = [
    ("of six minutes ago", at(-6), NO),
    ("of a year ago", at(-525_600), NO),
    ("in six minutes", at(6), NO),
    ("in a hundred years", at(52_560_000), NO),
    ("expired", at(-1, "expires"), NO),
    *(
        (f"made {value!r}", said(created=value), NO)
        for value in ("", "-1", "0", '"now"', "1.5", "?1", ":AAAA:", "9" * 15, "9" * 30, "NaN")
    ),
    ("made at a date", said(created="@1600000000"), NO),
    *((f"expires {value!r}", said(expires=value), NO) for value in ("0", '"never"', "1.5", "-1")),
    *(
        (f"with a nonce of {len(value)}: {value[:9]}", said(nonce=value), NO)
        for value in ("", '""', "7", "?1", ":AAAA:", f'"{"n" * 201}"', f'"{"n" * 9_000}"', "nonce")
    ),
]

ALGORITHMS: Table = [
    *(
        (f"by the algorithm {value[:20]}", said(alg=f'"{value}"'), NO)
        for value in (
            "none",
            "NONE",
            "hs2019",
            "hmac-sha256",
            "rsa-v1_5-sha256",
            "rsa-pss-sha512",
            "ecdsa-p256-sha256",
            "ed448",
            "Ed25519",
            "ed25519 ",
            "../ed25519",
            "x" * 500,
        )
    ),
    ("by an algorithm that is a number", said(alg="7"), NO),
    ("by a key as a secret", replace(said(alg='"hmac-sha256"'), sign=by_public_key), NO),
    ("by a key as a secret, unsaid", replace(said(alg=""), sign=by_public_key), NO),
    ("by nothing", by(b""), NO),
    ("by zeros", by(b"\0" * 64), NO),
    ("by a point of small order", by(b"\1" + b"\0" * 63), NO),
    ("by ones", by(b"\xff" * 64), NO),
    ("by half of it", replace(GOOD, sign=lambda s, t: s.key.sign(t)[:32]), NO),
    ("by more than it", replace(GOOD, sign=lambda s, t: s.key.sign(t) + b"\0"), NO),
    ("by its other form", replace(GOOD, sign=malleable), NO),
    ("in the old way", old_way, NO),
    ("for another host", based("http://other.example"), NO),
    ("for this host by TLS", based("https://127.0.0.1:PORT"), NO),
    ("for this host's other name", based("http://localhost:PORT"), NO),
    ("for another port", based("http://127.0.0.1:1"), NO),
    ("for this host by somebody", based("http://west@127.0.0.1:PORT"), NO),
    ("for another prefix", based("http://127.0.0.1:PORT/x"), NO),
]


def at_key(url: str) -> Sends:
    """A request whose key is said to be there."""
    return keyed(lambda site: url.replace("PORT", str(site.trap.port)))


KEYS: Table = [
    ("by east, as west", keyed(lambda site: site.west.key_id, replace(GOOD, by="east")), NO),
    ("by west, as east", keyed(lambda site: site.east.key_id), NO),
    ("with west's id and east's key", keyed(lambda site: site.west.id + site.east.key_id[43:]), NO),
    ("with west's id alone", keyed(lambda site: site.west.id), NO),
    ("with west's name", keyed(lambda _: "west"), NO),
    ("as this instance", keyed(lambda site: site.own), NO),
    *(
        (f"with the key {value[:30]}", said(keyid=value), NO)
        for value in (
            "",
            '""',
            '"#"',
            '"*"',
            '"*#*"',
            "7",
            "?1",
            ":AAAA:",
            "key",
            f'"{"k" * 9_000}"',
        )
    ),
    *(
        (f"with the key {value}", said(keyid=f'"{value}"'), NO)
        for value in ("../../etc/passwd", "' OR '1'='1", "file:///etc/passwd", "gopher://x/y")
    ),
    *(
        (f"with a key at {url}", at_key(url), NO)
        for url in (
            "http://127.0.0.1:PORT/key",
            "http://[::1]:PORT/key",
            "http://localhost:PORT/key",
            "http://2130706433:PORT/key",
            "http://169.254.169.254/latest/meta-data/",
        )
    ),
]

WRITTEN: Table = [
    *((f"no {name}", late(dropped(name)), NO) for name in (SIGNATURE, INPUT, DIGEST)),
    *((f"two of {name}", late(added(name, "sig2=:AAAA:")), NO) for name in (SIGNATURE, INPUT)),
    ("the same input twice", late(added(INPUT, "=")), NO),
    ("the same signature twice", late(added(SIGNATURE, "=")), NO),
    ("a second input", late(exchanged(INPUT, "sig1=", "sig0=();created=1, sig1=")), NO),
    ("a second input behind it", late(exchanged(INPUT, ";alg", ', sig2=("@method");alg')), NO),
    *(
        (f"the input {value[:20]!r}", late(put(INPUT, value)), NO)
        for value in (
            "",
            "sig1",
            "sig1=1",
            "sig1=()",
            'sig1="x"',
            "sig1=(",
            "=()",
            "sig1=();created",
            f"sig1=({'x ' * 3_000})",
            "\x80",
        )
    ),
    *(
        (f"the signature {value[:20]!r}", late(put(SIGNATURE, value)), NO)
        for value in (
            "",
            "sig1",
            "sig1=1",
            "sig1=::",
            'sig1="AAAA"',
            "sig1=:!!!!:",
            "sig1=:AAAA",
            "sig1=(:AAAA:)",
            f"sig1=:{'A' * 9_000}:",
            "\x80",
        )
    ),
    (
        "a fold within it",
        late(exchanged(SIGNATURE, "sig1=:", "sig1=:\r\n ")),
        f"{NO}, 400 bad_request",
    ),
]


def half(body: bytes) -> str:
    """The first half of a digest."""
    return base64.b64encode(hashlib.sha256(body).digest()[:16]).decode()


DIGESTS: Table = [
    (f"a digest {name}", replace(GOOD, digests=value), NO)
    for name, value in (
        ("of nothing", digest(b"")),
        ("of another", digest(ask(input=2))),
        ("that is empty", "sha-256=::"),
        ("that is a text", digest(ask()).replace(":", '"')),
        ("that is half", f"sha-256=:{half(ask())}:"),
        ("of the old way", digest(ask(), "SHA-256").replace(":", "")),
        ("by MD5", digest(ask(), "md5", "md5")),
        ("by SHA-1", digest(ask(), "sha", "sha1")),
        ("by a sum", "unixsum=:AAAA:"),
        ("by nothing known", digest(ask(), "sha-999")),
        ("twice, once right", f"{digest(ask())}, {digest(b'')}"),
        ("twice, once right and last", f"{digest(b'')}, {digest(ask())}"),
        ("right by one of two", f"{digest(ask())}, {digest(b'', 'sha-512', 'sha512')}"),
        ("right by the other", f"{digest(b'')}, {digest(ask(), 'sha-512', 'sha512')}"),
    )
]

ELSEWHERE = replace(LOOK, path=LOOK.path[:-1] + "2")
REPLAYED: Table = [
    (f"a used nonce for another {name}", replace(asked, params={"nonce": '"used"'}), NO)
    for name, asked in (
        ("call", ELSEWHERE),
        ("method", replace(GOOD, method="DELETE")),
        ("body", GOOD),
        ("query", replace(LOOK, path=LOOK.path + "?wait=1")),
    )
] + [
    ("a used nonce a minute ago", at(-1, asked=replace(LOOK, params={"nonce": '"used"'})), NO),
]

CLAIMS = (
    Group("times", 17, rows(TIMES)),
    Group("algorithms", 17, rows(ALGORITHMS)),
    Group("keys", 17, rows(KEYS)),
    Group("written", 17, rows(WRITTEN + DIGESTS)),
    Group("replayed", 17, rows(REPLAYED)),
)
