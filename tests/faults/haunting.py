"""Workers that are stopped and woken, on any store: what must hold each time."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from everflow import Run, Status, connect
from everflow.core.entries import Kind, decode_body
from everflow.engine.faces.connect import Connection
from tests.faults.holding import LEASE, REGISTRY, holding
from tests.faults.outside import Ledger, Process, until


class Zombies:
    """Two workers on one store, of which one after the other is stopped."""

    def __init__(self, folder: Path, place: Path | str) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger")
        self.store = place
        self.workers: dict[int, Process] = {}
        for _ in range(2):
            worker = Process("holding", self.store, self.ledger.path)
            assert worker.line() == "ready"
            self.workers[worker.pid] = worker
        self.takeovers: list[float] = []

    def begun_by(self, run: str) -> list[int]:
        """The processes that began the run's node, in order."""
        return [int(pid) for pid, id_, _ in self.ledger.of("begun") if id_ == run]

    def round(self, client: Connection, number: int) -> None:
        """One run: begun by one worker, which is stopped; taken over by the other; woken."""
        gate = self.folder / f"gate-{number}"
        run = client.start(holding, str(gate))
        (owner,) = until(lambda: self.begun_by(run.id))
        until(lambda: run.status is Status.RUNNING)
        zombie = self.workers[owner]
        self._stop(zombie)
        stopped = time.monotonic()
        heir = until(lambda: self.begun_by(run.id)[1:])[0]
        self.takeovers.append(time.monotonic() - stopped)
        assert heir != owner
        if number % 2:
            self._finish(run, gate, heir)
            zombie.send(signal.SIGCONT)
        else:  # both go on at once, and the zombie comes with its result
            zombie.send(signal.SIGCONT)
            until(lambda: self._began_anew(client, owner))
            self._finish(run, gate, heir)
        until(lambda: ["ended", str(owner), run.id] in self.ledger.lines())
        until(lambda: self._began_anew(client, owner))
        self._check(client, run, heir)

    def _stop(self, zombie: Process) -> None:
        """Stop a process."""
        zombie.send(signal.SIGSTOP)

    def _finish(self, run: Run[int], gate: Path, heir: int) -> None:
        gate.touch()
        assert run.result(30) == heir

    def _began_anew(self, client: Connection, pid: int) -> bool:
        """Whether the process has a living worker."""
        return any(row.pid == pid and not row.gone for row in client.store.workers())

    def _check(self, client: Connection, run: Run[int], heir: int) -> None:
        row = run.row()
        assert row.status is Status.DONE
        entries = [decode_body(body) for _, _, body, _ in client.store.journal(row.no)]
        assert [entry.kind for entry in entries].count(Kind.RESULT) == 2
        assert [pid for pid, id_ in self.ledger.of("sealed") if id_ == run.id] == [str(heir)]
        keys = {key for _, id_, key in self.ledger.of("begun") if id_ == run.id}
        assert len(keys) == 1

    def bury(self) -> None:
        """End both."""
        for worker in self.workers.values():
            worker.send(signal.SIGCONT)
            worker.kill()


def haunt(zombies: Zombies, rounds: int) -> None:
    """So many rounds; the workers are well at the end."""
    with connect(zombies.store, registry=REGISTRY) as client:
        for number in range(rounds):
            zombies.round(client, number)
    for worker in zombies.workers.values():
        assert "Traceback" not in worker.stop()
    times = sorted(zombies.takeovers)
    print(f"takeover: median {times[len(times) // 2]:.2f} s, longest {times[-1]:.2f} s")  # noqa: T201 - the figure is reported
    assert times[0] <= LEASE + 1.0  # a busy machine may hold up some
