"""A handoff's act is done whole or not at all, whatever the disk does amid it."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.errors import StoreUnavailable
from everflow.store import QuestionQuery, Status, Store
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, answer, entry, opened
from everflow.testing.conformance.handing import act, bodies, hand, row_of
from tests.stores.sqlite.faulty import MODES, Disk

OPERATIONS = 12
BEFORE, AFTER = (Status.RUNNING, 2, 1, False, 0), (Status.HANDED_OFF, 1, 0, True, 1)


def stands(store: Store, run: str) -> tuple[Status, int, int, bool, int]:
    """All that the act changes."""
    row = row_of(store, run)
    questions = store.questions(QuestionQuery(no=row.no, open_only=False))
    taken = any(row.no in store.taken_from(worker.id) for worker in store.workers())
    found = row.status, len(bodies(store, run)), len(questions), taken
    return *found, len(store.branches(run))


@pytest.mark.parametrize("mode", MODES)
def test_an_act_is_done_whole_or_not(mode: str, tmp_path: Path) -> None:
    """The n-th operation of the disk fails, for each n; afterwards the same act goes through."""
    disk = Disk(f"handing-{mode}")
    store = SQLiteStore.open(tmp_path / "s.db", vfs=disk.name)
    scribe = Scribe(store)
    runs = []
    for nth in range(1, OPERATIONS):
        row = scribe.run(f"a{nth}")
        scribe.write(entries=[entry(row.no, 1)], opened=[opened(row)])
        store.accept([answer(row)])
        hand(store, row.id)
        wish = act(store, row.id, here=False, holder="B", keep=(1, 0), branch="x")
        disk.fail(mode, nth)
        try:
            said: bool | None = store.hand(wish, at=1)
        except StoreUnavailable:
            said = None
        failed = disk.failed
        disk.heal()
        found = stands(store, row.id)
        assert found in ([AFTER] if said else [BEFORE, AFTER])
        assert store.hand(wish, at=1) is (found == BEFORE)
        assert scribe.write(entries=[entry(row.no, 2)]) == [row.no]
        runs.append(row.id)
        if not failed:
            break
    store.close()
    store = SQLiteStore.open(tmp_path / "s.db")
    assert {stands(store, run) for run in runs} == {AFTER}
    store.close()
    disk.unregister()
    assert len(runs) > 1
