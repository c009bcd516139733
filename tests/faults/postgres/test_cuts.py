"""RELIABILITY 3 and 7: connections that are cut at any moment, and answers that are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.proxy import Chance, Fault, Proxy, no_fault
from tests.stores.postgres.servers import Server

LASTING = 20.0  # seconds of a lease that no cut outlasts


def _cut(server: Server, proxy: Proxy, schema: str, folder: Path, cuts: int, seed: int) -> None:
    proxy.latency = 0.001
    fleet = Fleet(folder, proxy.url(schema), lease=LASTING, seed=seed, direct=server.url(schema))
    try:
        fleet.works()
        proxy.judge = Chance(seed, 25)
        while sum(proxy.faults.values()) - proxy.faults[Fault.NONE] < cuts:
            fleet.works()
        proxy.judge = no_fault
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["deposed"] == counted["repeats"] == 0
    print(f"{proxy.faults}, {counted}")  # noqa: T201 - the figure is reported


@pytest.mark.parametrize("seed", [1])
def test_cuts_at_random_lose_and_repeat_nothing(
    seed: int, postgres: Server, proxy: Proxy, fresh_schema: Callable[[], str], tmp_path: Path
) -> None:
    """Before a call, in the middle of it, and after it was done (B080)."""
    _cut(postgres, proxy, fresh_schema(), tmp_path, 20, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10, 15))
def test_two_thousand_cuts(
    seed: int, postgres: Server, proxy: Proxy, fresh_schema: Callable[[], str], tmp_path: Path
) -> None:
    """Four hundred each of five seeds."""
    _cut(postgres, proxy, fresh_schema(), tmp_path, 400, seed)
