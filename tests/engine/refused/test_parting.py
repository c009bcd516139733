"""What is set aside of a refused batch, and when it is the store that is unwell (B067)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from everflow.core.entries import Entry, Kind, row_of
from everflow.engine.cells.draft import Draft
from everflow.engine.driving.parting import IN_A_ROW, TRIES, Parting
from everflow.errors import StoreRefused
from everflow.store import Letter, Put, Signal


def learnt(*nos: int) -> Draft:
    entry = Entry(1, 0, Kind.RESULT, "./1", '"x"', "maker")
    return Draft(entries=[row_of(no, entry) for no in nos])


def nos_of(draft: Draft) -> set[int]:
    return {entry[0] for entry in draft.entries}


class Sending:
    """Sends a batch, and its parts, to a store that refuses by a rule, until it is stuck."""

    def __init__(self) -> None:
        self.aside: dict[int, str] = {}
        self.went: list[set[int]] = []
        self.calls = 0
        self.parting = Parting(lambda no, part, why: self.aside.update({no: why}))

    def send(self, draft: Draft, bad: Callable[[Draft], bool]) -> bool:
        """True when all is seen to, False when it is the store's trouble."""
        while True:
            self.calls += 1
            if bad(draft):
                if not self.parting.refused(draft, StoreRefused("No.")):
                    return False
            else:
                self.parting.written(draft)
                self.went.append(nos_of(draft))
            if not self.parting:
                return True
            draft = self.parting.next()


@pytest.fixture
def sending() -> Sending:
    return Sending()


def test_one_of_a_thousand_is_found_by_halves(sending: Sending) -> None:
    """Each other part is written once."""
    assert sending.send(learnt(*range(1, 1001)), lambda draft: 617 in nos_of(draft))
    assert list(sending.aside) == [617]
    assert sum(map(len, sending.went)) == 999
    assert set[int]().union(*sending.went) == set(range(1, 1001)) - {617}
    assert sending.calls < 30


def test_what_is_refused_once_is_not_blamed(sending: Sending) -> None:
    """Two writers of one record may have met: a part has some tries alone."""
    tries: list[int] = []

    def bad(_: Draft) -> bool:
        tries.append(1)
        return len(tries) < TRIES

    assert sending.send(learnt(1), bad)
    assert sending.aside == {}
    assert sending.went == [{1}, set()]


def test_the_reason_names_what_was_learnt(sending: Sending) -> None:
    """And the code, the store's own words, and what to do."""
    sending.send(learnt(1), lambda draft: bool(draft.entries))
    assert sending.aside == {
        1: "store_refused: No (result of maker at ./1); see to that, then: everflow adopt RUN"
    }


def test_a_store_that_refuses_everybody_is_unwell(sending: Sending) -> None:
    """Nobody is blamed; one part after the other is tried until one passes."""
    many = range(1, IN_A_ROW + 3)
    assert not sending.send(learnt(*many), lambda draft: bool(draft.entries))
    assert sending.aside == {}
    tried: set[int] = set()
    for _ in many:
        part = sending.parting.next()
        tried |= nos_of(part)
        assert not sending.parting.refused(part, StoreRefused("No."))
    assert tried == set(many)
    assert sending.send(sending.parting.next(), lambda draft: 3 in nos_of(draft))
    assert list(sending.aside) == [3]


def test_a_batch_of_nothing_that_is_refused_is_the_stores_trouble(sending: Sending) -> None:
    """The row of the worker itself: there is nobody to set aside, and it is tried again."""
    assert not sending.send(Draft(), lambda _: True)
    assert sending.send(sending.parting.next(), lambda _: False)
    assert sending.aside == {}


def test_few_are_set_aside_before_that(sending: Sending) -> None:
    """One by one in batches of their own, with nothing else going through."""
    for no in range(1, IN_A_ROW + 1):
        assert sending.send(learnt(no), lambda draft: bool(draft.entries))
    assert len(sending.aside) == IN_A_ROW
    assert not sending.send(learnt(99), lambda draft: bool(draft.entries))
    assert 99 not in sending.aside


def test_what_is_of_no_run_is_left_out(sending: Sending, caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and all else goes on."""
    draft = learnt(1)
    draft.puts = [Put(kind="cache", key="k", body="{}")]
    assert sending.send(draft, lambda given: bool(given.puts))
    assert sending.aside == {}
    assert {1} in sending.went
    assert "what no run has to write is left out" in caplog.text


def test_what_a_run_says_to_others_goes_with_its_part(sending: Sending) -> None:
    """Nothing is told of what isn't written; what comes after all parts does so."""
    message = Signal(no=0, name="n", payload="1", key="", at=0, by="")
    draft = learnt(1, 2)
    draft.letters = [
        Letter(run="b", message=message, of=1),
        Letter(run="c", message=message, source=2),
    ]
    draft.recorded = 5
    parts = draft.parts()
    assert [letter.run for letter in parts[1].letters] == ["b"]
    assert [letter.run for letter in parts[2].letters] == ["c"]
    told, recorded = list[str](), list[int]()

    def bad(given: Draft) -> bool:
        if 1 in nos_of(given):
            return True
        told.extend(letter.run for letter in given.letters)
        recorded.append(given.recorded)
        return False

    assert sending.send(draft, bad)
    assert told == ["c"]
    assert recorded == [0, 5]
