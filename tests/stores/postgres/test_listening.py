"""How a store in PostgreSQL notices that others wrote."""

import os
import select
from collections.abc import Callable, Iterator
from threading import Event

import psycopg
import pytest

from everflow.errors import StoreError
from everflow.stores.postgres import PostgresStore, listening
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.lines import Connection, open_line
from everflow.stores.postgres.place import Place
from tests.faults.outside import until

Line = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def place(fresh_url: str) -> Place:
    """Where the store is."""
    return Place.read(fresh_url)


@pytest.fixture
def store(fresh_url: str) -> Iterator[Desk]:
    """A store in a schema of its own."""
    store = PostgresStore.open(fresh_url)
    yield store
    store.close()


@pytest.fixture
def line(place: Place) -> Iterator[Line]:
    """An administrator's connection."""
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        yield line


def listeners(line: Line, place: Place) -> list[object]:
    """The server's processes for those who listen to this store."""
    asked = """
        SELECT pid FROM pg_stat_activity
        WHERE query = %s OR starts_with(query, 'SELECT') AND strpos(query, %s) > 0
    """
    values = [f"LISTEN {place.channel}", f'"{place.schema}".do_told']
    return [pid for (pid,) in line.execute(asked, values).fetchall()]


def tell(line: Line, place: Place) -> None:
    """What `do_tell` does."""
    line.execute("SELECT pg_notify(%s, '')", [place.channel])


def changes(store: Desk, act: Callable[[], object]) -> None:
    """Wait until the store notices what ``act`` does."""
    before = store.version()
    act()
    until(lambda: store.version() != before)


def test_what_is_told_is_noticed(store: Desk, line: Line, place: Place) -> None:
    """A notification moves the version; nothing else does."""
    until(lambda: store.version() == store.version())
    changes(store, lambda: tell(line, place))
    until(lambda: store.hears)


def test_what_isnt_told_is_noticed_too(store: Desk, line: Line, place: Place) -> None:
    """By a look now and then: the net below the notifications."""
    until(lambda: (store.version(), store.hears)[1])
    changes(store, lambda: line.execute("SELECT nextval(%s)", [f"{place.schema}.run_no"]))


def test_who_never_asks_doesnt_listen(store: Desk, line: Line, place: Place) -> None:
    """A connection for it is opened by the first question alone."""
    store.info()
    assert not listeners(line, place)
    store.version()
    assert len(listeners(line, place)) == 1
    store.close()
    until(lambda: not listeners(line, place))


def test_an_ear_that_was_cut_off_hears_again(store: Desk, line: Line, place: Place) -> None:
    """It connects anew, and counts what it may have missed as a change."""
    before = store.version()
    for pid in listeners(line, place):
        line.execute("SELECT pg_terminate_backend(%s)", [pid])
    until(lambda: store.version() != before)
    until(lambda: store.hears)
    changes(store, lambda: tell(line, place))


def test_what_is_written_before_an_ear_hears_is_noticed(
    store: Desk, line: Line, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks doesn't wait for a slow server, and has looked before it listens."""
    slow = Event()

    def opening(where: Place) -> Connection:
        slow.wait(30)
        return open_line(where)

    monkeypatch.setattr(listening, "open_line", opening)
    monkeypatch.setattr(listening, "FIRST", 0.0)
    before = store.version()
    line.execute("SELECT nextval(%s)", [f"{place.schema}.run_no"])
    slow.set()
    until(lambda: store.version() != before)


def test_a_forked_child_leaves_the_parents_connections_alone(
    store: Desk, line: Line, place: Place
) -> None:
    """It is refused, and ends without closing anything in the parent's name."""
    store.version()
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            store.version()
        except StoreError as error:
            os.write(write, str(error).encode())
        store.close()
        os._exit(0)
    os.close(write)
    select.select([read], [], [], 30)
    said = os.read(read, 1000)
    os.close(read)
    assert os.waitpid(pid, 0)[1] == 0
    assert b"before a fork" in said
    changes(store, lambda: tell(line, place))
    assert store.info().place == place.shown
