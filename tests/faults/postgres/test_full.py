"""RELIABILITY 8: the server's disk is full; runs pause, and go on when there is room again."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.faults.outside import until
from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.servers import Server, Servers

LASTING = 20.0  # seconds of a lease that no outage here outlasts
ROOM = "150m"
LOG = "32MB"  # PostgreSQL keeps about so much of what it wrote lately


def _ballast(server: Server) -> Path:
    return server.folder / "ballast"


def _is_felt(fleet: Fleet, server: Server, refusals: int) -> bool:
    """Leave no room on the server's own file system; whether the customer was refused so often.

    The server gives room back now and then (its log's old files), so that this is asked again.
    """
    with _ballast(server).open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return fleet.customer.refusals > refusals


def _fill_up(server: Server, folder: Path, rounds: int) -> None:
    fleet = Fleet(folder, server.url("crowded"), lease=LASTING)
    try:
        for _ in range(rounds):
            fleet.works()
            fleet.customer.presses.set()
            until(partial(_is_felt, fleet, server, fleet.customer.refusals + 3))
            fleet.customer.presses.clear()
            _ballast(server).unlink()
            if not server.running:  # there was no room for its log either: somebody starts it
                server.ended()
                server.start()
        fleet.works()
        counted = fleet.check()
    finally:
        fleet.close()
    assert counted["deposed"] == counted["repeats"] == 0
    print(f"{rounds} times full, {counted}")  # noqa: T201 - the figure is reported


@pytest.fixture
def small(tmp_path: Path) -> None:
    """Skips where no small file system can be mounted: root may, but not in every container."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a small file system")
    place = str(tmp_path / "mounted")
    Path(place).mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small file system may be mounted here")
    subprocess.run(["umount", place], check=True)


@pytest.mark.usefixtures("small")
def test_a_full_disk_pauses_runs(own_servers: Servers, tmp_path: Path) -> None:
    """No run fails and none is repeated; all go on once there is room (B080)."""
    _fill_up(own_servers.new(room=ROOM, max_wal_size=LOG, min_wal_size=LOG), tmp_path, 1)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_disk_that_is_full_twenty_times(own_servers: Servers, tmp_path: Path) -> None:
    """The same, again and again."""
    _fill_up(
        own_servers.new(durable=True, room=ROOM, max_wal_size=LOG, min_wal_size=LOG), tmp_path, 20
    )
