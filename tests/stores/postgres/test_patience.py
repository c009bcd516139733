"""A server that falls silent holds up no call for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from everflow.errors import ConfigurationError, StoreUnavailable
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.patience import Patience
from everflow.stores.postgres.place import Place
from tests.faults.outside import until
from tests.stores.postgres.proxy import Fault, Proxy, no_fault
from tests.stores.postgres.servers import Server

PATIENCE = 0.4


def test_a_call_whose_answer_never_comes_is_given_up(
    proxy: Proxy, fresh_schema: Callable[[], str]
) -> None:
    """It ends as if the server had hung up; the next one is on another connection."""
    url = proxy.url(fresh_schema(), patience=PATIENCE)
    with closing(PostgresStore.open(url, create=True)) as store:
        proxy.judge = lambda message: Fault.SILENCE
        with pytest.raises(StoreUnavailable):
            store.info()
        proxy.judge = no_fault
        assert store.info().id


def test_silence_while_connecting(proxy: Proxy, fresh_schema: Callable[[], str]) -> None:
    """What a new connection is asked first is waited for no longer."""
    url = proxy.url(fresh_schema(), patience=PATIENCE)
    with closing(PostgresStore.open(url, create=True)) as store:
        proxy.cut()
        schema = Place.read(url).schema.encode()
        proxy.judge = lambda message: Fault.SILENCE if schema in message else Fault.NONE
        with pytest.raises(StoreUnavailable):
            store.info()


def test_who_listens_gives_silence_up(proxy: Proxy, fresh_schema: Callable[[], str]) -> None:
    """The ear connects again, and hears again."""
    url = proxy.url(fresh_schema(), patience=PATIENCE)
    with closing(PostgresStore.open(url, create=True)) as store:
        until(lambda: store.version() >= 0 and store.hears)
        proxy.pause()
        until(lambda: store.version() >= 0 and not store.hears)
        proxy.resume()
        until(lambda: store.version() >= 0 and store.hears)


def test_without_calls_there_is_no_thread_for_them(postgres: Server) -> None:
    """It begins with a call, and ends a while after the last one."""
    patience, before = Patience(0.2), set(threading.enumerate())
    with closing(psycopg.connect(postgres.dsn)) as line:
        for _ in range(2):
            patience.begins(line)
            (thread,) = set(threading.enumerate()) - before
            patience.ends(line)
            until(lambda thread=thread: not thread.is_alive())  # type: ignore[misc]  # a default binds it


@pytest.mark.parametrize("given", ["0", "-1", "soon", "1e3", "nan", "999999"])
def test_a_patience_that_is_no_time(given: str) -> None:
    """It is refused before anybody connects."""
    with pytest.raises(ConfigurationError, match="which is no time"):
        Place.read(f"postgresql://somebody@/somewhere?patience={given}")
