"""The same operations on two stores give the same answers."""

from itertools import count
from pathlib import Path

import pytest

from everflow.store import NewRun, RunQuery, RunRow, Store
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.differential import Side, compare, differ, operations, shrink

pytestmark = pytest.mark.usefixtures("unmeasured")


class Forgetful(MemoryStore):
    """A store with a planted bug: listing leaves out a run that was cancelled."""

    def runs(self, query: RunQuery) -> list[RunRow]:
        return [row for row in super().runs(query) if not row.cancel]


def pair(right: type[MemoryStore]) -> tuple[Side, Side]:
    return Side(MemoryStore()), Side(right())


@pytest.mark.parametrize("seed", range(20))
def test_the_reference_agrees_with_itself(seed: int) -> None:
    """Answers depend on the operations alone."""
    compare(seed, 300, lambda: pair(MemoryStore))


def agree_on_sqlite(seed: int, length: int, place: Path) -> None:
    """Raise unless SQLite answers as the reference does, over restarts too."""
    numbers = count()

    def sides() -> tuple[Side, Side]:
        path = place / f"{next(numbers)}.db"

        def restart(store: Store) -> Store:
            store.close()
            return SQLiteStore.open(path, create=False)

        return Side(MemoryStore()), Side(SQLiteStore.open(path, create=True), restart)

    compare(seed, length, sides)


@pytest.mark.parametrize("seed", range(20))
def test_sqlite_agrees_with_the_reference(seed: int, tmp_path: Path) -> None:
    """The reference is the contract's own reading of itself."""
    agree_on_sqlite(seed, 300, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1500))
def test_sqlite_agrees_for_long(seed: int, tmp_path: Path) -> None:
    """More seeds, longer sequences."""
    agree_on_sqlite(seed, 1000, tmp_path)


def test_a_planted_bug_is_found_and_shown_short() -> None:
    """A difference is named by its seed and a sequence of few operations."""

    def search() -> None:
        for seed in range(9):
            compare(seed, 300, lambda: pair(Forgetful))

    with pytest.raises(AssertionError, match=r"seed \d: the stores differ") as caught:
        search()
    assert len(str(caught.value).splitlines()) < 12


def test_operations_come_from_their_seed() -> None:
    """The same seed, the same sequence; another seed, another one."""
    assert operations(7, 100) == operations(7, 100)
    assert operations(7, 100) != operations(8, 100)
    assert len(operations(7, 100)) == 100


def test_every_verb_is_drawn() -> None:
    """No verb of the contract is left out, but those of a place, a process, or a user's writes."""
    drawn = {operation.verb for operation in operations(1, 5000)}
    verbs = {name for name in dir(Store) if not name.startswith("_")}
    assert drawn - verbs == {"fly", "resend", "highest", "restart"}
    of_a_place = {"info", "close", "version", "flights", "backup"}
    assert verbs - drawn == of_a_place | {"heed", "lost", "settle"}


def test_most_operations_do_something() -> None:
    """The world is small enough for things to meet."""
    silent = {"beat", "retire", "release", "fly", "restart", "enlist", "highest", "relabel"}
    silent |= {"reclaim", "branches"}  # all are looked at in the end
    seen: dict[str, set[str]] = {operation.verb: set() for operation in operations(1, 5000)}
    for seed in range(40):
        side = Side(MemoryStore())
        for operation in operations(seed, 400):
            seen[operation.verb].add(str(side.apply(operation))[:40])
        if {verb for verb, answers in seen.items() if len(answers) < 2} <= silent:
            return
    pytest.fail(f"these gave one answer alone: {seen}")


def test_shrinking_keeps_what_matters() -> None:
    """Everything else is left out."""
    sequence = operations(3, 64)
    wanted = [sequence[10], sequence[50]]
    assert shrink(sequence, lambda ops: all(op in ops for op in wanted)) == wanted


def test_a_difference_in_what_is_held_is_found() -> None:
    """Even when no answer told."""
    left, right = pair(MemoryStore)
    right.store.start([NewRun(id="a", flow="f", definition="d", body="[]", sum=0, at=1)])
    found = differ([], left, right)
    assert found is not None
    assert found.operation.verb == "everything"
