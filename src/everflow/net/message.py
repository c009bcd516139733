"""An HTTP request as a plain value: what is sent, signed and verified is one and the same.

A server that verifies makes the URL of what *it* is called (its public address, by configuration)
and of the path and query as they came, undecoded. Who takes the host from the request lets the
sender say for whom a message was meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

__all__ = ["Message", "Place", "usual_authority"]

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#@\\]+)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?"
)


def usual_authority(scheme: str, authority: str) -> str:
    """A host and its port in lower case, the port left out where the scheme says it."""
    return authority.lower().removesuffix(_DEFAULT_PORTS[scheme])


class Place(NamedTuple):
    """A URL taken apart: in lower case and without a default port, but the path as it was."""

    scheme: str
    authority: str
    target: str  # path and query, as they stand in the first line of a request


@dataclass(frozen=True, slots=True)
class Message:
    """A request. ``url`` is absolute; ``headers`` are in order, a name may come more than once."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """The values of all headers of that name, spaces around them removed."""
        return [value.strip(" \t") for key, value in self.headers if key.lower() == name]

    def place(self) -> Place:
        """Where the request goes. ValueError for what isn't a URL of HTTP in plain ASCII."""
        found = _URL.fullmatch(self.url)
        if found is None or not self.url.isascii() or not self.url.isprintable():
            raise ValueError(f"not a URL of HTTP: {self.url!r:.80}")
        if " " in self.url:
            raise ValueError(f"a space in a URL: {self.url!r:.80}")
        scheme = found["scheme"]
        authority = usual_authority(scheme, found["authority"])
        return Place(scheme, authority, (found["path"] or "/") + (found["query"] or ""))

    def having(self, headers: Mapping[str, str]) -> Self:
        """The same with these headers, in the place of those that bear their names."""
        names = {name.lower() for name in headers}
        kept = (pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=(*kept, *headers.items()))
