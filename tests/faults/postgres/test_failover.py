"""RELIABILITY 7: the primary dies, and the standby that had everything takes its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.proxy import Proxy
from tests.stores.postgres.servers import Servers, together

LASTING = 20.0  # seconds of a lease that no failover here outlasts
SCHEMA = "replicated"


def test_a_standby_takes_over(own_servers: Servers, tmp_path: Path) -> None:
    """By a URL of both, without a restart of any worker: nothing is lost or repeated (B080)."""
    primary = own_servers.new(wal_level="replica", max_wal_senders=4)
    standby = own_servers.standby(primary)
    fleet = Fleet(tmp_path, together(primary, standby, schema=SCHEMA), lease=LASTING)
    try:
        fleet.works()
        primary.kill9()
        standby.promote()
        fleet.works()
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["deposed"] == counted["repeats"] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thirty_failovers(own_servers: Servers, tmp_path: Path) -> None:
    """Each time the server that died comes back as an empty one that follows."""
    servers = [own_servers.new(durable=True)]
    servers.append(own_servers.standby(servers[0]))
    doors = [Proxy(server) for server in servers]
    hosts = ",".join("127.0.0.1" for _ in doors)
    ports = ",".join(str(door.port) for door in doors)
    place = f"postgresql://everflow@/postgres?host={hosts}&port={ports}&schema={SCHEMA}"
    fleet = Fleet(tmp_path, place, lease=LASTING)
    back = []
    try:
        fleet.works()
        for number in range(30):
            primary, standby = number % 2, 1 - number % 2
            servers[primary].kill9()
            begun = time.monotonic()
            servers[standby].promote()
            fleet.works(1)
            back.append(time.monotonic() - begun)
            servers[primary] = own_servers.standby(servers[standby])
            doors[primary].lead_to(servers[primary])
            fleet.works()
        counted = fleet.check()
    finally:
        fleet.close()
        for door in doors:
            door.close()
    assert counted["deposed"] == counted["repeats"] == 0
    print(f"{counted}, at work again after {max(back):.2f} s at most")  # noqa: T201 - the figure is reported
