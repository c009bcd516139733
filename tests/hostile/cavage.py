"""Deliveries signed as the fediverse does (draft-cavage, version 12), each part said freely."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

from everflow.activitypub import PREFIX as PUB
from tests.hostile.forging import Parts
from tests.hostile.rows import HERE, Sends
from tests.hostile.site import Site
from tests.hostile.strange import AP, Sender

COVERED = ("(request-target)", "host", "date", "digest")
PATH = f"{PUB}/actors/ines/inbox"


def note(**fields: Any) -> bytes:
    """An activity of otto's, who is known as OTTO."""
    said = {"id": "OTTO/notes/1", "type": "Create", "actor": "OTTO", **fields}
    return json.dumps(said).encode()


def sha(body: bytes, name: str = "SHA-256", by: str = "sha256") -> str:
    """A digest (RFC 3230)."""
    return f"{name}={base64.b64encode(hashlib.new(by, body).digest()).decode()}"


@dataclass
class Delivered:
    """A delivery, and what is said of it by its signature; ``late`` changes it when it is signed.

    ``OTTO`` in texts is otto's id, ``TRAP`` the trap's port and ``NOW`` the second that it is.
    """

    body: bytes = field(default_factory=note)
    path: str = PATH
    by: str = "otto"
    host: str = ""
    minutes: float = 0
    date: str | None = None
    digest: str | None = None
    covered: Sequence[str] = COVERED
    params: dict[str, str] = field(default_factory=dict)
    sign: Callable[[Sender, bytes], bytes] = lambda sender, text: sender.key.sign(text)
    late: Callable[[Parts], None] = lambda parts: None
    media: str = AP

    def __call__(self, site: Site) -> bytes:
        """The bytes of the request."""
        sender: Sender = getattr(site, self.by)
        seconds = site.now // 1_000_000
        body = self.body.replace(b"OTTO", site.otto.id.encode())
        headers = {
            "host": self.host or f"{HERE}:{site.port}",
            "date": self._date(seconds),
            "digest": sha(body) if self.digest is None else self.digest,
        }
        values = {**headers, "(request-target)": f"post {self.path}"}
        params = {
            "keyId": f'"{site.otto.key_id}"',
            "algorithm": '"hs2019"',
            "headers": f'"{" ".join(self.covered)}"',
            **self.params,
        }
        values |= {f"({name})": params.get(name, "") for name in ("created", "expires")}
        told = {name: _filled(value, site, seconds) for name, value in params.items() if value}
        text = "\n".join(f"{n}: {_filled(values.get(n, ''), site, seconds)}" for n in self.covered)
        signature = base64.b64encode(self.sign(sender, text.encode())).decode()
        said = {**told, "signature": f'"{signature}"'}
        given = [(name.title(), value) for name, value in headers.items() if value]
        line = ",".join(f"{name}={value}" for name, value in said.items())
        parts = Parts(
            site,
            "POST",
            self.path,
            body,
            [*given, ("Content-Type", self.media), ("Signature", line)],
        )
        self.late(parts)
        return parts.written()

    def _date(self, seconds: int) -> str:
        when = formatdate(seconds + self.minutes * 60, usegmt=True)
        return when if self.date is None else self.date


def _filled(text: str, site: Site, seconds: int) -> str:
    home = site.otto.id.rpartition("/")[0]
    named = (
        text.replace("OTTO", site.otto.id)
        .replace("HOME", home)
        .replace("TRAP", str(site.trap.port))
    )
    return named.replace("NOW", str(seconds))


GOOD = Delivered()


def with_key(key_id: str, **fields: Any) -> Sends:
    """A delivery whose key is said to be that, of the actor whose key it would be."""
    actor = key_id.partition("#")[0]

    def sends(site: Site) -> bytes:
        body = note(actor=_filled(actor, site, 0))
        return replace(GOOD, body=body, params={"keyId": f'"{key_id}"'}, **fields)(site)

    return sends


def late(*changes: Callable[[Parts], None]) -> Delivered:
    """A good delivery, changed after it was signed."""

    def changed(parts: Parts) -> None:
        for change in changes:
            change(parts)

    return replace(GOOD, late=changed)
