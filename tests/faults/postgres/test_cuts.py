"""RELIABILITY 3 and 7: connections that are cut at any moment, and answers that are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.proxy import Chance, Fault, Proxy, no_fault
from tests.stores.postgres.servers import Server

PATIENCE = 1.0  # seconds that a call waits for an answer
LASTING = 20.0  # seconds of a lease that no cut outlasts
Place = tuple[Server, Proxy, str]
CUT = (Fault.BEFORE, Fault.AFTER, Fault.AMID)


@pytest.fixture
def place(postgres: Server, proxy: Proxy, fresh_schema: Callable[[], str]) -> Place:
    """The server, the proxy before it, and a schema."""
    return postgres, proxy, fresh_schema()


def _cut(place: Place, folder: Path, cuts: int, judge: Chance) -> None:
    server, proxy, schema = place
    proxy.latency = 0.001
    url = proxy.url(schema, patience=PATIENCE)
    fleet = Fleet(folder, url, lease=LASTING, direct=server.url(schema))
    try:
        fleet.works()
        proxy.judge = judge
        while sum(proxy.faults.values()) - proxy.faults[Fault.NONE] < cuts:
            fleet.works()
        proxy.judge = no_fault
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["deposed"] == counted["repeats"] == 0
    print(f"{proxy.faults}, {counted}")  # noqa: T201 - the figure is reported


def test_cuts_at_random_lose_and_repeat_nothing(place: Place, tmp_path: Path) -> None:
    """Before a call, in the middle of it, and after it was done (B080)."""
    _cut(place, tmp_path, 20, Chance(1, 25, *CUT))


def test_silence_loses_and_repeats_nothing(place: Place, tmp_path: Path) -> None:
    """Connections that stay open while nothing comes through are given up (B080)."""
    _cut(place, tmp_path, 3, Chance(2, 60, Fault.SILENCE))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10, 15))
def test_two_thousand_cuts(seed: int, place: Place, tmp_path: Path) -> None:
    """Four hundred each of five seeds, some of which are silence."""
    _cut(place, tmp_path, 400, Chance(seed, 25, *CUT * 5, Fault.SILENCE))
