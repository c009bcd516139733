"""Signed requests to a peer that are wrong in one way: each part of a signature can be said freely.

The base of a signature (RFC 9421, section 2.5) is put together here by hand, since what signs for
us refuses to sign what is wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from everflow.federation import PREFIX
from tests.hostile.rows import HERE, Sends
from tests.hostile.site import Site
from tests.hostile.strange import Sender

CALL = "01kays0000" + "0" * 16
COVERED = ('"@method"', '"@target-uri"', '"content-digest"')
MINUTE = 60_000_000


def ask(**said: Any) -> bytes:
    """The body of a call."""
    given = {"function": "add", "input": 1, "expires": 1 << 62, **said}
    return json.dumps(given).encode()


def digest(body: bytes, name: str = "sha-256", by: str = "sha256") -> str:
    """An entry of a content digest."""
    return f"{name}=:{base64.b64encode(hashlib.new(by, body).digest()).decode()}:"


@dataclass
class Asked:
    """A request, and what is said of it by its signature; ``late`` changes it when it is signed."""

    method: str = "PUT"
    path: str = f"{PREFIX}/calls/{CALL}"
    body: bytes = field(default_factory=ask)
    by: str = "west"
    base: str = ""  # the address that is signed, the site's unless given
    covered: Sequence[str] = COVERED
    digests: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    label: str = "sig1"
    headers: tuple[str, ...] = ()
    sign: Callable[[Sender, bytes], bytes] = lambda sender, text: sender.key.sign(text)
    late: Callable[[Parts], None] = lambda parts: None

    def __call__(self, site: Site) -> bytes:
        """The bytes of the request."""
        sender: Sender = getattr(site, self.by)
        address = self.base or f"http://{HERE}:{site.port}"
        said = digest(self.body) if self.digests is None else self.digests
        given = {
            "created": str(site.now // 1_000_000),
            "keyid": f'"{sender.key_id}"',
            "nonce": f'"f{next(site.count)}"',
            "alg": '"ed25519"',
            **self.params,
        }
        told = ";".join(f"{name}={value}" for name, value in given.items() if value)
        inputs = f"({' '.join(self.covered)});{told}"
        values = {
            '"@method"': self.method,
            '"@target-uri"': address + self.path,
            '"@authority"': address.partition("://")[2],
            '"@scheme"': address.partition("://")[0],
            '"@path"': self.path.partition("?")[0],
            '"@query"': "?" + self.path.partition("?")[2],
            '"@request-target"': self.path,
            '"content-digest"': said,
        }
        lines = [f"{name}: {values.get(name, '')}" for name in self.covered]
        text = "\n".join([*lines, f'"@signature-params": {inputs}'])
        signature = base64.b64encode(self.sign(sender, text.encode())).decode()
        parts = Parts(
            site,
            self.method,
            self.path,
            self.body,
            [
                ("Host", address.partition("://")[2]),
                ("Content-Type", "application/json"),
                *([("Content-Digest", said)] if said else []),
                ("Signature-Input", f"{self.label}={inputs}"),
                ("Signature", f"{self.label}=:{signature}:"),
            ],
        )
        self.late(parts)
        return parts.written(*self.headers)


@dataclass
class Parts:
    """A signed request, to be changed after it was signed."""

    site: Site
    method: str
    path: str
    body: bytes
    headers: list[tuple[str, str]]

    def change(self, name: str, old: str, new: str) -> None:
        """Exchange a piece of one header; the piece must be there."""
        for at, (each, value) in enumerate(self.headers):
            if each == name:
                assert old in value, value
                self.headers[at] = (each, value.replace(old, new, 1))

    def value(self, name: str) -> str:
        """What a header says."""
        return next(value for each, value in self.headers if each == name)

    def put(self, name: str, value: str) -> None:
        """Have a header say something else."""
        self.headers = [(each, value if each == name else was) for each, was in self.headers]

    def drop(self, name: str) -> None:
        """Leave a header out."""
        self.headers = [pair for pair in self.headers if pair[0] != name]

    def written(self, *more: str) -> bytes:
        """The request as it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", *more, "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body


Change = Callable[[Parts], None]
GOOD = Asked()
LOOK = Asked("GET", body=b"", covered=COVERED[:2], digests="")


def late(*changes: Change, asked: Asked = GOOD) -> Asked:
    """A good request, changed after it was signed."""

    def changed(parts: Parts) -> None:
        for change in changes:
            change(parts)

    return replace(asked, late=changed)


def to(**fields: object) -> Change:
    """Another method, path or body."""

    def change(parts: Parts) -> None:
        for name, value in fields.items():
            setattr(parts, name, value)

    return change


def put(name: str, value: str) -> Change:
    """Another header."""
    return lambda parts: parts.put(name, value)


def added(name: str, value: str) -> Change:
    """A header more; "=" is for what the one of that name says already."""
    return lambda parts: parts.headers.append((name, parts.value(name) if value == "=" else value))


def exchanged(name: str, old: str, new: str) -> Change:
    """Another piece of a header."""
    return lambda parts: parts.change(name, old, new)


def dropped(name: str) -> Change:
    """No such header."""
    return lambda parts: parts.drop(name)


def covering(*covered: str, asked: Asked = GOOD) -> Asked:
    """A signature of other things; a word stands for what it begins."""
    words = {"method": COVERED[0], "target": COVERED[1], "digest": COVERED[2]}
    return replace(asked, covered=tuple(words.get(each, each) for each in covered))


def said(**params: str) -> Asked:
    """A request whose signature says that of itself."""
    return replace(GOOD, params=params)


def at(minutes: int, name: str = "created", asked: Asked = GOOD) -> Sends:
    """A request of another time."""

    def sends(site: Site) -> bytes:
        seconds = (site.now + minutes * MINUTE) // 1_000_000
        return replace(asked, params={**asked.params, name: str(seconds)})(site)

    return sends


def based(base: str) -> Sends:
    """A request that was signed for another address."""
    return lambda site: replace(GOOD, base=base.replace("PORT", str(site.port)))(site)


def keyed(key: Callable[[Site], str], asked: Asked = GOOD) -> Sends:
    """A request that names another key."""
    return lambda site: replace(asked, params={**asked.params, "keyid": f'"{key(site)}"'})(site)
