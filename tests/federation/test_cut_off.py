"""An owner that is cut off stops itself before its lessee takes the run over: by their clocks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from everflow.engine.cells.tenures import Leases
from everflow.federation.carrying import lending
from tests.federation.cut_off import CutOff, Untrue

SEEDS = 25


def play_all() -> None:
    for seed in range(SEEDS):
        CutOff(seed).play()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_run_never_has_two_owners_and_nothing_acknowledged_is_lost(seed: int) -> None:
    """B108: however the clocks drift, whatever is lost, and wherever the owner is held up."""
    CutOff(seed).play()


def _writes_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leases, "_without", lambda _leases, batch, _over: batch)


def _tells_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lending, "acknowledges", lambda _session, _extent: True)


def _never_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leases, "_lasts", lambda _leases, _run: True)


MISTAKES = (_writes_late, _tells_early, _never_stops)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__[1:])
def test_a_planted_mistake_is_found(
    mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least one story breaks a claim."""
    mistake(monkeypatch)
    with pytest.raises(Untrue):
        play_all()
