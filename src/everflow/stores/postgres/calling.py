"""Calls of our writing functions, in the client library's own words.

All that such a function is given are numbers and texts, and all that it tells are numbers. So
nothing that the driver knows of types is needed, nor rows, nor a cursor: with those a call took the
client thrice the time, and a run that commits node by node waits for little else but the disk.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.errors import OperationalError, error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus

from everflow.stores.postgres.lines import Connection

__all__ = ["Given", "calling", "told_by"]

Given = int | str | None


def calling(function: str, many: int) -> str:
    """The statement that calls a function with so many values."""
    places = ", ".join(f"${nth}" for nth in range(1, many + 1))
    return f"SELECT {function}({places})"


def told_by(
    line: Connection, statement: str, values: Iterable[Given], *, prepares: bool
) -> list[int]:
    """What numbers a call of a function gives: an array of them, or nothing. Raises as psycopg."""
    given = [None if value is None else str(value).encode() for value in values]
    if prepares:
        line.pgconn.send_query_prepared(_prepared(line, statement), given)
    else:
        line.pgconn.send_query_params(statement.encode(), given)
    array = _answer(line)
    return [int(number) for number in array[1:-1].split(b",")] if len(array) > len("{}") else []


def _prepared(line: Connection, statement: str) -> bytes:
    """The name by which a connection knows a statement."""
    name = line.known.get(statement)
    if name is None:
        name = b"everflow_%d" % len(line.known)
        line.pgconn.send_prepare(name, statement.encode())
        _answer(line)
        line.known[statement] = name
    return name


def _answer(line: Connection) -> bytes:
    """The one value that was answered, or nothing."""
    results = line.wait(execute(line.pgconn))
    if not results:
        raise OperationalError("the server gave no answer")
    result = results[-1]
    if result.status not in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
        raise error_from_result(result)
    return result.get_value(0, 0) or b"" if result.ntuples else b""
