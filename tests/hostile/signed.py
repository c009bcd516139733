"""What isn't a peer's word (17): requests that aren't signed, or edited, and what isn't covered."""

from __future__ import annotations

from dataclasses import replace

from everflow.federation import PREFIX
from everflow.federation.http import ROUTES
from tests.hostile.forging import (
    CALL,
    COVERED,
    GOOD,
    LOOK,
    added,
    ask,
    at,
    covering,
    digest,
    dropped,
    exchanged,
    late,
    put,
    to,
)
from tests.hostile.rows import Group, Sends, rows
from tests.hostile.strange import Sender

NO = "401 signature_refused"
INPUT, SIGNATURE, DIGEST = "Signature-Input", "Signature", "Content-Digest"
WAITING = replace(GOOD, path=GOOD.path + "?wait=1")
Table = list[tuple[str, Sends, str]]


def each_route() -> Table:
    """Every endpoint without a signature, by nobody, by another's key, and by one of yesterday."""
    made: Table = []
    for method, path, _ in ROUTES:
        target = PREFIX + path.replace("{call}", CALL)
        asked = replace(GOOD, method=method, path=target)
        wrong = replace(asked, sign=lambda _, text: Sender("x").key.sign(text))
        made += [
            (
                f"{method} {path} unsigned",
                late(dropped(SIGNATURE), dropped(INPUT), asked=asked),
                NO,
            ),
            (f"{method} {path} by nobody", replace(asked, by="nobody"), NO),
            (f"{method} {path} by another key", wrong, NO),
            (f"{method} {path} of yesterday", at(-1_440, asked=asked), NO),
        ]
    return made


OTHER = ask(input=2)
EDITED: Table = [
    ("the body", late(to(body=OTHER)), NO),
    ("the body, longer", late(to(body=ask() + b" ")), NO),
    ("the body, shorter", late(to(body=ask()[:-1])), NO),
    ("the body, gone", late(to(body=b"")), NO),
    ("the body with its digest", late(to(body=OTHER), put(DIGEST, digest(OTHER))), NO),
    ("the method", late(to(method="DELETE")), NO),
    ("the path", late(to(path=GOOD.path[:-1] + "1")), NO),
    ("the path, to a stop", late(to(path=GOOD.path + "/stop", method="POST")), NO),
    ("a query", late(to(path=WAITING.path)), NO),
    ("a query, gone", late(to(path=GOOD.path), asked=WAITING), NO),
    ("a query, other", late(to(path=WAITING.path + "0"), asked=WAITING), NO),
    ("a fragment", late(to(path=GOOD.path + "#x")), f"{NO}, 404 no_such_path"),
    ("a name in capitals", late(exchanged(INPUT, "created", "Created")), NO),
    ("when", late(exchanged(INPUT, "created=", "created=1")), NO),
    ("its nonce", late(exchanged(INPUT, 'nonce="', 'nonce="x')), NO),
    ("its algorithm", late(exchanged(INPUT, ';alg="ed25519"', "")), NO),
    ("an expiry", late(exchanged(INPUT, ";alg", ";expires=9999999999;alg")), NO),
    ("a tag", late(exchanged(INPUT, ";alg", ';tag="x";alg')), NO),
    (
        "the order of what it covers",
        late(exchanged(INPUT, '"@method" "@target-uri"', '"@target-uri" "@method"')),
        NO,
    ),
    ("what it covers, less", late(exchanged(INPUT, ' "content-digest"', "")), NO),
    ("its label", late(exchanged(SIGNATURE, "sig1", "sig2")), NO),
    ("a letter of it", late(exchanged(SIGNATURE, "sig1=:", "sig1=:A")), NO),
    ("its end", late(exchanged(SIGNATURE, "==:", "AAA:")), NO),
]

COVERING: Table = [
    *(
        (f"only {covered or 'nothing'}", covering(*covered.split()), NO)
        for covered in (
            "",
            "method",
            "target",
            "digest",
            "method target",
            "target digest",
            "method digest",
            'method "@authority" digest',
            'method "@path" digest',
            'method "@authority" "@query" digest',
            'method "@scheme" "@request-target" digest',
        )
    ),
    (
        "a path without its query",
        covering("method", '"@authority"', '"@path"', "digest", asked=WAITING),
        NO,
    ),
    ("all of it twice", covering(*COVERED, *COVERED), NO),
    ("its method twice", covering("method", *COVERED), NO),
    ("a method of another request", covering('"@method";req', "target", "digest"), NO),
    ("a digest of bytes", covering("method", "target", '"content-digest";bs'), NO),
    ("a digest by its key", covering("method", "target", '"content-digest";key="sha-256"'), NO),
    ("a digest in a trailer", covering("method", "target", '"content-digest";tr'), NO),
    ("what there isn't", covering(*COVERED, '"@nothing"'), NO),
    ("a status", covering(*COVERED, '"@status"'), NO),
    ("itself", covering(*COVERED, '"@signature-params"'), NO),
    ("names in capitals", covering(*(name.upper() for name in COVERED)), NO),
    ("names without quotes", covering(*(name.strip('"') for name in COVERED)), NO),
    ("a look without its address", covering("method", asked=LOOK), NO),
    ("a look without its method", covering("target", asked=LOOK), NO),
    ("a look with a body that isn't covered", replace(LOOK, body=b"{}"), NO),
    ("a look without its body", late(to(body=b""), asked=replace(GOOD, method="GET")), NO),
    ("two digests, once right", late(added(DIGEST, digest(b""))), NO),
]

SIGNED = (
    Group("peers", 17, rows(each_route())),
    Group("edited", 17, rows(EDITED)),
    Group("covering", 17, rows(COVERING)),
)
