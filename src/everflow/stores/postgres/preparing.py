"""What the owner of a store does by hand: prepare it for a release and for roles, adopt a copy.

* Who only works in a store needs no right to make anything: its owner prepares it before a release
  is put to work. What that does is one text, which may be printed and read instead.
* Functions of other releases stay, for their workers, until it is said that there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from everflow.errors import ConfigurationError
from everflow.stores.postgres.code import QUERIES, SUFFIX, code_in, in_schema
from everflow.stores.postgres.lines import Connection
from everflow.stores.postgres.opening import (
    Server,
    examined,
    refuse_making,
    state_of,
    way_to,
)
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.schema import (
    FORMAT,
    forget_others,
    grants_text,
    lacks_functions,
    refuse_unknown,
    steps_text,
    write_store,
)
from everflow.stores.postgres.trouble import in_words

__all__ = ["Prepared", "adopt", "is_made", "preparation", "prepare"]


class Prepared(NamedTuple):
    """What was done: whether the store was made, its format, and whose functions went."""

    place: str
    made: bool
    format: int
    forgotten: int


def prepare(
    url: str, *, workers: Sequence[str] = (), clients: Sequence[str] = (), forget: bool = False
) -> Prepared:
    """Make or bring up the store and this release's functions; let these roles work there.

    ``workers`` execute runs, ``clients`` start and answer them. ``forget``: no other release is at
    work any more, and its functions go. Raises as opening does, and ``ConfigurationError`` for a
    role that isn't there or isn't to be granted anything by this one.
    """
    place = Place.read(url)
    with _looked_at(place) as (line, server):
        made = not server.columns
        write_store(line, place)
        with _roles_there(place), line.transaction(), line.cursor() as cursor:
            cursor.execute(in_schema(QUERIES["lock"], place.schema))
            gone = forget_others(cursor, place) if forget else 0
            grants = grants_text(place, line, workers=workers, clients=clients)
            if grants:
                cursor.execute(grants)
        return Prepared(place.shown, made, state_of(line, place).format, gone)


def preparation(url: str, *, workers: Sequence[str] = (), clients: Sequence[str] = ()) -> str:
    """What ``prepare`` would do, as SQL for ``psql``."""
    place = Place.read(url)
    with _looked_at(place) as (line, server):
        found = state_of(line, place).format if server.columns else 0
        parts = ["BEGIN;", in_schema(QUERIES["lock"], place.schema) + ";"]
        if found < FORMAT:
            parts.append(steps_text(place, found))
        with line.cursor() as cursor:
            if lacks_functions(cursor, place):
                parts.append(code_in(place.schema).text)
        parts.append(grants_text(place, line, workers=workers, clients=clients))
    head = f"-- A store of Everflow's in the schema {place.schema}, functions {SUFFIX}."
    return "\n\n".join(part for part in (head, *parts, "COMMIT;") if part) + "\n"


def is_made(url: str) -> bool:
    """Whether there is a store; where there isn't, a role that may not make one is refused."""
    place = Place.read(url)
    with _looked_at(place) as (_, server):
        if not server.columns:
            refuse_making(server, place)
        return bool(server.columns)


def adopt(url: str) -> bool:
    """Have a copy take the place of the store that it was made of; False where it isn't a copy."""
    place = Place.read(url)
    with _looked_at(place) as (line, server):
        if not server.columns:
            raise ConfigurationError(f"there is no store at {place.shown}")
        state = state_of(line, place)
        if state.place == state.here:
            return False
        line.execute(in_schema(QUERIES["take_place"], place.schema))
        return True


@contextmanager
def _looked_at(place: Place) -> Iterator[tuple[Connection, Server]]:
    with in_words(place.shown), way_to(place) as line:
        server = examined(line, place)
        if server.columns:
            state = state_of(line, place)
            refuse_unknown(state.format, state.needs, place.shown)
        yield line, server


@contextmanager
def _roles_there(place: Place) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UndefinedObject as error:
        raise ConfigurationError(
            f"The server of {place.shown} knows no such role: {error.diag.message_primary}.",
            hint="make it: CREATE ROLE NAME LOGIN",
        ) from error
