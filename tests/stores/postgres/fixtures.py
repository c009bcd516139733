"""Servers for the tests of every folder: one for each process of tests, begun at its first use.

``postgres`` is that server, of the newest major; ``fresh_url`` is the address of a schema in it
that nobody used before (whoever opens the store makes it). ``own_servers`` makes servers for one
test, to be stopped, killed and filled up. ``oldest_postgres`` is one of the oldest supported major,
whose default order of texts isn't that of their code points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.stores.postgres.programs import Programs, oldest
from tests.stores.postgres.proxy import Proxy
from tests.stores.postgres.servers import Server, Servers
from tests.stores.postgres.spares import Spares

_numbers = count(1)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Whoever makes servers in this process; they end with it, however it ends."""
    made = Servers()
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> Server:
    """A server of the newest major that all tests of this process share."""
    return servers.new()


@pytest.fixture(scope="session")
def oldest_programs() -> Programs:
    """The programs of the oldest supported major."""
    return oldest()


@pytest.fixture(scope="session")
def oldest_postgres(servers: Servers, oldest_programs: Programs) -> Server:
    """A server of the oldest supported major that all tests of this process share."""
    natural = ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C")
    return servers.new(oldest_programs, locale=natural)


@pytest.fixture
def fresh_url(postgres: Server) -> str:
    """The address of a schema of its own, which isn't there yet."""
    return postgres.url(f"t_{next(_numbers)}")


@pytest.fixture
def fresh_schema() -> Callable[[], str]:
    """Names of schemas that nobody used before in this process of tests."""
    return lambda: f"t_{next(_numbers)}"


@pytest.fixture
def own_servers() -> Iterator[Servers]:
    """Makes servers for this test alone; they end with it, in whatever state they are."""
    made = Servers()
    yield made
    made.close()


@pytest.fixture
def proxy(postgres: Server) -> Iterator[Proxy]:
    """A proxy of TCP before the shared server."""
    made = Proxy(postgres)
    yield made
    made.close()


@pytest.fixture(scope="session")
def spares(postgres: Server) -> Iterator[Spares]:
    """Empty stores that are there already, for tests that are many and small."""
    spares = Spares(postgres)
    yield spares
    spares.close()


@pytest.fixture(scope="session")
def oldest_spares(oldest_postgres: Server) -> Iterator[Spares]:
    """The same on the oldest supported major."""
    spares = Spares(oldest_postgres)
    yield spares
    spares.close()
