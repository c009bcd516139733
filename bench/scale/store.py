"""A store over a database that ``fill.sql`` filled, which can explain its statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg

from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place

__all__ = ["Explained", "opened"]

_BLOCKS = re.compile(r"^ *Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", re.MULTILINE)


class Explained(PostgresStore):
    """A store that explains each of its statements, once it is told to."""

    told: list[tuple[str, str]] | None = None

    def _execute(
        self, statement: str, values: Mapping[str, object] | Sequence[object], **given: Any
    ) -> list[tuple[Any, ...]]:
        if self.told is not None:
            asked = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}"
            plan = super()._execute(asked, values, **given)
            self.told.append((statement, "\n".join(line for (line,) in plan)))
        return super()._execute(statement, values, **given)

    def explained(self, verb: Callable[[PostgresStore], object]) -> tuple[int, str]:
        """How many blocks the server looks at for a verb, and how."""
        self.told = []
        verb(self)
        told, self.told = self.told, None
        blocks = 0
        for _, plan in told:
            first = _BLOCKS.search(plan)
            blocks += sum(int(many or 0) for many in first.groups()) if first else 0
        return blocks, "\n".join(f"{text}\n{plan}\n" for text, plan in told)


def opened(url: str) -> tuple[Explained, int]:
    """The store of a database that was filled, and how many runs it has."""
    place = Place.read(url)
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        line.execute(
            "UPDATE everflow.store SET place = (SELECT system_identifier FROM pg_control_system())"
            " || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        found = line.execute("SELECT max(no) FROM everflow.run").fetchone()
    store = Explained(place)
    store.look(create=False)
    return store, int(found[0]) if found else 0
