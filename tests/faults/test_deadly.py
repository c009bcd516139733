"""RELIABILITY 12: a node that kills its worker every time harms no other run."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from everflow import RunQuery, Status, connect
from everflow.core.entries import Kind, decode_body
from everflow.engine.faces.connect import Connection
from tests.faults.deadly import CONFIG, DEADLY, INNOCENT, REGISTRY
from tests.faults.outside import Ledger, Process

INNOCENTS = 1000


def supervise(folder: Path, most: int) -> int:
    """Start workers until one ends by itself; how many died."""
    for deaths in range(most):
        code = Process("deadly", folder / "store.db", folder / "ledger").end()
        if code == 0:
            return deaths
        assert code == -signal.SIGKILL
    raise AssertionError(f"{most} workers died")


def begin(client: Connection, place: str, deadly: int) -> list[str]:
    """A thousand innocent runs with some deadly ones in their midst; the ids of those."""
    values = list(range(INNOCENTS))
    client.client.start_all(INNOCENT[place], values[: INNOCENTS // 2])
    ids = [client.start(DEADLY[place], number).id for number in range(deadly)]
    client.client.start_all(INNOCENT[place], values[INNOCENTS // 2 :])
    return ids


@pytest.mark.parametrize("deadly", [1, 2])
@pytest.mark.parametrize("place", ["thread", "inline"])
def test_only_the_run_that_kills_its_worker_is_set_aside(
    place: str, deadly: int, tmp_path: Path
) -> None:
    """A thousand others finish, none of them set aside, and the reason names the node (B067)."""
    Ledger(tmp_path / "ledger").close()
    with connect(tmp_path / "store.db", registry=REGISTRY, create=True) as client:
        guilty = begin(client, place, deadly)
        deaths = supervise(tmp_path, 30)
        assert deaths <= deadly * (CONFIG.alone_deaths + 4)  # two for all, two for parts of 64
        counts = client.store.count(RunQuery())
        assert counts == {Status.DONE: INNOCENTS, Status.BLOCKED: deadly}
        for row in client.runs(RunQuery(status=(Status.BLOCKED,))):
            assert row.id in guilty
            assert row.until == "operator"
            assert "strike" in row.reason
            assert row.deaths == CONFIG.alone_deaths
        _nothing_is_recorded_twice(client)
    effects = Counter(key for _, key in Ledger(tmp_path / "ledger").of("effect"))
    assert len(effects) == 2 * INNOCENTS + deadly
    print(f"{place}, {deadly}: {deaths} deaths, {effects.total() - len(effects)} repeats")  # noqa: T201 - the figure is reported


def _nothing_is_recorded_twice(client: Connection) -> None:
    for row in client.runs(RunQuery(limit=INNOCENTS + 10)):
        bodies = [decode_body(body) for _, _, body, _ in client.store.journal(row.no)]
        closed = [body.op for body in bodies if body.kind == Kind.RESULT]
        assert len(set(closed)) == len(closed)
