"""Whole runs through the seal: what leaves the store is plain where the run's key is here.

What comes in is sealed, but where it is so already or belongs to a run that is here unsealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace as changed

from everflow.store import (
    Branch,
    Hand,
    Imported,
    LetGo,
    Put,
    Retention,
    Slice,
    definitions_in,
)
from everflow.stores.sealed.parts import changed_whole, key_missing
from everflow.stores.sealed.seal import Seal, has_seal
from everflow.stores.sealed.store import Sealing

__all__ = ["SealedStore"]


class SealedStore(Sealing):
    """A store within which nothing of a run's data can be read without its key."""

    def export(self, no: int) -> Imported:
        """A run as it was written, where its key is here; as it is kept where it isn't."""
        found = self.inner.export(no)
        seal = self._of([no]).get(no)
        return found if seal is None else changed_whole(found, seal.open_row, seal.open)

    def install(  # noqa: D102 - the contract's
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Literal["new", "same", "conflict", "replaced"]]:
        had = self.keys.get([run.row.id for run in runs])
        sealed = [self._arriving(run, key) for run, key in zip(runs, had, strict=True)]
        fates = self.inner.install(sealed, definitions, replace=replace)
        unused = [
            run.row.id
            for run, key, fate in zip(runs, had, fates, strict=True)
            if key is None and fate == "conflict"
        ]
        if unused:
            self.keys.erase(unused)
        self._live.clear()
        return fates

    def _arriving(self, run: Imported, key: bytes | None) -> Imported:
        """A run to be installed: sealed, but where it is so already, or is here unsealed."""
        if key is None:
            here = self.inner.find(run.row.id)
            is_known = here is not None and not self._is_sealed(here.no)
            if is_known or any(has_seal(body) for _, _, body, _ in run.entries):
                return run
            key = self.keys.create([run.row.id])[0]
        seal = Seal(run.row.id, key)
        return changed_whole(run, seal.seal_row, seal.seal)

    def let_go(
        self,
        retention: Retention,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        dry: bool = False,
    ) -> LetGo:
        """The keys of the runs that went are destroyed, so that no copy of the store has them."""
        done = self.inner.let_go(retention, after=after, limit=limit, dry=dry)
        if done.gone and not dry:
            self.keys.erase(done.gone)
        return done

    # --- runs that other instances have, too

    def slice(self, run: str, after: int) -> Slice:
        """Plain, with the definitions that only the open entries name; KeyMissing without a key."""
        return self._opened(self.inner.slice(run, after))

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        """The same of many."""
        opened, told = [self._opened(found) for found in self.inner.slices(runs)], set[str]()
        for one in opened:
            one.definitions = [given for given in one.definitions if given[0] not in told]
            told.update(hash_ for hash_, _ in one.definitions)
        return opened

    def _opened(self, found: Slice) -> Slice:
        run = found.whole.row.id
        (seal,) = self._seals([run])
        if seal is None:
            if self._is_closed(run):
                raise key_missing(run, self.keys)
            return found
        whole = changed_whole(found.whole, seal.open_row, seal.open)
        known = {hash_ for hash_, _ in found.definitions}
        named = [name for name in definitions_in(whole.row, whole.entries) if name not in known]
        more = [(name, body) for name in named if (body := self.inner.definition(name)) is not None]
        return changed(found, whole=whole, definitions=[*found.definitions, *more])

    def hand(self, act: Hand, *, at: int) -> bool:
        """What is added is sealed as what is here is; KeyMissing where that can't be."""
        return self.hand_all([act], at=at)

    def hand_all(  # noqa: D102 - the contract's
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        handed = [self._handed(act) for act in acts]
        try:
            return self.inner.hand_all(handed, at=at, puts=puts, families=families)
        finally:
            for act in acts:
                row = self.inner.find(act.run)
                self._live.pop(0 if row is None else row.no, None)

    def _handed(self, act: Hand) -> Hand:
        if act.add is None:
            return act
        (key,) = self.keys.get([act.run])
        if key is None and self._is_closed(act.run):
            raise key_missing(act.run, self.keys)
        whole = self._arriving(act.add.whole, key)
        return changed(act, add=changed(act.add, whole=whole))

    def _is_closed(self, run: str) -> bool:
        row = self.inner.find(run)
        return row is not None and self._is_sealed(row.no)

    def branches(self, run: str) -> list[Branch]:
        """Open where the run's key is here; as they are kept where it isn't."""
        (seal,) = self._seals([run])
        found = self.inner.branches(run)
        if seal is None:
            return found
        return [
            changed(branch, whole=changed_whole(branch.whole, seal.open_row, seal.open))
            for branch in found
        ]
