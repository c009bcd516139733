"""RELIABILITY 6: a stopped worker is taken over, and when it wakes its writes are refused."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from everflow.errors import StoreUnavailable
from everflow.stores.sqlite.turnstile import Turnstile
from tests.faults.haunting import Zombies, haunt
from tests.faults.outside import Process


class OnFile(Zombies):
    """Nobody can take a file's lock from a stopped process, so none is stopped amid a commit."""

    def _stop(self, zombie: Process) -> None:
        """Stop a process that isn't amid a commit: nobody can take a file's lock from it."""
        turnstile = Turnstile(Path(f"{self.store}-workers"), patience=0.5, place="")
        inside = True
        while inside:
            zombie.send(signal.SIGSTOP)
            try:
                turnstile.enter()
            except StoreUnavailable:
                zombie.send(signal.SIGCONT)
            else:
                inside = False
        turnstile.leave()
        turnstile.close()


@pytest.fixture
def zombies(tmp_path: Path) -> Iterator[Zombies]:
    zombies = OnFile(tmp_path, tmp_path / "store.db")
    yield zombies
    zombies.bury()


def test_zombies_are_taken_over_and_refused(zombies: Zombies) -> None:
    """Within lease + 1 s; the woken one writes nothing and goes on as a new worker (B080)."""
    haunt(zombies, 4)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_zombies(zombies: Zombies) -> None:
    """The same, a thousand times."""
    haunt(zombies, 1000)
