"""Calls of functions in the client library's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import psycopg
import pytest
from psycopg.errors import DivisionByZero

from everflow.stores.postgres.calling import calling, told_by
from everflow.stores.postgres.lines import Connection, open_line
from everflow.stores.postgres.place import Place
from tests.stores.postgres.servers import Server

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'everflow%'"


@pytest.fixture
def line(postgres: Server) -> Iterator[Connection]:
    with open_line(Place.read(postgres.url("t_calling"))) as line:
        yield line


@pytest.mark.parametrize("prepares", [False, True], ids=["anew", "prepared"])
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT ARRAY[1, -2, 4294967296]::bigint[]", [1, -2, 4294967296]),
        ("SELECT ARRAY[7]::bigint[]", [7]),
        ("SELECT '{}'::bigint[]", []),
        ("SELECT NULL::bigint[]", []),
        ("SELECT pg_notify('nobody', '')", []),
        ("SELECT WHERE false", []),
    ],
)
def test_what_is_told_are_numbers(
    line: Connection, statement: str, told: list[int], prepares: bool
) -> None:
    """Or nothing, in whichever of its shapes."""
    assert told_by(line, statement, (), prepares=prepares) == told


@pytest.mark.parametrize("prepares", [False, True], ids=["anew", "prepared"])
def test_what_is_given_arrives(line: Connection, prepares: bool) -> None:
    """Numbers beyond 32 bits, texts of all characters and nothing at all."""
    line.execute(
        "CREATE FUNCTION pg_temp.given(a bigint, b text, c text, d bigint[]) RETURNS bigint[] "
        "LANGUAGE sql AS $$ SELECT ARRAY[a, length(b), coalesce(length(c), -1)] || d $$"
    )
    values = (1 << 40, "a '\u00e9' \u2603 \U0001f600 %s $1", None, "{3,4}")
    assert told_by(line, calling("pg_temp.given", 4), values, prepares=prepares) == [
        1 << 40, 15, -1, 3, 4,
    ]  # fmt: skip


def test_a_statement_is_prepared_once(line: Connection) -> None:
    """On each connection, under a name of its own."""
    for _ in range(3):
        told_by(line, "SELECT ARRAY[1]", (), prepares=True)
        told_by(line, "SELECT ARRAY[2]", (), prepares=True)
    assert line.execute(PREPARED).fetchall() == [(2,)]


@pytest.mark.parametrize("prepares", [False, True], ids=["anew", "prepared"])
def test_what_is_refused_is_raised_as_the_driver_does(line: Connection, prepares: bool) -> None:
    """By its code, with the server's words; the connection goes on."""
    for _ in range(2):
        with pytest.raises(DivisionByZero, match="division by zero"):
            told_by(line, "SELECT ARRAY[1 / 0]", (), prepares=prepares)
    assert told_by(line, "SELECT ARRAY[1]", (), prepares=prepares) == [1]


def test_no_answer_is_trouble_of_the_connection(line: Connection) -> None:
    """Not a fault of whoever called."""

    class Mute:
        known: dict[str, bytes]
        pgconn = line.pgconn

        def wait(self, gen: Any) -> list[Any]:
            line.wait(gen)
            return []

    with pytest.raises(psycopg.OperationalError, match="no answer"):
        told_by(cast("Connection", Mute()), "SELECT ARRAY[1]", (), prepares=False)
