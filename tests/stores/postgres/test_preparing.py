"""What a store's owner does: a release's functions, a format that grows, roles, copies."""

from collections.abc import Iterator

import psycopg
import pytest

from everflow.errors import (
    ConfigurationError,
    StoreCopied,
    StoreError,
    StoreTooNew,
    StoreUnavailable,
)
from everflow.stores.postgres import PostgresStore, code, desk, opening, preparing, schema
from everflow.stores.postgres.place import Place
from everflow.stores.queries import read_text
from tests.faults.outside import until
from tests.stores.postgres.servers import Server

Line = psycopg.Connection[tuple[object, ...]]
LIVEABLE = "ALTER TABLE everflow.run ADD COLUMN note text NOT NULL DEFAULT '';\n"
BREAKING = f"{LIVEABLE}UPDATE everflow.store SET needs = 2;\n"


@pytest.fixture
def place(fresh_url: str) -> Place:
    """Where the store is."""
    return Place.read(fresh_url)


@pytest.fixture
def line(place: Place) -> Iterator[Line]:
    """An administrator's connection."""
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        yield line


@pytest.fixture
def old(fresh_url: str) -> Iterator[PostgresStore]:
    """The store as a worker of this release has it open."""
    old = PostgresStore.open(fresh_url)
    old.info()
    yield old
    old.close()


class Later:
    """Makes this process one of a later release, whose step to format 2 is that text."""

    def __init__(self) -> None:
        self.changed = pytest.MonkeyPatch()

    def begin(self, step: str) -> None:
        """From now on."""

        def read(dialect: str, file: str) -> str:
            return step if file == "schema_2.sql" else read_text(dialect, file)

        self.changed.setattr(schema, "read_text", read)
        for module in (schema, opening, preparing):
            self.changed.setattr(module, "FORMAT", 2)
        for part in (code, desk, preparing):
            self.changed.setattr(part, "SUFFIX", "0later0000")
        code.code_in.cache_clear()

    def end(self) -> None:
        """This release again."""
        self.changed.undo()
        code.code_in.cache_clear()


@pytest.fixture
def later() -> Iterator[Later]:
    """Another release."""
    later = Later()
    yield later
    later.end()


def releases(line: Line, place: Place) -> int:
    """How many releases have their functions there."""
    asked = """
        SELECT DISTINCT substring(proname FROM '[^_]+$')
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = %s AND starts_with(proname, 'do_')
    """
    return line.execute(asked, [place.schema]).rowcount


def test_an_old_worker_goes_on_beside_a_new_release(
    old: PostgresStore, fresh_url: str, later: Later, line: Line, place: Place
) -> None:
    """Each has functions of its own, over tables that grew."""
    later.begin(LIVEABLE)
    new = PostgresStore.open(fresh_url)
    one = new.enlist(host="here", pid=1, at=1)
    assert releases(line, place) == 2
    later.end()
    two = old.enlist(host="here", pid=2, at=1)
    assert {row.id for row in old.workers()} == {one.id, two.id}
    assert old.info().format == 2
    new.close()


def test_an_old_worker_is_refused_by_a_format_that_it_cant_live_with(
    old: PostgresStore, fresh_url: str, later: Later, line: Line, place: Place
) -> None:
    """At its next write, and as it connects anew; it is told to upgrade."""
    later.begin(BREAKING)
    PostgresStore.open(fresh_url).close()
    assert releases(line, place) == 1
    later.end()
    with pytest.raises(StoreTooNew, match="format 2; this release knows 1"):
        old.enlist(host="here", pid=1, at=1)
    with pytest.raises(StoreTooNew):
        PostgresStore.open(fresh_url)


def test_a_step_that_fails_leaves_all_as_it_was(
    old: PostgresStore, fresh_url: str, later: Later, line: Line, place: Place
) -> None:
    """Whole or not at all, the functions too."""
    later.begin(f"{LIVEABLE}SELECT 1 / 0;\n")
    with pytest.raises(StoreError, match="division by zero"):
        PostgresStore.open(fresh_url)
    assert old.info().format == 1
    assert releases(line, place) == 1
    assert not line.execute(
        "SELECT FROM information_schema.columns WHERE table_schema = %s AND column_name = 'note'",
        [place.schema],
    ).rowcount


def test_other_releases_are_forgotten_when_told(
    old: PostgresStore, fresh_url: str, later: Later, line: Line, place: Place
) -> None:
    """Not before."""
    later.begin(LIVEABLE)
    assert not preparing.prepare(fresh_url).forgotten
    assert releases(line, place) == 2
    assert preparing.prepare(fresh_url, forget=True).forgotten >= 1
    assert releases(line, place) == 1


def test_what_is_printed_does_what_is_done(fresh_url: str, line: Line, place: Place) -> None:
    """An administrator may run it, who has never seen this program."""
    text = preparing.preparation(fresh_url)
    line.execute(text.encode())
    again = preparing.preparation(fresh_url)
    assert "CREATE" not in again
    PostgresStore.open(fresh_url, create=False).close()


def test_a_copy_acts_once_it_is_adopted(postgres: Server, line: Line, place: Place) -> None:
    """A copy of the database, as of a dump; and who is led to one while it works stops."""
    first, second = f"a_{place.schema}", f"b_{place.schema}"
    line.execute(f"CREATE DATABASE {first}".encode())
    url, copy = (
        postgres.url("flows").replace("/postgres?", f"/{name}?") for name in (first, second)
    )
    with pytest.raises(ConfigurationError, match="there is no store"):
        preparing.adopt(url)
    PostgresStore.open(url).close()
    assert not preparing.adopt(url)
    line.execute(f"CREATE DATABASE {second} TEMPLATE {first}".encode())
    store = PostgresStore.open(url)
    with pytest.raises(StoreCopied):
        PostgresStore.open(copy)
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    line.execute(ended, [first])
    line.execute(f"ALTER DATABASE {first} RENAME TO c_{first}".encode())
    line.execute(f"ALTER DATABASE {second} RENAME TO {first}".encode())
    with pytest.raises(StoreCopied):
        until(lambda: _informed(store))
    assert preparing.adopt(url)
    assert _informed(store)
    store.close()
    for name in (first, f"c_{first}"):
        line.execute(f"DROP DATABASE {name}".encode())


def _informed(store: PostgresStore) -> bool:
    """Whether the store says what it is; not while it is away."""
    try:
        return bool(store.info())
    except StoreUnavailable:
        return False


def test_a_role_that_isnt_there_is_named(fresh_url: str) -> None:
    """Nothing is granted then."""
    with pytest.raises(ConfigurationError, match="nobody_there"):
        preparing.prepare(fresh_url, workers=["nobody_there"])


def test_a_release_that_isnt_prepared_is_refused_to_who_may_not(
    old: PostgresStore, fresh_url: str, postgres: Server, later: Later, line: Line, place: Place
) -> None:
    """The worker's role is told what its owner has to do."""
    role = f"w_{place.schema}"
    line.execute(f"CREATE ROLE {role} LOGIN".encode())
    preparing.prepare(fresh_url, workers=[role])
    url = postgres.url(place.schema, user=role)
    PostgresStore.open(url, create=False).close()
    later.begin(LIVEABLE)
    with pytest.raises(ConfigurationError, match="isn't prepared for this release") as caught:
        PostgresStore.open(url)
    assert "everflow store prepare" in str(caught.value)
    preparing.prepare(fresh_url)
    PostgresStore.open(url, create=False).close()
    line.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
