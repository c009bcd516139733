"""Planted bugs of what becomes of a batch that the store refuses for good."""

from functools import partial

import pytest

from everflow.engine.cells.draft import Draft
from everflow.engine.driving.parting import Parting
from everflow.engine.owning.adoption import Adoption
from everflow.engine.owning.parking import Parking
from everflow.errors import StoreRefused
from everflow.store import RunRow
from tests.simulator.planted import bug

spoilt = partial(bug, within=300, spoil=8, mend=12)


@spoilt()
def a_refusal_counts_as_an_outage(patch: pytest.MonkeyPatch) -> None:
    """The batch is sent again and again, and its worker stands still."""
    patch.setattr("everflow.engine.driving.scheduler.StoreRefused", KeyError)


@spoilt()
def everybody_in_a_refused_batch_is_blamed(patch: pytest.MonkeyPatch) -> None:
    """A batch isn't parted down to one run."""
    real = Parting.refused

    def refused(self: Parting, draft: Draft, error: StoreRefused) -> bool:
        real(self, draft, error)
        for group in self._groups:
            self._refused.extend(group)
        self._groups.clear()
        return self._judge()

    patch.setattr(Parting, "refused", refused)


@spoilt()
def what_was_learnt_meanwhile_is_written(patch: pytest.MonkeyPatch) -> None:
    """The next batch bears what a run learnt on top of what was refused."""
    patch.setattr(Draft, "take_out", lambda self, no: Draft())


@spoilt()
def messages_of_a_refused_part_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """They are still taken to be on their way into the journal."""
    real = Adoption.forgotten

    def forgotten(self: Adoption, draft: Draft) -> None:
        if not draft.entries:
            real(self, draft)

    patch.setattr(Adoption, "forgotten", forgotten)


@spoilt()
def who_is_set_aside_stays_owned(patch: pytest.MonkeyPatch) -> None:
    """The run is blocked, and never released."""

    def set_aside(self: Parking, no: int, reason: str) -> None:
        for row in self._parts.store.rows([no]):
            self._block(row, "operator", reason)

    patch.setattr(Parking, "set_aside", set_aside)


@spoilt()
def a_run_is_set_aside_where_memory_has_it(patch: pytest.MonkeyPatch) -> None:
    """Its row says of a base that was never written."""
    real = Parking.refuse
    known: dict[int, RunRow] = {}

    def refuse(self: Parking, no: int) -> bool:
        cell = self._parts.cells.get(no)
        if cell is not None:
            known[no] = cell.row
        return real(self, no)

    def set_aside(self: Parking, no: int, reason: str) -> None:
        for row in self._parts.store.rows([no]):
            self._block(known.get(no, row), "operator", reason)
            self.give_back(no)

    patch.setattr(Parking, "refuse", refuse)
    patch.setattr(Parking, "set_aside", set_aside)
