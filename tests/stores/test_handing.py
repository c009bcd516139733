"""Handing held against the protocol's own law, against a count that misses nothing, and sealed."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from everflow.core.entries import Entry, Kind, row_of
from everflow.errors import KeyMissing, NoSuchRun
from everflow.federation.protocol.lineage import Epoch, Extent
from everflow.federation.protocol.messages import Cut
from everflow.federation.protocol.standing import Standing
from everflow.federation.protocol.turns import Write
from everflow.store import BRANCH, COPY, NewRun, Put, Slice, Status, Store
from everflow.stores.aside import AsideStore, sweep
from everflow.stores.aside.values import BLOB
from everflow.stores.memory import MemoryStore
from everflow.stores.sealed import MemoryKeys, SealedStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import START, Scribe, answer, entry, opened, standing
from everflow.testing.conformance.handing import act, bodies, copied, hand, seen
from everflow.testing.conformance.handing import row_of as run_of
from everflow.testing.differential import Side, operations
from everflow.testing.differential.chance import RUNS
from everflow.testing.federation import shelf

SECRET = "Ann Example, 12 Mill Lane"
LATER = START + 2 * 3_600_000_000


@pytest.mark.parametrize("seed", range(4))
def test_no_change_beside_the_entries_is_missed(seed: int, tmp_path: Path) -> None:
    """What a file counts changes whenever what is there does, which the reference looks at."""
    reference, file = Side(MemoryStore()), Side(SQLiteStore.open(tmp_path / "s.db"))
    known: dict[str, tuple[int, int]] = {}
    changed, begun = 0, set[str]()
    for operation in operations(seed, 250):
        answers = reference.apply(operation), file.apply(operation)
        assert answers[0] == answers[1]
        now = {
            one.run: (one.rev, other.rev)
            for one, other in zip(
                reference.store.tenures(RUNS), file.store.tenures(RUNS), strict=True
            )
        }
        for run, (true, counted) in now.items():
            before = known.get(run, (true, counted))
            changed += true != before[0]
            assert run not in begun or true == before[0] or counted != before[1], (operation, run)
        known = now
        if operation.verb == "hand" and answers[0] is True:
            begun.add(operation.given["run"])  # counted from the first act on that finds it here
        begun &= {run for run, (true, _) in now.items() if true}
    file.store.close()
    assert changed


def as_cut(found: Slice) -> Cut:
    """What was read, in the protocol's words."""
    entries = tuple(shelf.Entry(Epoch(1, "A"), seq) for _, seq, _, _ in found.whole.entries)
    return Cut(
        after=found.after,
        entries=entries,
        side=(found.rev,),
        upto=Extent(found.seq, found.rev),
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_copy_is_written_as_the_protocol_means_it(kind: str, seed: int, tmp_path: Path) -> None:
    """Extents and branches, act by act, are those of the shelf that the protocol is tested with."""
    random = Random(seed)
    source = MemoryStore()
    scribe = Scribe(source)
    row = scribe.run("a")
    hand(source)
    target: Store = MemoryStore() if kind == "memory" else SQLiteStore.open(tmp_path / "s.db")
    law = shelf.Shelf()
    cuts = [(source.slice("a", 0))]
    for number in range(1, 25):
        last = seen(source).seq
        if random.random() < 0.6:
            scribe.write(entries=[entry(row.no, last, f"[{last}]")])
        if random.random() < 0.5:
            scribe.write(changes=[standing(row, Status.RUNNING, deaths=number)])
        cuts.append(source.slice("a", random.randint(0, seen(target).seq)))
        add = random.choice([*cuts[-3:], None])
        keep = (random.randint(0, last), random.choice([-1, 99])) if random.random() < 0.3 else None
        have = seen(target)
        kept = have.seq if keep is None else min(have.seq, keep[0])
        if add is not None and add.after > kept:
            continue
        fits = target.hand(
            act(target, here=False, keep=keep, add=add, branch=str(number)), at=START
        )
        cut = None if add is None else as_cut(add)
        extent = None if keep is None else Extent(*keep)
        meant = Write(standing=Standing(), keep=extent, cut=cut)
        assert law.write((law.standing, law.have), meant) is fits is True
        now = seen(target)
        assert Extent(now.seq, now.rev) == law.have
        try:
            assert target.slice("a", 0).whole.row.deaths >= 0
            assert law.side
        except NoSuchRun:
            assert not law.side
    found = [(branch.first, len(branch.whole.entries)) for branch in target.branches("a")]
    assert found == [(branch.first, len(branch.entries)) for branch in law.aside]
    assert found
    target.close()


def asking(store: Store, name: str = "a") -> None:
    """A run that holds a secret wherever a run may."""
    scribe = Scribe(store)
    quoted = f'"{SECRET}"'
    _, _, body, total = row_of(0, Entry(0, START, Kind.START, payload=quoted, note=name))
    new = NewRun(id=name, flow="f", definition="d1", body=body, sum=total, at=START)
    new.owner = scribe.id
    (row,) = store.start([new], [("d1", "{}")])
    scribe.write(
        opened=[opened(row, prompt=quoted), opened(row, "u", prompt=quoted)],
        changes=[standing(row, Status.SUSPENDED, reason=SECRET)],
        entries=[row_of(row.no, Entry(1, START, Kind.RESULT, payload=quoted))],
    )
    store.accept([msgspec.structs.replace(answer(row), payload=quoted)])


def everything(store: Store) -> str:
    """All that a store holds of a run, as it is kept."""
    kinds: list[Any] = [store.records(kind) for kind in (COPY, BRANCH)]
    return msgspec.json.encode([kinds, store.export(run_of(store).no)]).decode()


def test_a_copy_and_what_was_set_aside_are_sealed(tmp_path: Path) -> None:
    """Each instance has keys of its own, and what is shipped is plain."""
    here, there = MemoryStore(), SQLiteStore.open(tmp_path / "s.db")
    mine, theirs = SealedStore(here, MemoryKeys()), SealedStore(there, keys := MemoryKeys())
    asking(mine)
    copied(mine, theirs)
    shipped = mine.slice("a", 0)
    assert SECRET in shipped.whole.entries[0][2]
    assert theirs.slice("a", 0).whole == msgspec.structs.replace(
        shipped.whole,
        row=theirs.slice("a", 0).whole.row,
        questions=theirs.slice("a", 0).whole.questions,
        arrivals=theirs.slice("a", 0).whole.arrivals,
        entries=[(1, *row[1:]) for row in shipped.whole.entries],
    )
    hand(theirs, here=False, keep=(1, 0), branch="x")
    copied(mine, theirs)
    assert SECRET not in everything(here) + everything(there)
    (branch,) = theirs.branches("a")
    assert SECRET in branch.whole.entries[0][2]
    assert branch.whole.questions[0].prompt == f'"{SECRET}"'
    hand(theirs, here=True)
    assert SECRET in theirs.load([run_of(theirs).no])[0].entries[0][2]
    assert bodies(theirs) == bodies(mine)
    keys.erase(["a"])
    with pytest.raises(KeyMissing):
        theirs.slice("a", 0)
    with pytest.raises(KeyMissing):
        theirs.hand(act(theirs, add=mine.slice("a", 0)), at=START)
    (closed,) = theirs.branches("a")
    assert SECRET not in msgspec.json.encode(closed).decode()
    there.close()


def test_a_run_that_is_unsealed_here_stays_so() -> None:
    """As it does where it is imported."""
    plain, kept = MemoryStore(), MemoryStore()
    asking(plain)
    copied(plain, kept)
    copied(plain, SealedStore(kept, MemoryKeys()), here=True)
    assert SECRET in everything(kept)


def test_large_values_of_copies_and_branches_are_aside_and_stay() -> None:
    """What no branch and no copy refers to any more may go."""
    here, there = MemoryStore(), MemoryStore()
    mine, theirs = AsideStore(here, 20), AsideStore(there, 20)
    asking(mine)
    copied(mine, theirs)
    assert [record.body for record in there.records(BLOB)] == [f'"{SECRET}"']
    assert SECRET in theirs.slice("a", 0).whole.entries[1][2]
    hand(theirs, here=False, keep=(0, 0), branch="x")
    assert SECRET in theirs.branches("a")[0].whole.entries[1][2]
    assert sweep(there, now=LATER).deleted == 0
    record = there.records(BRANCH)[0]
    there.write([Put(kind=BRANCH, key=record.key, body=None)], at=START)
    assert sweep(there, now=LATER).deleted == 1
