"""The proxy before a server: what it is told to do to connections happens to them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tests.faults.outside import PATIENCE, until
from tests.stores.postgres.proxy import Chance, Fault, Proxy, no_fault
from tests.stores.postgres.servers import Server


class _Table:
    """A table of numbers in the shared server."""

    def __init__(self, server: Server, schema: str) -> None:
        self.name = f"{schema}.known"
        self._line = psycopg.connect(server.dsn, autocommit=True)
        self._line.execute(f"CREATE SCHEMA {schema}".encode())
        self._line.execute(f"CREATE TABLE {self.name} (n int)".encode())

    def insert(self, line: psycopg.Connection) -> None:
        line.execute(f"INSERT INTO {self.name} VALUES (1)".encode())

    def count(self) -> int:
        row = self._line.execute(f"SELECT count(*) FROM {self.name}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        self._line.close()


@pytest.mark.parametrize(("fault", "done"), [(Fault.BEFORE, 0), (Fault.AFTER, 1), (Fault.AMID, 1)])
def test_a_cut_at_a_message(
    fault: Fault, done: int, proxy: Proxy, postgres: Server, fresh_schema: Callable[[], str]
) -> None:
    """Before it, after it, and amid: the caller can't tell them apart, the server can."""
    table = _Table(postgres, fresh_schema())
    with closing(psycopg.connect(proxy.url(), autocommit=True)) as line:
        proxy.judge = lambda message: fault if b"INSERT" in message else Fault.NONE
        with pytest.raises(psycopg.OperationalError):
            table.insert(line)
    proxy.judge = no_fault
    until(lambda: table.count() >= done)
    with closing(psycopg.connect(proxy.url(), autocommit=True)) as line:
        table.insert(line)
    assert table.count() == done + 1
    assert proxy.faults[fault] == 1
    table.close()


def test_silence(proxy: Proxy) -> None:
    """A connection that became silent stays open until it is cut; others work."""
    with (
        ThreadPoolExecutor() as pool,
        closing(psycopg.connect(proxy.url(), autocommit=True)) as silent,
        closing(psycopg.connect(proxy.url(), autocommit=True)) as other,
    ):
        proxy.judge = lambda message: Fault.SILENCE if b"SELECT 2" in message else Fault.NONE
        asked = pool.submit(silent.execute, "SELECT 2")
        until(lambda: proxy.faults[Fault.SILENCE])
        assert other.execute("SELECT 1").fetchone() == (1,)
        assert not asked.done()
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            asked.result(PATIENCE)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


def test_a_pause_of_all(proxy: Proxy) -> None:
    """What is sent meanwhile arrives afterwards."""
    with (
        ThreadPoolExecutor() as pool,
        closing(psycopg.connect(proxy.url(), autocommit=True)) as line,
    ):
        proxy.pause()
        asked = pool.submit(lambda: line.execute("SELECT 1").fetchone())
        with pytest.raises(TimeoutError):
            asked.result(0.1)
        proxy.resume()
        assert asked.result(PATIENCE) == (1,)


def test_chance_is_one_of_a_seed() -> None:
    """The same seed draws the same faults, about as many as were asked for."""
    chances = [Chance(seed, 10, Fault.BEFORE, Fault.AFTER) for seed in (1, 1, 2)]
    same, again, other = ([chance(b"") for _ in range(1_000)] for chance in chances)
    assert same == again != other
    assert all(50 < 1_000 - drawn.count(Fault.NONE) < 200 for drawn in (same, other))
