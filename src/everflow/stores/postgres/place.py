"""Where a store is: a server's URL, the schema in it, and who works there.

* The URL holds a password, perhaps: nothing but ``shown`` is ever put into a message, and neither
  the place's ``repr`` nor an error of its reading holds a piece of the rest.
* The schema is a plain lower-case name, so that it needs no quotes and makes a channel's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from everflow.errors import ConfigurationError
from everflow.stores.urls import OWN, options_of, shown, without_own

__all__ = ["Place"]

SCHEMA = "everflow"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,49}")  # with the channel's prefix below PostgreSQL's 63
_SECONDS = re.compile(r"\d{1,5}(?:\.\d{1,3})?", re.ASCII)
PATIENCE = 30.0  # seconds: longer than any disk is expected to hold up one call
_TAKEN = ("public", "information_schema")
_KNOWN = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
# A server that dies with its machine says nothing: what was sent to it is given up after 10 s, and
# one that nothing was sent to is asked after 5 s of silence.
_DEFAULTS: dict[str, str] = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
    "application_name": "everflow",
}


@dataclass(frozen=True)
class Place:
    """A store's place. ``fleet`` is empty where whoever opens it doesn't say.

    ``patience``: seconds that a call waits for its answer.
    """

    conninfo: str = field(repr=False)
    schema: str
    fleet: str
    shown: str
    patience: float = PATIENCE

    @property
    def channel(self) -> str:
        """Where notifications of this store come."""
        return f"everflow_{self.schema}"

    @classmethod
    def read(cls, url: str, *, fleet: str = "") -> Place:
        """The place that a URL names; ``ConfigurationError`` where it names none."""
        options = options_of(url)
        seen = shown(url)
        if "@" in url.partition("?")[2]:  # a password with a ? in it: what looks like options isn't
            raise _unreadable(seen)
        for name in options:
            if name not in _KNOWN and name not in OWN:
                _refuse_option(name, seen)
        schema = options.get("schema", SCHEMA)
        if not _NAME.fullmatch(schema) or schema.startswith("pg_") or schema in _TAKEN:
            raise ConfigurationError(
                f"{schema!r:.60} is no schema for a store.",
                hint="a schema of its own: a-z, 0-9 and _, at most 50 of them, such as everflow",
            )
        named = options.get("fleet", "")
        if "fleet" in options and not named:
            raise ConfigurationError(
                f"{seen} names a fleet without a name.", hint="name it, or leave fleet= out"
            )
        if fleet and named and fleet != named:
            raise ConfigurationError(
                f"The setting fleet says {fleet!r:.60}, and {seen} says {named!r:.60}.",
                hint="name the fleet in one place",
            )
        patience = _patience(options.get("patience"), seen)
        return cls(_conninfo(without_own(url), seen), schema, named or fleet, seen, patience)


def _patience(given: str | None, seen: str) -> float:
    if given is None:
        return PATIENCE
    if not _SECONDS.fullmatch(given) or not float(given):
        raise ConfigurationError(
            f"{seen} says patience={given!r:.30}, which is no time.",
            hint="give seconds, such as 30 or 2.5",
        )
    return float(given)


def _refuse_option(name: str, seen: str) -> None:
    """The name isn't repeated: what is behind an & in a password looks like an option, too."""
    close = get_close_matches(name, sorted(_KNOWN | {*OWN}), 1)
    raise ConfigurationError(
        f"{seen} has an option that nobody knows.",
        hint=f"did you mean {close[0]}?"
        if close
        else "see PostgreSQL's connection parameters; an & in a value is written as %26",
    )


def _conninfo(url: str, seen: str) -> str:
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
        ports = [port for port in given.get("port", "").split(",") if port]
        if not all(port.isascii() and port.isdecimal() for port in ports):
            raise psycopg.ProgrammingError
        return make_conninfo("", **(_DEFAULTS | given | {"client_encoding": "UTF8"}))
    except psycopg.Error:
        # What PostgreSQL's client says of it has pieces of it, a password's too.
        raise _unreadable(seen) from None


def _unreadable(seen: str) -> ConfigurationError:
    return ConfigurationError(
        f"{seen} can't be read as the URL of a PostgreSQL database.",
        hint="postgresql://USER@HOST:PORT/DATABASE, with any of : / ? # @ % in a user's "
        "name or a password written as %3A %2F %3F %23 %40 %25",
    )
