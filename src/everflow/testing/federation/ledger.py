"""The witness: what was written and acknowledged by whom, and the claims that are held against it.

It knows of each epoch what its owner's journal was, and believes no instance. A claim that speaks
of a single owner is checked while nobody forced a takeover; the others always.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from everflow.federation.protocol.lineage import Epoch, Link
from everflow.federation.protocol.standing import OWNING, Role, Standing
from everflow.testing.federation.shelf import Entry, Shelf
from everflow.testing.simulator.untrue import claim

__all__ = ["Ledger"]


@dataclass
class _Reign:
    """One epoch: the journal of its owner, and what that owner acknowledged."""

    owner: str
    forced: bool
    links: tuple[Link, ...]
    entries: list[Entry]
    side: set[int]
    acked: int = 0
    answered: set[int] = field(default_factory=set)


class Ledger:
    """Everything that happened to one run."""

    def __init__(self) -> None:
        self.reigns: dict[Epoch, _Reign] = {}
        self.forced = False
        self.takeovers = 0

    def wrote(self, name: str, old: Standing, shelf: Shelf, *, forced: bool) -> None:
        """A standing was written: whoever owns now may, and every copy is a copy."""
        new = shelf.standing
        if new.role in OWNING and new.epoch != old.epoch:
            self.forced |= forced
            self._crowned(name, shelf, forced=forced)
        claim(new.epoch >= old.epoch, "an epoch is never gone back from", (name, old, new))
        if new.role is Role.NONE:
            return
        claim(new.epoch in self.reigns, "nobody names an owner who never was", (name, new))
        truth = self.reigns[new.epoch].entries
        same = shelf.entries == truth[: len(shelf.entries)]
        claim(same, "a journal is its owner's, nothing merged into it", (name, new, shelf.entries))

    def _crowned(self, name: str, shelf: Shelf, *, forced: bool) -> None:
        epoch, lineage = shelf.standing.epoch, shelf.standing.lineage
        where = (name, shelf.standing)
        claim(epoch.owner == name, "an epoch is owned by whom it names", where)
        claim(epoch not in self.reigns, "an epoch begins once", where)
        claim(lineage[-1] == Link(epoch, lineage[-1].base), "a lineage ends with its epoch", where)
        if not self.forced:
            numbers = [one.number for one in self.reigns]
            claim(epoch.number not in numbers, "of each number there is one owner", where)
        begins = len(lineage) == 1 or len(shelf.entries) == lineage[-1].base.seq
        claim(begins, "an epoch begins where it says", where)
        for parent, link in pairwise(lineage):
            truth = self.reigns[parent.epoch].entries[: link.base.seq]
            claim(shelf.entries[: link.base.seq] == truth, "history goes along", where)
        if len(lineage) > 1 and not forced:
            parent_reign = self.reigns[lineage[-2].epoch]
            kept = parent_reign.acked <= len(shelf.entries)
            claim(kept, "what was acknowledged goes along", where)
            claim(parent_reign.answered <= set(shelf.side), "so does what was accepted", where)
            self.takeovers += 1
        self.reigns[epoch] = _Reign(name, forced, lineage, list(shelf.entries), set(shelf.side))

    def committed(self, epoch: Epoch, entry: Entry) -> None:
        """The owner of an epoch wrote an entry."""
        self.reigns[epoch].entries.append(entry)

    def accepted(self, epoch: Epoch, message: int) -> None:
        """The owner of an epoch accepted a message."""
        self.reigns[epoch].side.add(message)

    def acknowledged(self, epoch: Epoch, seq: int, messages: Iterable[int]) -> None:
        """Somebody was told that this is durable: whoever has it from there must have it."""
        reign = self.reigns[epoch]
        reign.acked = max(reign.acked, seq)
        reign.answered |= set(messages)
        for other in self.reigns.values():
            for parent, link in pairwise(other.links):
                if parent.epoch == epoch and not self.reigns[link.epoch].forced:
                    claim(
                        link.base.seq >= reign.acked,
                        "nothing is acknowledged that the next owner lacks",
                        (epoch, link, seq),
                    )

    def owners(self, owners: Sequence[str]) -> None:
        """Those who may run the run at this moment."""
        claim(self.forced or len(owners) <= 1, "a run never has two owners", owners)

    def at_the_end(self, winner: Shelf, shelves: Sequence[Shelf]) -> None:
        """All that was ever written is kept by somebody, in the journal or aside."""
        kept = {entry for shelf in shelves for entry in shelf.entries}
        aside = {entry for shelf in shelves for branch in shelf.aside for entry in branch.entries}
        written = {entry for reign in self.reigns.values() for entry in reign.entries}
        claim(written <= kept | aside, "a stale branch is kept", written - kept - aside)
        journal = winner.entries
        for link, later in pairwise(winner.standing.lineage):
            reign = self.reigns[link.epoch]
            if not self.reigns[later.epoch].forced:
                claim(
                    reign.entries[: reign.acked] == journal[: reign.acked],
                    "only a forced takeover loses what was acknowledged",
                    (link, later),
                )
        claim(journal == self.reigns[winner.standing.epoch].entries, "the journal is its owner's")
