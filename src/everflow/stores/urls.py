"""Places of stores that are URLs: what may be shown of one, and what of it is Everflow's own.

* A place is a secret until it went through ``shown``: passwords stand in URLs.
* Of an option nobody here knows, and of a URL that can't be read, nothing is shown: what looks like
  a port may be a piece of a password with a stray ``/`` in it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["OWN", "is_postgres", "is_torn", "is_url", "options_of", "shown", "without_own"]

_POSTGRES = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# What lacks a slash, a colon or its kind is no file: it was meant as a URL, and has a password,
# perhaps, whatever is in that, or as the words of PostgreSQL's own clients (host=h password=p). A
# file of such a name is written with its folder: ./a:b@c
_TORN = re.compile(
    r"(?!\.{0,2}/(?!/))(?:postgres(?:ql)?:|[^@]*:.*@|(?:.*\s)?\w*password\s*=)",
    re.IGNORECASE | re.DOTALL,
)
_SERVERS = re.compile(r"(?:[A-Za-z0-9._%-]*|\[[0-9A-Fa-f:.%]+\])(?::\d{0,5})?")
OWN = ("schema", "fleet", "patience")  # options that PostgreSQL's own clients don't know
_HARMLESS = frozenset(
    (*OWN, "user", "host", "hostaddr", "port", "dbname", "service", "sslmode", "application_name")
)


def is_url(place: str) -> bool:
    """Whether a place isn't a file."""
    return _URL.match(place) is not None or is_torn(place)


def is_torn(place: str) -> bool:
    """Whether a place was meant as a URL and isn't written as one."""
    return _URL.match(place) is None and _TORN.match(place) is not None


def is_postgres(place: str) -> bool:
    """Whether a place is a PostgreSQL database."""
    return _POSTGRES.match(place) is not None


def shown(place: str) -> str:
    """A place as people may see it: a URL without its password and without unknown options."""
    if is_torn(place):
        return "..."
    if not is_url(place):
        return place
    kind, rest = place.split("://", 1)
    front, _, query = rest.partition("?")
    user, at, where = front.rpartition("@")
    servers, slash, database = where.partition("/")
    name, _, _ = user.partition(":")
    readable = all(_SERVERS.fullmatch(server) for server in servers.split(","))
    if "@" in query or not readable or "@" in user or "/" in user or "/" in database:
        return f"{kind}://..."
    kept = [part for part in query.split("&") if part.split("=", 1)[0] in _HARMLESS]
    options = "?" + "&".join(kept) if kept else ""
    return f"{kind}://{name}{at}{servers}{slash}{database}{options}"


def options_of(url: str) -> dict[str, str]:
    """The options behind the ``?``; of one that stands twice the last counts."""
    pairs = (part.partition("=") for part in _query(url).split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def without_own(url: str) -> str:
    """The URL as PostgreSQL's own clients take it: they know its kind in small letters alone."""
    kind, _, rest = url.partition("?")[0].partition("://")
    front = f"{kind.lower()}://{rest}"
    kept = [part for part in _query(url).split("&") if part.partition("=")[0] not in OWN]
    return f"{front}?{'&'.join(kept)}" if any(kept) else front


def _query(url: str) -> str:
    return url.partition("?")[2]
