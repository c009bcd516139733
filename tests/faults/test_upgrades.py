"""A worker that is killed amid the upgrades of many runs leaves each as it was, or upgraded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from everflow import Engine, Run, RunQuery, connect
from everflow.core.entries import Kind, decode_body
from everflow.core.matching import Fit
from tests.faults.outside import Process, until
from tests.faults.upgraded import CONFIG, after, before

RUNS = 400


def test_a_worker_killed_amid_upgrades_loses_none(tmp_path: Path) -> None:
    """The next one does the rest; each is upgraded once, and its question stays answerable."""
    place = tmp_path / "store.db"
    with Engine(place, registry=before()) as engine:
        started: list[Run[Any]] = engine.start_all("upgraded", list(range(RUNS)))
        runs = [run.id for run in started]
        assert engine.join(20)
    with connect(place, registry=after()) as flows:
        assert {found.fit for found in flows.upgrade(by="ann")} == {Fit.MOVES}
        old = flows.run(runs[0]).row().definition

        def done() -> int:
            return sum(row.definition != old for row in flows.runs(RunQuery(limit=RUNS)))

        first = Process("upgraded", place)
        until(done, pause=0)
        first.kill()
        left = RUNS - done()
        second = Process("upgraded", place)
        until(lambda: done() == RUNS)
        assert "Traceback" not in second.stop()
        assert left < RUNS  # and on a busy machine the first one may have done them all
        assert {found.fit for found in flows.check()} == {Fit.SAME}
        for row in flows.runs(RunQuery(limit=RUNS)):
            entries = [decode_body(body) for _, _, body, _ in flows.store.journal(row.no)]
            assert [entry.kind for entry in entries].count(Kind.UPGRADED) == 1
    with Engine(place, registry=after(), config=CONFIG) as engine:
        engine.answer_all([(f"{run}.go.1", number) for number, run in enumerate(runs)])
        assert engine.join(20)
        assert [engine.run(run).result(1) for run in runs] == [4 * n for n in range(RUNS)]
