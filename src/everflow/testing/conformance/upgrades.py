"""Upgrades: wishes that runs go on under another definition."""

from __future__ import annotations

import pytest

from everflow.store import OUTCOMES, RunRow, Status, Store, UpgradeTo, Verdict
from everflow.testing.conformance.accepting import ENDED
from everflow.testing.conformance.base import START, Hooks, Scribe, begin, cancel, inbox_of


def upgrade(row: RunRow, definition: str = "new") -> UpgradeTo:
    """The wish that the run goes on under that definition."""
    return UpgradeTo(no=row.no, definition=definition, at=START, by="ann")


class UpgradeRules(Hooks):
    """`accept` of upgrades, and who claims their runs."""

    def test_an_upgrade_waits_for_the_owner(self, store: Store) -> None:
        """So does a second one, after it; it wakes a run that nobody owns."""
        row = Scribe(store).run("a", Status.SUSPENDED)
        sent = [upgrade(row), upgrade(row, "newer")]
        assert store.accept(sent) == [Verdict.ACCEPTED] * 2
        assert inbox_of(store, row) == sent
        assert store.accept([UpgradeTo(no=99, definition="new", at=START)]) == [Verdict.NO_SUCH_RUN]

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_a_finished_run_takes_no_upgrade(self, store: Store, status: Status) -> None:
        """Told how it ended; nor does one that is to be cancelled."""
        row, other = Scribe(store).run("a", status), begin(store, "b")
        store.accept([cancel(other)])
        verdicts = store.accept([upgrade(row), upgrade(other)])
        assert verdicts == [ENDED[status], Verdict.CANCELLED]

    def test_an_upgrade_leads_past_a_definition_that_cant_be_run(self, store: Store) -> None:
        """Unless it leads to another such one; once it is applied the run is as any other."""
        row = begin(store, "a")
        store.accept([upgrade(row)])
        one = store.enlist(host="h", pid=1, at=START)
        lacking = [row.definition, "new"]
        assert store.claim(one.id, now=START, limit=9, without=lacking) == []
        taken = store.claim(one.id, now=START, limit=9, without=[row.definition])
        assert [run.no for run in taken] == [row.no]
        store.release(one.id, [row.no])
        Scribe(store).write(arrivals=[a.id for a in store.load([row.no])[0].arrivals])
        assert store.claim(one.id, now=START, limit=9, without=[row.definition]) == []
