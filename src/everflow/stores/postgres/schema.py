"""The format of the store, in steps: ``schema_1.sql`` makes format 1, and so on.

Forward only, all of it in one transaction under a lock that all openers take, so that a store is
made, or brought up, whole or not at all, whoever else comes at the same time. The functions of a
release are made in the same way.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import psycopg

from everflow.errors import StoreForeign, StoreTooNew
from everflow.stores.postgres.code import QUERIES, code_in, in_schema
from everflow.stores.postgres.lines import Connection
from everflow.stores.postgres.place import Place
from everflow.stores.queries import read_text

FORMAT = 1
Cursor = psycopg.Cursor[tuple[Any, ...]]


def write_schema(line: Connection, place: Place, *, origin: str, upto: int = FORMAT) -> None:
    """Make the store, unless somebody else did meanwhile; ``origin``: the server and database."""
    with line.transaction(), line.cursor() as cursor:
        cursor.execute(in_schema(QUERIES["lock"], place.schema))
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{place.schema}"')
        cursor.execute("SELECT to_regclass(%s)", [f"{place.schema}.store"])
        if cursor.fetchone() != (None,):
            return
        for step in range(1, upto + 1):
            _step(cursor, place, step)
        cursor.execute(
            in_schema(QUERIES["begin_store"], place.schema),
            {
                "id": secrets.token_hex(16),
                "format": upto,
                "created": time.time_ns() // 1000,
                "fleet": place.fleet,
                "place": origin,
            },
        )


def write_functions(line: Connection, place: Place) -> None:
    """Make those functions of this release that aren't there."""
    with line.transaction(), line.cursor() as cursor:
        cursor.execute(in_schema(QUERIES["lock"], place.schema))
        if lacks_functions(line, place):
            cursor.execute(code_in(place.schema).text)


def lacks_functions(line: Connection, place: Place) -> bool:
    """Whether functions of this release are missing. All are made at once."""
    names = code_in(place.schema).names
    found = line.execute(in_schema(QUERIES["functions"], place.schema), {"names": names})
    return len(found.fetchall()) < len(names)


def refuse_unknown(found: int, shown: str) -> None:
    """Refuse a format that this release doesn't know."""
    if found > FORMAT:
        raise StoreTooNew(
            f"The store {shown} has format {found}; this release knows {FORMAT}.",
            hint="upgrade Everflow",
        )
    if found < 1:
        raise StoreForeign(f"{shown} was made for Everflow but isn't a store.")


def migrate(line: Connection, place: Place) -> None:
    """Bring a store to this release's format."""
    with line.transaction(), line.cursor() as cursor:
        cursor.execute(in_schema(QUERIES["lock"], place.schema))
        cursor.execute(in_schema("SELECT format FROM everflow.store", place.schema))
        ((found,),) = cursor.fetchall()
        for step in range(found + 1, FORMAT + 1):
            _step(cursor, place, step)
            cursor.execute(in_schema(QUERIES["advance"], place.schema), {"format": step})


def _step(cursor: Cursor, place: Place, step: int) -> None:
    cursor.execute(in_schema(read_text("postgres", f"schema_{step}.sql"), place.schema))
