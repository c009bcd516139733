"""A store behind poolers: by transactions it works, by statements it is refused."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import cast

import pytest

from everflow.core.status import Status
from everflow.errors import ConfigurationError
from everflow.store import RunQuery, Store
from everflow.stores.postgres import PostgresStore, listening
from everflow.testing.conformance.base import Scribe, begin, cancel
from tests.faults.outside import until
from tests.stores.postgres.pooler import PGBOUNCER, PgBouncer, Pooler, address
from tests.stores.postgres.servers import Server, Servers

Reach = Callable[[str], str]
_ports = count(7000)  # names of sockets, which nobody else can have
real = pytest.param(
    "pgbouncer", marks=pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer isn't installed")
)


@pytest.fixture(params=["ours", real])
def reach(
    request: pytest.FixtureRequest, servers: Servers, postgres: Server
) -> Iterator[Callable[..., str]]:
    """Gives a store's URL behind a pooler of that mode."""
    made: list[Pooler] = []

    def reach(schema: str, mode: str = "transaction") -> str:
        if request.param == "pgbouncer":
            return PgBouncer(servers, postgres, mode=mode, port=next(_ports)).url(schema)
        made.append(Pooler(postgres, by_statement=mode == "statement"))
        return address(made[-1].port, schema)

    yield reach
    for pooler in made:
        pooler.close()


def test_a_store_works_by_transactions(
    reach: Reach, postgres: Server, fresh_schema: Callable[[], str]
) -> None:
    """Nothing that a verb does needs the connection of the one before it."""
    schema = fresh_schema()
    store, direct = PostgresStore.open(reach(schema)), PostgresStore.open(postgres.url(schema))
    scribe = Scribe(cast("Store", store))
    for number in range(12):  # more often than a statement is used before it is prepared
        row = scribe.run(f"run {number}")
        assert store.accept([cancel(row)])
        assert direct.load([row.no])[0].arrivals == store.load([row.no])[0].arrivals
        assert store.standing(row.no) == (Status.RUNNING, 1)
    assert len(direct.runs(RunQuery())) == 12
    assert store.info().id == direct.info().id
    store.close()
    direct.close()


def test_notifications_that_dont_come_are_noticed(
    reach: Reach,
    postgres: Server,
    fresh_schema: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then what others write is looked for, and found."""
    schema = fresh_schema()
    store, direct = PostgresStore.open(reach(schema)), PostgresStore.open(postgres.url(schema))
    monkeypatch.setattr(listening, "TRIAL", 0.3)
    store.version()
    until(lambda: store.hears is not None)
    assert store.hears is False
    before = store.version()
    begin(cast("Store", direct), "a")
    until(lambda: store.version() != before)
    store.close()
    direct.close()


def test_a_pooler_by_statements_is_refused(
    reach: Callable[..., str], fresh_schema: Callable[[], str]
) -> None:
    """Before anything is written; the error names the setting."""
    with pytest.raises(ConfigurationError, match="pool_mode = transaction"):
        PostgresStore.open(reach(fresh_schema(), "statement"))


def test_a_pooler_by_sessions_is_as_no_pooler(
    servers: Servers, postgres: Server, fresh_schema: Callable[[], str]
) -> None:
    """Notifications come through."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer isn't installed")
    pooler = partial(PgBouncer, servers, postgres, port=next(_ports))
    store = PostgresStore.open(pooler(mode="session").url(fresh_schema()))
    store.version()
    until(lambda: store.hears)
    store.close()
