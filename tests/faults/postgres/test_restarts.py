"""RELIABILITY 7: the server is killed under load and started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.servers import Server, Servers

LASTING = 20.0  # seconds of a lease that no outage here outlasts


def _outages(server: Server, folder: Path, rounds: int) -> None:
    fleet = Fleet(folder, server.url("restarted"), lease=LASTING)
    back = []
    try:
        fleet.works()
        for number in range(rounds):
            server.kill9() if number % 2 == 0 else server.stop("immediate")
            server.start()
            back.append(fleet.works())
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["refusals"] > 0
    assert counted["deposed"] == counted["repeats"] == 0
    print(f"{rounds} outages, {counted}, at work again after {max(back):.2f} s at most")  # noqa: T201 - the figure is reported


def test_a_server_that_is_killed_loses_and_repeats_nothing(
    own_servers: Servers, tmp_path: Path
) -> None:
    """Every run is done once, and no node is repeated, since no worker was lost (B080)."""
    _outages(own_servers.new(), tmp_path, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_is_killed_fifty_times(own_servers: Servers, tmp_path: Path) -> None:
    """The same with all of PostgreSQL's care for disks, fifty times."""
    _outages(own_servers.new(durable=True), tmp_path, 50)


def test_nobody_is_taken_for_dead_in_a_long_outage(own_servers: Servers, tmp_path: Path) -> None:
    """The server stands for longer than the lease: afterwards all workers go on as they were."""
    server = own_servers.new()
    fleet = Fleet(tmp_path, server.url("standing"))
    try:
        fleet.works()
        server.pause()
        fleet.wait(1.5 * fleet.lease)
        server.resume()
        fleet.works()
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["deposed"] == counted["repeats"] == 0
