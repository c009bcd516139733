"""The format of the store, in steps: ``schema_1.sql`` makes format 1, and so on.

* Forward only, all of it in one transaction under a lock that all openers take, so that a store is
  made, or brought up, whole or not at all, whoever else comes at the same time. The functions of a
  release are made in the same way.
* What is done is one text, which an administrator may be given instead.
* A step that releases of an older format can live with leaves ``store.needs`` alone. One that they
  can't raises it: then their functions go in the same transaction, so that their workers, which
  are still there, are refused at their next write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from everflow.errors import StoreForeign, StoreTooNew
from everflow.stores.postgres.code import QUERIES, code_in, in_schema
from everflow.stores.postgres.lines import Connection
from everflow.stores.postgres.place import Place
from everflow.stores.queries import read_text

FORMAT = 1
LOCKED = "SET LOCAL lock_timeout = '10s'"  # a step that waits for a table has all others wait
Cursor = psycopg.Cursor[tuple[Any, ...]]


def steps_text(place: Place, found: int) -> str:
    """What brings a store of that format to this release's; 0: there is none."""
    parts = [f"{LOCKED};"]
    if not found:
        parts.append(f"{_query('make', place)};")
    for step in range(found + 1, FORMAT + 1):
        parts.append(in_schema(read_text("postgres", f"schema_{step}.sql"), place.schema))
        name = "advance" if step > 1 else "begin"
        parts.append(_query(name, place).replace("<format>", str(step)) + ";")
    return "\n\n".join(parts)


def grants_text(
    place: Place, line: Connection, *, workers: Sequence[str], clients: Sequence[str]
) -> str:
    """What lets these roles work here, and no more than that."""
    parts = []
    for query, roles in (("grant_worker", workers), ("grant_client", clients)):
        for role in roles:
            named = sql.Identifier(role).as_string(line)
            parts.append(_query(query, place).replace("<role>", named) + ";")
    return "\n\n".join(parts)


def write_store(line: Connection, place: Place) -> None:
    """Make what isn't there: the store, its steps up to this release, the release's functions."""
    with line.transaction(), line.cursor() as cursor:
        cursor.execute(_query("lock", place))
        found, needs = _format(cursor, place)
        refuse_unknown(found, needs, place.shown)
        if found < FORMAT:
            cursor.execute(steps_text(place, found))
        if found and _format(cursor, place)[1] > needs:
            forget_others(cursor, place)
        if lacks_functions(cursor, place):
            cursor.execute(code_in(place.schema).text)


def lacks_functions(cursor: Cursor, place: Place) -> bool:
    """Whether functions of this release are missing. All are made at once."""
    names = code_in(place.schema).names
    cursor.execute(_query("functions", place), {"names": names})
    return len(cursor.fetchall()) < len(names)


def forget_others(cursor: Cursor, place: Place) -> int:
    """Remove the functions of all other releases; how many there were."""
    cursor.execute(_query("others", place), {"names": code_in(place.schema).names})
    others = [str(name) for (name,) in cursor.fetchall()]
    for other in others:
        cursor.execute(f"DROP FUNCTION {other}")
    return len(others)


def refuse_unknown(found: int, needs: int, shown: str) -> None:
    """Refuse a format that this release can't work with."""
    if needs > FORMAT:
        raise StoreTooNew(
            f"The store {shown} has format {found}; this release knows {FORMAT}.",
            hint="upgrade Everflow",
        )
    if found < 0:
        raise StoreForeign(f"{shown} was made for Everflow but isn't a store.")


def _format(cursor: Cursor, place: Place) -> tuple[int, int]:
    cursor.execute("SELECT to_regclass(%s)", [f'"{place.schema}".store'])
    if cursor.fetchone() == (None,):
        return 0, 0
    cursor.execute(_query("store", place))
    ((_, found, needs, *_),) = cursor.fetchall()
    return found, needs


def _query(name: str, place: Place) -> str:
    return in_schema(QUERIES[name], place.schema)
