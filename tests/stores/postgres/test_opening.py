"""What is refused before a store in PostgreSQL is used, and what the error says to do."""

import logging
import traceback
from collections.abc import Callable, Iterator

import psycopg
import pytest

from everflow.errors import (
    ConfigurationError,
    EverflowError,
    StoreCopied,
    StoreForeign,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from everflow.stores.postgres import PostgresStore, opening, preparing
from everflow.stores.postgres.code import SUFFIX
from everflow.stores.postgres.place import Place
from tests.stores.postgres.servers import Server

Line = psycopg.Connection[tuple[object, ...]]
TELLS = """
SELECT nspname FROM pg_namespace JOIN pg_proc ON pronamespace = pg_namespace.oid
WHERE starts_with(proname, 'do_tell_')
"""
Say = Callable[[str], None]


@pytest.fixture
def place(fresh_url: str) -> Place:
    """Where the store is to be."""
    return Place.read(fresh_url)


@pytest.fixture
def line(place: Place) -> Iterator[Line]:
    """An administrator's connection."""
    with psycopg.connect(place.conninfo, autocommit=True) as line:
        yield line


@pytest.fixture
def say(line: Line, place: Place) -> Say:
    """The administrator says something; ``$S`` is the schema, ``$R`` the test's own role."""

    def say(said: str) -> None:
        ours = said.replace("$S", place.schema).replace("$R", f"r_{place.schema}")
        for part in ours.split(";"):
            line.execute(part.encode())

    return say


@pytest.fixture
def role(line: Line, place: Place) -> Iterator[str]:
    """A role that may do nothing."""
    name = f"r_{place.schema}"
    line.execute(f"create role {name} login".encode())
    yield name
    line.execute(f"drop owned by {name} cascade".encode())
    line.execute(f"drop role {name}".encode())


def opened(url: str, *, create: bool = True, fleet: str = "") -> None:
    """Open it, and close it again."""
    PostgresStore.open(url, create=create, fleet=fleet).close()


def schemas(line: Line, place: Place) -> int:
    """How many schemas of that name there are."""
    asked = "SELECT FROM pg_namespace WHERE nspname = %s"
    return line.execute(asked, [place.schema]).rowcount


def test_a_store_is_made_by_who_may_and_wants_to(fresh_url: str, line: Line, place: Place) -> None:
    """Opening alone makes nothing."""
    with pytest.raises(ConfigurationError, match="there is no store at"):
        opened(fresh_url, create=False)
    assert not schemas(line, place)
    opened(fresh_url)
    opened(fresh_url, create=False)


@pytest.mark.parametrize(
    ("word", "value", "kind", "said"),
    [
        ("version", 140012, ConfigurationError, "PostgreSQL 14, which is too old"),
        ("encoding", "LATIN1", ConfigurationError, "encoding LATIN1"),
        ("read_only", True, StoreReadOnly, "takes no writes"),
        ("durability", "off", ConfigurationError, "synchronous_commit is off"),
        ("isolation", "serializable", ConfigurationError, "are serializable by default"),
    ],
)
def test_a_server_that_cant_bear_a_store_is_refused(
    fresh_url: str,
    line: Line,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    value: object,
    kind: type[EverflowError],
    said: str,
) -> None:
    """Whatever the first look says of it; nothing is made."""
    server = opening.Server
    monkeypatch.setattr(
        opening,
        "Server",
        lambda *row: server._make({**server(*row)._asdict(), word: value}.values()),
    )
    with pytest.raises(kind, match=said):
        opened(fresh_url)
    assert not schemas(line, place)


def test_a_role_whose_transactions_see_one_moment_is_refused(
    postgres: Server, say: Say, role: str, place: Place
) -> None:
    """A write that waited for another one would miss what that wrote."""
    url = postgres.url(place.schema, user=role)
    say("alter role $R set default_transaction_isolation to 'repeatable read'")
    with pytest.raises(ConfigurationError, match="are repeatable read by default"):
        opened(url)
    say("alter role $R reset all")
    with pytest.raises(ConfigurationError, match="may not make"):
        opened(url)


def test_a_database_of_another_encoding_is_refused(
    postgres: Server, say: Say, place: Place
) -> None:
    """Texts of all the world are kept."""
    say("create database d_$S encoding 'SQL_ASCII' template template0")
    url = postgres.url("flows").replace("/postgres?", f"/d_{place.schema}?")
    with pytest.raises(ConfigurationError, match="has the encoding SQL_ASCII"):
        opened(url)
    say("drop database d_$S")


def test_a_role_that_must_not_lose_writes_is_refused(
    postgres: Server, role: str, place: Place, say: Say
) -> None:
    """`synchronous_commit` is off for it alone."""
    say("alter role $R set synchronous_commit = off")
    with pytest.raises(ConfigurationError, match="synchronous_commit"):
        opened(postgres.url(place.schema, user=role))


def test_a_role_that_is_set_to_read_only_is_refused(
    postgres: Server, role: str, place: Place, say: Say
) -> None:
    """As a standby is, whatever the URL says of it."""
    say("alter role $R set default_transaction_read_only = on")
    for attributes in ("read-write", "any"):
        url = postgres.url(place.schema, user=role, target_session_attrs=attributes)
        with pytest.raises(StoreReadOnly, match=r"takes? (no )?writes"):
            opened(url)


def test_a_role_that_may_make_no_schema_is_refused(
    postgres: Server, role: str, place: Place, say: Say, line: Line
) -> None:
    """Nor anything in one that is there."""
    url = postgres.url(place.schema, user=role)
    with pytest.raises(ConfigurationError, match="may not make a schema") as caught:
        opened(url)
    assert "everflow store prepare" in str(caught.value)
    with pytest.raises(ConfigurationError, match="may not make a schema"):
        preparing.is_made(url)
    say("create schema $S")
    with pytest.raises(ConfigurationError, match="may not make in the schema"):
        opened(url)
    say("grant create on schema $S to $R")
    assert schemas(line, place)


def test_a_role_that_may_only_read_is_refused(
    fresh_url: str, postgres: Server, role: str, place: Place, say: Say
) -> None:
    """And one that may not even do that."""
    opened(fresh_url)
    url = postgres.url(place.schema, user=role)
    with pytest.raises(StoreReadOnly, match="may not read"):
        opened(url)
    say("grant usage on schema $S to $R; grant select on $S.run to $R")
    with pytest.raises(StoreReadOnly, match=r"may not read the store .* \(.*entry"):
        opened(url)
    say("grant select on all tables in schema $S to $R")
    with pytest.raises(StoreReadOnly, match=r"not write to it \(entry, inbox, record, run\)"):
        opened(url)


def test_a_schema_of_another_program_is_refused(fresh_url: str, say: Say, place: Place) -> None:
    """Be its tables called as ours are, too."""
    say("create schema $S; create table $S.note (text text)")
    with pytest.raises(StoreForeign, match="another program's"):
        opened(fresh_url)
    say("create table $S.store (id text)")
    with pytest.raises(StoreForeign, match="another program's"):
        opened(fresh_url)


def test_a_store_of_a_later_format_is_refused(fresh_url: str, say: Say) -> None:
    """Unless it says that this release can live with it."""
    opened(fresh_url)
    say("update $S.store set format = 9")
    opened(fresh_url)
    say("update $S.store set needs = 9")
    with pytest.raises(StoreTooNew, match="format 9"):
        opened(fresh_url)


def test_functions_that_are_gone_are_made_anew(
    fresh_url: str, say: Say, line: Line, place: Place
) -> None:
    """By who may, as a release that comes later makes its own."""
    opened(fresh_url)
    say(f"drop function $S.do_tell_{SUFFIX}(text)")
    store = PostgresStore.open(fresh_url)
    assert place.schema in {schema for (schema,) in line.execute(TELLS).fetchall()}
    store.close()


def test_a_copy_is_told_apart(fresh_url: str, say: Say) -> None:
    """It bears the name of the database that it was made in."""
    opened(fresh_url)
    say("update $S.store set place = '1/1'")
    with pytest.raises(StoreCopied, match="is a copy") as caught:
        opened(fresh_url)
    assert "everflow store adopt" in str(caught.value)


def test_a_fleet_is_named_once(fresh_url: str) -> None:
    """Who doesn't say is of any; who says another is refused."""
    opened(fresh_url)
    opened(fresh_url, fleet="blue")
    opened(fresh_url)
    opened(f"{fresh_url}&fleet=blue")
    with pytest.raises(ConfigurationError, match="fleet 'blue', not of 'red'"):
        opened(fresh_url, fleet="red")


def _refused(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """What opening says, its traceback and all that is logged included."""
    with caplog.at_level(logging.DEBUG), pytest.raises(EverflowError) as caught:
        opened(url)
    shown = f"{''.join(traceback.format_exception(caught.value))}\n{caplog.text}"
    assert "sesame" not in shown
    assert "sesame" not in repr(caught.value.__cause__)
    return f"{caught.value.code} {caught.value}"


def test_a_wrong_password_is_named_and_not_shown(
    postgres: Server, role: str, place: Place, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error, nor in its traceback, nor in a log."""
    rules = postgres.data / "pg_hba.conf"
    rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
    postgres.reload()
    say("alter role $R password 'open'")
    url = postgres.url(place.schema, user=f"{role}:sesame")
    assert "configuration_error The server refuses this user" in _refused(url, caplog)
    url = postgres.url(place.schema, user=role)
    told = _refused(url, caplog)
    assert "configuration_error The server refuses this user" in told
    assert ": no password supplied." in told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:sesame@nowhere.invalid/db", "There is no such server"),
        ("postgresql://ann:sesame@/db?host=/nowhere", "can't be used for now"),
        ("postgresql://ann:sesame@/db?host=/nowhere&sslmode=none", "reached in this way|invalid"),
    ],
)
def test_a_way_that_leads_nowhere_is_named(
    url: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In words of one line; the password isn't."""
    with pytest.raises(EverflowError) as caught:
        opened(url)
    assert "\n" not in caught.value.message
    assert said.split("|", maxsplit=1)[0] in _refused(url, caplog)


def test_a_server_that_cant_be_reached_is_told_in_a_few_words() -> None:
    """The reason alone, neither its addresses nor the client's question, and what to look at."""
    with pytest.raises(StoreUnavailable, match="for now") as caught:
        opened("postgresql://ann@/db?host=/nowhere")
    assert caught.value.message.endswith("for now: No such file or directory.")
    assert "whether the server runs" in caught.value.hint


def test_a_database_or_a_role_that_isnt_there_is_named(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """With what makes one."""
    url = postgres.url("flows", user="ann:sesame")
    assert "refuses this user" in _refused(url, caplog)
    url = postgres.url("flows").replace("/postgres?", "/nothing?")
    assert "createdb" in _refused(url, caplog)


def test_a_server_that_is_away_is_no_mistake(own_folder: str) -> None:
    """It may come back."""
    with pytest.raises(StoreUnavailable):
        opened(own_folder)


@pytest.fixture
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a server that was never there."""
    return f"postgresql:///db?host={tmp_path_factory.mktemp('s')}"
