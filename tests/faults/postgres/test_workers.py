"""RELIABILITY 1 and 6: a worker is killed, or stopped and woken, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.haunting import Zombies, haunt
from tests.faults.postgres.fleet import Fleet
from tests.stores.postgres.servers import Server


def _lose(server: Server, schema: str, folder: Path, rounds: int) -> None:
    fleet = Fleet(folder, server.url(schema))
    took = []
    try:
        for _ in range(rounds):
            fleet.works()
            fleet.lose(fleet.workers[0])
            took.append(fleet.works())
            fleet.hire()
        counted = fleet.check()
    finally:
        fleet.close()
    print(f"{rounds} lost workers, {counted}, at work again after {max(took):.2f} s at most")  # noqa: T201 - the figure is reported


def test_a_worker_that_is_killed(
    postgres: Server, fresh_schema: Callable[[], str], tmp_path: Path
) -> None:
    """Its runs go on at another one, and at most what it had in flight is repeated (B080)."""
    _lose(postgres, fresh_schema(), tmp_path, 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_workers_that_are_killed(
    postgres: Server, fresh_schema: Callable[[], str], tmp_path: Path
) -> None:
    """The same, again and again."""
    _lose(postgres, fresh_schema(), tmp_path, 100)


@pytest.fixture
def zombies(tmp_path: Path, fresh_url: str) -> Iterator[Zombies]:
    zombies = Zombies(tmp_path, fresh_url)
    yield zombies
    zombies.bury()


def test_zombies_are_taken_over_and_refused(zombies: Zombies) -> None:
    """Within lease + 1 s; the woken one writes nothing and goes on as a new worker (B080)."""
    haunt(zombies, 4)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_zombies(zombies: Zombies) -> None:
    """The same, again and again."""
    haunt(zombies, 100)
