"""Connections to PostgreSQL: how they break, heal, end, and what their errors are called."""

import os
import threading
from collections.abc import Iterator

import psycopg
import pytest

from everflow.errors import (
    ConfigurationError,
    EverflowError,
    Fenced,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from everflow.stores.postgres import lines
from everflow.stores.postgres.desk import TRIES, Desk
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.trouble import in_our_words
from everflow.stores.refusals import Changed, Inconsistent, Marked, TooBig
from tests.faults.outside import until
from tests.stores.postgres.spares import Spares

CONFLICT = "DO $$ BEGIN RAISE EXCEPTION 'met another' USING ERRCODE = '40001'; END $$"


class Poking(Desk):
    """A store with verbs for tests."""

    tries = 0

    def conflicting(self, times: int) -> int:
        """Meets another session so often; how often it was tried."""

        def work(cursor: psycopg.Cursor[tuple[object, ...]]) -> int:
            self.tries += 1
            if self.tries <= times:
                cursor.execute(CONFLICT)
            return self.tries

        return self._in_transaction(work)

    def asked(self, statement: str) -> list[tuple[object, ...]]:
        """What a statement gives."""
        return self._execute(statement, ())

    def pid(self) -> object:
        """The server's process for the line that is used next."""
        return self.asked("SELECT pg_backend_pid()")[0][0]

    def held(self) -> object:
        """A line is in use, and another one is asked for."""
        with self._transaction() as cursor:
            cursor.execute("SELECT 1")
            return self.pid()


@pytest.fixture
def url(spares: Spares) -> Iterator[str]:
    """Where an empty store is."""
    url = spares.take()
    yield url
    spares.give_back(url)


@pytest.fixture
def store(url: str) -> Iterator[Poking]:
    """The store there."""
    store = Poking(Place.read(url))
    store.look(create=False)
    yield store
    store.close()


@pytest.fixture
def line(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """An administrator's connection."""
    with psycopg.connect(Place.read(url).conninfo, autocommit=True) as line:
        yield line


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("08006", StoreUnavailable),
        ("22021", Inconsistent),
        ("23505", Inconsistent),
        ("44000", Inconsistent),
        ("P0001", Inconsistent),
        ("25006", StoreUnavailable),
        ("28P01", ConfigurationError),
        ("3D000", ConfigurationError),
        ("40P01", StoreUnavailable),
        ("42501", StoreReadOnly),
        ("42601", StoreError),
        ("42883", StoreError),
        ("53100", StoreFull),
        ("53300", StoreUnavailable),
        ("54000", TooBig),
        ("55P03", StoreUnavailable),
        ("57P01", StoreUnavailable),
        ("58030", StoreUnavailable),
        ("58P01", StoreDamaged),
        ("XX001", StoreDamaged),
        ("XX000", StoreError),
    ],
)
def test_an_error_has_one_meaning(code: str, kind: type[EverflowError]) -> None:
    """By the server's code for it, whatever its words are."""
    error = psycopg.errors.lookup(code)("Worte des Servers")
    assert type(in_our_words(error, "here")) is kind


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            """connection is bad: connection to server on socket "/s" failed: No such file
\tIs the server running locally and accepting connections on that socket?""",
            "No such file",
        ),
        ('connection to server at "h" failed: FATAL:  it is starting\n', "it is starting"),
        ("connection timeout expired", "connection timeout expired"),
        ("", "OperationalError"),
    ],
)
def test_a_cut_line_is_told_in_a_few_words(said: str, told: str) -> None:
    """What is the matter, and not how it was tried."""
    error = in_our_words(psycopg.OperationalError(said), "here")
    assert str(error) == f"The store here can't be used for now: {told}."


@pytest.mark.parametrize(
    ("code", "kind"),
    [("EF001", Fenced), ("EF002", Changed), ("EF003", Marked), ("EF004", StoreError)],
)
def test_what_functions_of_ours_refuse_has_codes_of_its_own(
    store: Poking, code: str, kind: type[Exception]
) -> None:
    """They come as what they are."""
    with pytest.raises(kind):
        store.asked(CONFLICT.replace("40001", code))


def test_a_conflict_is_tried_again(store: Poking) -> None:
    """In the store; only who meets others again and again is told."""
    assert store.conflicting(3) == 4
    with pytest.raises(StoreUnavailable, match="met another"):
        store.conflicting(99)
    assert store.tries == 4 + TRIES + 1


def test_lines_that_were_cut_while_idle_are_noticed_before_they_are_used(
    store: Poking, line: psycopg.Connection[tuple[object, ...]]
) -> None:
    """No call fails for it."""
    pid = store.pid()
    assert store.pid() == pid
    line.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    assert store.pid() != pid


def test_a_line_that_is_cut_in_the_middle_fails_its_call_alone(
    store: Poking, line: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Temporary; the next call has another one."""
    with pytest.raises(StoreUnavailable):
        store.asked("SELECT pg_terminate_backend(pg_backend_pid())")
    assert store.pid()


def test_a_statement_that_was_prepared_for_another_table_is_tried_anew(
    store: Poking, line: psycopg.Connection[tuple[object, ...]]
) -> None:
    """A migration goes by under it."""
    line.execute("CREATE TABLE notes.growing (a integer)")
    for _ in range(7):
        assert store.asked("SELECT * FROM notes.growing") == []
    line.execute("ALTER TABLE notes.growing ADD b text; INSERT INTO notes.growing VALUES (1, 'b')")
    assert store.asked("SELECT * FROM notes.growing") == [(1, "b")]
    line.execute("DROP TABLE notes.growing")


def test_who_waits_too_long_for_a_line_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are only so many."""
    monkeypatch.setattr(lines, "MOST", 1)
    monkeypatch.setattr(lines, "PATIENCE", 0.01)
    store = Poking(Place.read(url))
    store.look(create=False)
    with pytest.raises(StoreUnavailable, match="busy"):
        store.held()
    assert store.pid()
    store.close()


def test_lines_that_rest_are_closed(
    store: Poking,
    line: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that were opened for a rush."""
    rested = store.held()
    monkeypatch.setattr(lines, "IDLE", 0.0)
    used = store.pid()
    there = "SELECT pid FROM pg_stat_activity WHERE pid = ANY (%s)"
    until(lambda: line.execute(there, [[rested, used]]).fetchall() == [(used,)])


def test_a_closed_store_says_so(store: Poking) -> None:
    """Also to who waited for a conflict to pass."""
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.pid()
    with pytest.raises(StoreError, match="is closed"):
        store.version()


def test_threads_use_lines_of_their_own(store: Poking) -> None:
    """As many as there are, and none twice at once."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(20):
                assert store.asked(f"SELECT {number}, {threading.get_ident()}") == [
                    (number, threading.get_ident())
                ]
        except BaseException as error:  # noqa: BLE001 - it is told by the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_child_that_ends_as_others_do_harms_nothing(store: Poking) -> None:
    """A forked process that closes the store and collects its garbage."""
    pid = store.pid()
    child = os.fork()
    if not child:
        store.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert store.pid() == pid
