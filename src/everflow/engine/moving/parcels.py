"""Runs on their way: given up at the source, compared at the target, and let go on there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from everflow.clock import Clock
from everflow.engine.moving.choice import GOING, family
from everflow.engine.moving.ledger import ARRIVED, LEAVING, Given, Leaving, read, writing
from everflow.errors import MoveRefused, StoreDamaged, StoreUnavailable
from everflow.store import TENURE, Hand, Put, Record, RunRow, Slice, Status, Store, Tenure

__all__ = ["Parcels"]

TRIES = 50
PAGE = 100


@dataclass
class Parcels:
    """What carries parts from one store to the other, and counts what went."""

    source: Store
    target: Store
    clock: Clock
    placed: bool  # whether runs keep their places in queues
    runs: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    questions: int = 0
    messages: int = 0
    records: Counter[str] = field(default_factory=Counter)
    left: dict[str, str] = field(default_factory=dict)  # by run, why it stays

    def __post_init__(self) -> None:
        self.here, self.there = self.source.info(), self.target.info()
        self._number = 0
        self._through: list[str] = []  # keys of what has arrived, and still stands at the source
        self._done: list[str] = []  # and of what stands at the target alone
        self._digest = sha256()

    @property
    def digest(self) -> str:
        """Of all runs that were sent, each found the same at the target."""
        return self._digest.hexdigest()

    def key(self) -> str:
        """A key for the next part, above those of before."""
        self._number += 1
        return f"{self.there.id}/{self.clock.wall():017}{self._number:06}"

    # --- what was cut

    def resume(self) -> None:
        """See to what was given up and may not have arrived, of a move that was cut."""
        prefix = f"{self.there.id}/"
        while page := self.source.records(LEAVING, prefix=prefix, limit=PAGE):
            for record in page:
                self.deliver(record.key, read(record, Leaving))
            self.tidy()
        while page := self.target.records(ARRIVED, prefix=prefix, limit=PAGE):
            self._done += [record.key for record in page]
            self.tidy()

    def deliver(self, key: str, leaving: Leaving) -> None:
        """Have what was given up be at the target, unless it is."""
        if not self.target.records(ARRIVED, keys=[key]):
            if leaving.runs:
                self._ship(key, leaving)
            else:
                self.put(key, leaving)
        self._through.append(key)

    def put(self, key: str, leaving: Leaving) -> None:
        """Write records at the target."""
        puts = [
            Put(kind=one.kind, key=one.key, body=one.body, due=one.due, at=one.at)
            for one in leaving.records
        ]
        self.target.hand_all([], at=self.clock.wall(), puts=[*puts, *self._arriving(key)])
        self.records.update(one.kind for one in leaving.records)

    def leave(self, key: str, leaving: Leaving) -> list[Put]:
        """What is written at the source with the act that gives up."""
        gone = [writing(LEAVING, one, None) for one in self._through]
        self._done += self._through
        self._through = []
        return [writing(LEAVING, key, leaving), *gone]

    def _arriving(self, key: str) -> list[Put]:
        gone = [writing(ARRIVED, one, None) for one in self._done]
        self._done = []
        return [Put(kind=ARRIVED, key=key, body="true"), *gone]

    def tidy(self) -> None:
        """Take out of the ledgers what is through: first at the source."""
        at = self.clock.wall()
        if self._through:
            self.source.write([writing(LEAVING, key, None) for key in self._through], at=at)
            self._done += self._through
            self._through = []
        if self._done:
            self.target.write([writing(ARRIVED, key, None) for key in self._done], at=at)
            self._done = []

    # --- runs

    def carry(self, rows: Sequence[RunRow]) -> None:
        """Have these runs go on at the target, with all that they go along with."""
        fenced = self._fence(rows)
        if fenced is not None:
            self.deliver(*fenced)

    def _fence(self, rows: Sequence[RunRow]) -> tuple[str, Leaving] | None:
        """Give them up; None where nothing of them can go."""
        for _ in range(TRIES):
            key, tenures = self.key(), self.source.tenures([row.id for row in rows])
            going = [one for one in tenures if self._may_go(one)]
            if not going:
                return None
            self._refuse_bound(going)
            leaving = Leaving(runs=self._given(rows, going), placed=self.placed)
            acts = [
                Hand(
                    run=one.run,
                    version=one.version,
                    seq=None,
                    rev=None,
                    body="",
                    here=False,
                    holder=given.holder if given.copy else self.there.place,
                )
                for one, given in zip(going, leaving.runs, strict=True)
            ]
            through, done = list(self._through), list(self._done)
            puts = self.leave(key, leaving)
            if self.source.hand_all(acts, at=self.clock.wall(), puts=puts, families=True):
                return key, leaving
            self._through, self._done = through, done
            rows = family(self.source, rows)
        raise StoreUnavailable(
            f"what runs of {self.here.place} wait for changed {TRIES} times",
            hint="move again: what has moved stays so",
        )

    def _refuse_bound(self, tenures: Sequence[Tenure]) -> None:
        """Runs that other instances have, too, go where the whole instance does."""
        bound = [] if self.placed else [one.run for one in tenures if one.version]
        if bound:
            raise MoveRefused(
                "other instances have copies of the run, or lend it",
                run=bound[0],
                hint="move everything, or leave out what waits for it",
            )

    def _may_go(self, tenure: Tenure) -> bool:
        if tenure.status is None:
            return False
        if tenure.status is Status.HANDED_OFF and not tenure.rev:
            self.left[tenure.run] = "only a part of a copy is here"
            return False
        return True

    def _given(self, rows: Sequence[RunRow], tenures: Sequence[Tenure]) -> list[Given]:
        bound = [one.run for one in tenures if one.version]
        dues = {one.key: one.due for one in self._tenured(bound)}
        known = {row.id: row for row in rows}
        copies = [one.run for one in tenures if one.status is Status.HANDED_OFF]
        known |= {run: row for run in copies if (row := self.source.find(run)) is not None}
        return [
            Given(
                run=one.run,
                body=one.body,
                due=dues.get(one.run),
                copy=one.status is Status.HANDED_OFF,
                holder=known[one.run].until if one.status is Status.HANDED_OFF else "",
                leased=known[one.run].leased,
            )
            for one in tenures
        ]

    def _tenured(self, runs: Sequence[str]) -> Sequence[Record]:
        return self.source.records(TENURE, keys=runs, limit=len(runs)) if runs else []

    def _ship(self, key: str, leaving: Leaving) -> None:
        """Write copies, compare them with what was sent, and let those go on that went on."""
        given, at = leaving.runs, self.clock.wall()
        sent = [_arriving(one, leaving) for one in self.source.slices([g.run for g in given])]
        there = self.target.tenures([one.run for one in given])
        self._refuse_others(there)
        copies = [
            Hand(
                run=one.run,
                version=None,
                seq=None,
                rev=None,
                body=one.body,
                here=False,
                holder=one.holder if one.copy else self.here.place,
                due=one.due,
                drop=before.status is Status.HANDED_OFF,
                add=add,
            )
            for one, before, add in zip(given, there, sent, strict=True)
        ]
        self.target.hand_all(copies, at=at)
        self._compare(sent, self.target.slices([one.run for one in given]))
        lives = [
            Hand(
                run=one.run,
                version=None,
                seq=None,
                rev=None,
                body=one.body,
                here=True,
                due=one.due,
                leased=one.leased,
            )
            for one in given
            if not one.copy
        ]
        self.target.hand_all(lives, at=at, puts=self._arriving(key))
        self._count(sent, {one.run for one in given if one.copy})

    def _refuse_others(self, there: Sequence[Tenure]) -> None:
        taken = [one.run for one in there if one.status not in {None, Status.HANDED_OFF}]
        if taken:
            raise MoveRefused(
                f"{self.there.place} has runs of the same ids that go on there by themselves",
                run=taken[0],
                hint="what was given up for it waits: look which of both is to stay",
            )

    def _compare(self, sent: Sequence[Slice], found: Sequence[Slice]) -> None:
        for one, other in zip(sent, found, strict=True):
            mine, its = digest_of(one), digest_of(other)
            if mine != its:
                raise StoreDamaged(
                    f"{self.there.place} gives something else than was written to it",
                    run=one.whole.row.id,
                    hint="nobody runs it: move again, and see what is wrong with that store",
                )
            self._digest.update(mine)

    def _count(self, sent: Sequence[Slice], copies: set[str]) -> None:
        for one in sent:
            row = one.whole.row
            self.runs["handed_off" if row.id in copies else str(row.status)] += 1
            self.entries += len(one.whole.entries)
            self.questions += len(one.whole.questions)
            self.messages += len(one.whole.arrivals)


def digest_of(one: Slice) -> bytes:
    """Of all that a run is, without what is a store's own."""
    whole = one.whole
    entries = [entry[1:] for entry in whole.entries]
    beside = (whole.row, whole.questions, whole.arrivals, whole.heard)
    return sha256(msgspec.json.encode((beside, entries, one.seq))).digest()


def _arriving(one: Slice, leaving: Leaving) -> Slice:
    """A run that goes on in another store's queues gets its place there, unless all went along."""
    row = one.whole.row
    if leaving.placed or row.admitted is None or row.status not in GOING:
        return one
    return replace(one, whole=replace(one.whole, row=replace(row, admitted=None)))
