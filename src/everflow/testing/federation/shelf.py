"""What an instance keeps of a run: the law of ``Write`` and ``Read`` in plain Python.

An act is done whole or not at all, and only on what its session saw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from everflow.federation.protocol.lineage import Epoch, Extent, within
from everflow.federation.protocol.messages import Cut
from everflow.federation.protocol.standing import OWNING, Standing
from everflow.federation.protocol.trust import named
from everflow.federation.protocol.turns import Read, Write

__all__ = ["Branch", "Entry", "Shelf"]


class Entry(NamedTuple):
    """An entry of a journal: who wrote it under which epoch, and a number that no other has."""

    epoch: Epoch
    no: int


class Branch(NamedTuple):
    """What was set aside: entries from ``first`` on and what was beside them."""

    epoch: Epoch
    first: int
    entries: tuple[Entry, ...]
    side: tuple[int, ...]


@dataclass
class Shelf:
    """One run's rows in one store. ``side`` stands for its inbox: the messages that it accepted."""

    standing: Standing = field(default_factory=Standing)
    entries: list[Entry] = field(default_factory=list)
    side: tuple[int, ...] = ()
    rev: int = 0
    aside: list[Branch] = field(default_factory=list)
    named: frozenset[str] = frozenset()  # whom its standings ever named

    @property
    def have(self) -> Extent:
        """How much there is."""
        return Extent(len(self.entries), self.rev)

    @property
    def lives(self) -> bool:
        """Whether the run may be run here, as far as the store goes."""
        return self.standing.role in OWNING

    def commit(self, entry: Entry, *, rests: bool) -> bool:
        """The engine writes an entry; at a rest it writes beside it, too."""
        self.entries.append(entry)
        self.rev += rests or not self.rev
        return True

    def accept(self, message: int) -> bool:
        """A message comes into the inbox."""
        self.side = (*self.side, message)
        self.rev += 1
        return True

    def read(self, act: Read) -> Cut:
        """One reading of the run."""
        return Cut(
            after=act.after,
            entries=tuple(self.entries[act.after :]),
            side=self.side,
            upto=self.have,
        )

    def write(self, seen: tuple[Standing, Extent], act: Write) -> bool:
        """One transaction; False, and nothing is written, when something else was seen."""
        if seen != (self.standing, self.have):
            return False
        if act.drop:
            self.entries, self.side, self.rev = [], (), 0
        if act.keep is not None:
            self._set_aside(within(self.have, act.keep))
        if act.cut is not None:
            self._add(act.cut)
        self.standing = act.standing
        self.named |= named(act.standing)
        return True

    def _set_aside(self, kept: Extent) -> None:
        if kept == self.have:
            return
        rest = tuple(self.entries[kept.seq :])
        self.aside.append(Branch(self.standing.epoch, kept.seq, rest, self.side))
        del self.entries[kept.seq :]
        self.rev, self.side = 0, ()

    def _add(self, cut: Cut) -> None:
        have = len(self.entries)
        new = cut.entries[have - cut.after :]
        self.entries.extend(entry for entry in new if isinstance(entry, Entry))
        if cut.upto.rev > self.rev and isinstance(cut.side, tuple):
            self.side, self.rev = cut.side, cut.upto.rev
