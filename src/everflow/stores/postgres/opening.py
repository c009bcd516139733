"""What is looked at before a store is used.

* In this order: the way to the server, the server, what may be between, the schema, the store in
  it, what this role may do, the functions of this release.
* Whatever is refused is refused before anything is written, and the error says who has to do what.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import psycopg

from everflow.errors import (
    ConfigurationError,
    EverflowError,
    StoreCopied,
    StoreForeign,
    StoreReadOnly,
    StoreUnavailable,
)
from everflow.stores.postgres.code import QUERIES, in_schema
from everflow.stores.postgres.lines import Connection, open_line
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.schema import FORMAT, lacks_functions, refuse_unknown, write_store
from everflow.stores.postgres.trouble import PREPARE, in_few_words, in_our_words

__all__ = [
    "Found",
    "State",
    "examined",
    "find",
    "recognised",
    "refuse_making",
    "state_of",
    "way_to",
]

OLDEST = 150000  # server_version_num: the oldest release that its makers still look after
_OURS = {"one", "id", "format", "needs", "created", "fleet", "place"}  # columns of the table store


class Server(NamedTuple):
    """What the first look says."""

    version: int
    encoding: str
    read_only: bool
    durability: str
    isolation: str
    pid: int
    role: str
    there: bool
    may_make: bool
    may_use: bool
    owns: bool
    tables: list[str]
    columns: list[str]
    unreadable: list[str]
    unwritable: list[str]


class State(NamedTuple):
    """What a store says of itself, and ``here``, where that was read."""

    id: str
    format: int
    needs: int
    fleet: str
    place: str
    here: str


class Found(NamedTuple):
    """A store that may be used: its id, the way to it, and whether there is a pooler before it."""

    id: str
    line: Connection
    pooled: bool


def find(place: Place, *, create: bool) -> Found:
    """Look at the server and at what is there; make what is missing."""
    line = way_to(place)
    try:
        return _found(line, place, create=create)
    except BaseException:
        line.close()
        raise


def _found(line: Connection, place: Place, *, create: bool) -> Found:
    server = examined(line, place)
    if not server.columns:
        if not create:
            raise ConfigurationError(
                f"there is no store at {place.shown}",
                hint="a worker makes one, or everflow store prepare, or Engine(...)",
            )
        refuse_making(server, place)
        write_store(line, place)
    _refuse_role(server, place)
    state = state_of(line, place)
    refuse_unknown(state.format, state.needs, place.shown)
    _refuse_copy(state, place)
    _refuse_fleet(state, place)
    with line.cursor() as cursor:
        behind = state.format < FORMAT or lacks_functions(cursor, place)
    if behind:
        _refuse_preparing(server, state, place)
        write_store(line, place)
    if place.fleet and not state.fleet:
        line.execute(_query("name_fleet", place), {"fleet": place.fleet})
        _refuse_fleet(state_of(line, place), place)  # another one may have been quicker
    return Found(state.id, line, pooled=server.pid != line.info.backend_pid)


def recognised(line: Connection, place: Place, store: str) -> None:
    """Refuse a connection that leads elsewhere: to another store, a copy, one that is too new."""
    state = state_of(line, place)
    if state.id != store:
        raise StoreForeign(
            f"The store {place.shown} was replaced by another one while it was open.",
            hint="open it again if that was meant",
        )
    _refuse_copy(state, place)
    refuse_unknown(state.format, state.needs, place.shown)


def state_of(line: Connection, place: Place) -> State:
    """What the store says of itself."""
    return State(*_one(line, "store", place))


def examined(line: Connection, place: Place) -> Server:
    """The server, looked at; one that can't bear a store is refused."""
    server = Server(*_one(line, "look", place))
    _refuse_server(server, place)
    if server.pid != line.info.backend_pid:  # something between answers in the server's name
        _refuse_statements(line, place)
    if server.tables and not _OURS.issubset(server.columns):
        raise StoreForeign(
            f"The schema {place.schema} of {place.shown} is another program's.",
            hint="give the store a schema of its own: ?schema=NAME",
        )
    return server


# What a server says that takes no connection. Its errors bear no code until there is one.
_WAYS: tuple[tuple[str, type[EverflowError], str, str], ...] = (
    (
        r"session is read-only|hot standby mode is disabled",
        StoreReadOnly,
        "No server of {place} takes writes: standbys, or set to read only.",
        "name the primary, or all servers: postgresql://USER@HOST1,HOST2/DATABASE",
    ),
    (
        r"authentication failed|no password|role .* does not exist|pg_hba|permi(tted|ssion)",
        ConfigurationError,
        "The server refuses this user of {place}: {said}.",
        "give the right user and password (PGPASSWORD, or a file: see PostgreSQL's PGPASSFILE)",
    ),
    (
        r"database .* does not exist|no such database",
        ConfigurationError,
        "The server has no such database as {place} names.",
        "make it: createdb --encoding=UTF8 --template=template0 NAME",
    ),
    (
        r"Name or service not known|nodename nor servname|No address associated",
        ConfigurationError,
        "There is no such server as {place} names.",
        "look at the name of the host",
    ),
    (
        r"does not support SSL|unsupported startup parameter|invalid .* value:",
        ConfigurationError,
        "{place} can't be reached in this way: {said}.",
        "look at the options of the URL",
    ),
    (
        r"\A(?!.*FATAL:).*(Connection refused|Is the server running)",
        StoreUnavailable,
        "The store {place} can't be used for now: {said}.",
        "look whether the server runs, and at the host and the port of the URL",
    ),
)


def way_to(place: Place) -> Connection:
    """The first connection; what is wrong with the way is told for what it is."""
    try:
        return open_line(place)
    except psycopg.Error as error:
        said = " ".join(str(error).split()).rstrip(".?")
        for pattern, kind, sentence, hint in _WAYS:
            if re.search(pattern, said):
                raise kind(
                    sentence.format(place=place.shown, said=in_few_words(said, pattern)), hint=hint
                ) from error
        raise in_our_words(error, place.shown) from error


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
    if server.isolation != "read committed":
        raise ConfigurationError(
            f"Transactions of {place.shown} are {server.isolation} by default: a store that waits "
            "for others has to see then what they wrote.",
            hint="ALTER ROLE ... SET default_transaction_isolation TO 'read committed'",
        )


def _refuse_statements(line: Connection, place: Place) -> None:
    """A transaction of two statements sees one moment, unless something between tears it apart."""
    try:
        with line.transaction():
            same = _one(line, "moment", place) == _one(line, "moment", place)
    except psycopg.Error as error:
        if "statement pool" not in str(error):
            raise
        same = False
    if not same:
        raise ConfigurationError(
            f"The pooler of {place.shown} gives connections out by single statements.",
            hint="set it to transactions or sessions: pool_mode = transaction",
        )


def refuse_making(server: Server, place: Place) -> None:
    """Where there is no store yet: refuse a role that may not make one."""
    if not server.may_make:
        what = f"in the schema {place.schema}" if server.there else "a schema"
        raise ConfigurationError(
            f"There is no store at {place.shown} yet, and the role {server.role} may not make "
            f"{what}.",
            hint=PREPARE,
        )


def _refuse_role(server: Server, place: Place) -> None:
    if not server.may_use or server.unreadable:
        tables = f" ({', '.join(server.unreadable)})" if server.may_use else ""
        raise StoreReadOnly(
            f"The role {server.role} may not read the store {place.shown}{tables}.",
            hint=f"{PREPARE} --worker {server.role}",
        )
    if server.unwritable:
        raise StoreReadOnly(
            f"The role {server.role} may read the store {place.shown} and not write to it "
            f"({', '.join(server.unwritable)}).",
            hint=f"{PREPARE} --worker {server.role}",
        )


def _refuse_copy(state: State, place: Place) -> None:
    if state.place != state.here:
        raise StoreCopied(
            f"The store {place.shown} is a copy: it was made in another database than this one. "
            "If both were used, everything would be done twice.",
            hint="if it takes the other one's place: everflow store adopt",
        )


def _refuse_fleet(state: State, place: Place) -> None:
    if place.fleet and state.fleet not in {"", place.fleet}:
        raise ConfigurationError(
            f"The store {place.shown} is that of the fleet {state.fleet!r:.60}, not of "
            f"{place.fleet!r:.60}.",
            hint="name that fleet, or give this one a store of its own: ?schema=NAME",
        )


def _refuse_preparing(server: Server, state: State, place: Place) -> None:
    if not server.may_make or (state.format < FORMAT and not server.owns):
        raise ConfigurationError(
            f"The store {place.shown} isn't prepared for this release of Everflow, and the role "
            f"{server.role} may not do that.",
            hint=PREPARE,
        )


def _one(line: Connection, query: str, place: Place) -> tuple[Any, ...]:
    (row,) = line.execute(_query(query, place)).fetchall()
    return row


def _query(name: str, place: Place) -> str:
    return in_schema(QUERIES[name], place.schema)
