"""What is looked at before a store is used.

Whatever is refused is refused before anything is written.

In this order: the server, the database, the schema, the format, the functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from everflow.errors import ConfigurationError, StoreForeign, StoreReadOnly
from everflow.stores.postgres.code import QUERIES, in_schema
from everflow.stores.postgres.lines import Connection, open_line
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.schema import (
    FORMAT,
    lacks_functions,
    migrate,
    refuse_unknown,
    write_functions,
    write_schema,
)

OLDEST = 150000  # server_version_num: the oldest release that its makers still look after


class Server(NamedTuple):
    """What the first look says; ``place`` names the server and the database for ever."""

    version: int
    encoding: str
    read_only: bool
    durability: str
    pid: int
    place: str
    store: bool
    tables: list[str]
    space: bool


class Found(NamedTuple):
    """A store that may be used: its id, and whether there is a pooler before it."""

    id: str
    pooled: bool


def find(place: Place, *, create: bool) -> Found:
    """Look at the server and at what is there; make what is missing.

    Raises psycopg's errors, too.
    """
    with open_line(place) as line:
        server = Server(*_one(line, "look", place))
        _refuse_server(server, place)
        if not server.store:
            _refuse_place(server, place, create=create)
            write_schema(line, place, origin=server.place)
        store, format_, _fleet, _origin = _one(line, "store", place)
        refuse_unknown(format_, place.shown)
        if format_ < FORMAT:
            migrate(line, place)
        if lacks_functions(line, place):
            write_functions(line, place)
        return Found(store, line.info.backend_pid != server.pid)


def recognised(line: Connection, place: Place, store: str) -> None:
    """Refuse a connection that doesn't lead to the store that was opened."""
    if _one(line, "store", place)[0] != store:
        raise StoreForeign(
            f"The store {place.shown} was replaced by another one while it was open.",
            hint="open it again if that was meant",
        )


def _one(line: Connection, query: str, place: Place) -> tuple[Any, ...]:
    (row,) = line.execute(in_schema(QUERIES[query], place.schema)).fetchall()
    return row


def _refuse_server(server: Server, place: Place) -> None:
    if server.version < OLDEST:
        raise ConfigurationError(
            f"The server of {place.shown} is PostgreSQL {server.version // 10000}, which is too "
            f"old: {OLDEST // 10000} is the oldest that a store may be in.",
            hint="upgrade the server",
        )
    if server.encoding != "UTF8":
        raise ConfigurationError(
            f"The database {place.shown} has the encoding {server.encoding}; a store needs UTF8.",
            hint="make one: createdb --encoding=UTF8 --template=template0 NAME",
        )
    if server.read_only:
        raise StoreReadOnly(
            f"The server of {place.shown} takes no writes: a standby, or set to read only.",
            hint="name the primary, or all servers: postgresql://USER@HOST1,HOST2/DATABASE",
        )
    if server.durability == "off":
        raise ConfigurationError(
            f"The server of {place.shown} may lose what it acknowledged: synchronous_commit is "
            "off for this user or database.",
            hint="ALTER ROLE ... RESET synchronous_commit, and so for the database",
        )


def _refuse_place(server: Server, place: Place, *, create: bool) -> None:
    if server.tables:
        raise StoreForeign(
            f"The schema {place.schema} of {place.shown} is another program's.",
            hint="give the store a schema of its own: ?schema=NAME",
        )
    if not create:
        raise ConfigurationError(
            f"there is no store at {place.shown}",
            hint="an Engine or a worker makes one, or connect(..., create=True)",
        )
