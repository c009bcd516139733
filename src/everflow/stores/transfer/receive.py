"""Import: the file is read and checked to its end, kept aside meanwhile, and then installed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, BinaryIO, Literal

import msgspec
from msgspec.structs import replace as changed

from everflow.store import OUTCOMES, Imported, RunRow, Status, Store
from everflow.store.foreign import is_definition
from everflow.stores.transfer.check import Reader
from everflow.stores.transfer.limits import MEGABYTE, Limits
from everflow.stores.transfer.lines import LIVE_REASON
from everflow.stores.transfer.stream import EDITED, lines, plain, refuse

_KEPT_IN_MEMORY = 8 * MEGABYTE
_GROUP = 4 * MEGABYTE  # bodies in one install, about
_GROUP_RUNS = 200


class ImportReport(msgspec.Struct, kw_only=True):
    """What became of each run, by its id; ``origin`` is the store that exported them."""

    origin: str
    new: list[str] = []
    same: list[str] = []
    conflict: list[str] = []
    replaced: list[str] = []

    def note(self, run: str, fate: Literal["new", "same", "conflict", "replaced"]) -> None:
        """Put a run where it belongs."""
        fates = {
            "new": self.new,
            "same": self.same,
            "conflict": self.conflict,
            "replaced": self.replaced,
        }
        fates[fate].append(run)


def import_runs(
    store: Store,
    file: BinaryIO,
    *,
    replace: bool = False,
    adopt: bool = False,
    limits: Limits | None = None,
    genuine: Callable[[str, str], bool] = is_definition,
) -> ImportReport:
    """Bring the runs of an export, plain or gzipped, into the store by ``Store.install``'s rules.

    A finished run stays as it is. Any other arrives paused, or queued with ``adopt``; its origin is
    the store that exported it. ``replace`` lets other history of a run that is there go.
    ``genuine`` says whether a text is the definition of a hash: a file's word isn't enough.

    Raises ``ImportRefused``, naming the line, for a file that is cut, edited, too large, of another
    format or no export at all; nothing is written then. The store's own trouble may come between
    two groups of runs: the same import again goes on, since what is there is ``same``.
    """
    limits = limits or Limits()
    with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as kept:
        reader = Reader(_keeping(lines(plain(file, limits), limits), kept), limits, genuine)
        for _ in reader.runs():
            pass
        _refuse_other_definitions(store, reader)
        kept.seek(0)
        again = Reader(iter(kept), limits, _judged)
        return _install(store, again, replace=replace, adopt=adopt)


def _judged(_hash: str, _body: str) -> bool:
    """The same lines were read before."""
    return True


def _keeping(source: Iterator[bytes], kept: IO[bytes]) -> Iterator[bytes]:
    for line in source:
        kept.write(line)
        yield line


def _refuse_other_definitions(store: Store, reader: Reader) -> None:
    """A hash names one body: a file that says otherwise isn't what it seems."""
    for hash_, body in reader.definitions.items():
        if store.definition(hash_) not in {None, body}:
            refuse(f"the definition {hash_} isn't the one that the store has", EDITED)


def _install(store: Store, reader: Reader, *, replace: bool, adopt: bool) -> ImportReport:
    origin = reader.header.store
    report = ImportReport(origin=origin)
    given = 0  # how many of the definitions the store was given
    for group in _groups(reader):
        definitions = list(islice(reader.definitions.items(), given, None))
        given += len(definitions)
        runs = [changed(run, row=_arriving(run.row, origin, adopt=adopt)) for run in group]
        for run, fate in zip(runs, store.install(runs, definitions, replace=replace), strict=True):
            report.note(run.row.id, fate)
    return report


def _groups(reader: Reader) -> Iterator[list[Imported]]:
    """Runs in groups that one transaction may take."""
    group: list[Imported] = []
    size = 0
    for run in reader.runs():
        group.append(run)
        size += sum(len(body) for _, _, body, _ in run.entries)
        if size > _GROUP or len(group) >= _GROUP_RUNS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _arriving(row: RunRow, origin: str, *, adopt: bool) -> RunRow:
    """A run that goes on here gets its place in a queue here."""
    if row.status in OUTCOMES:
        return changed(row, origin=origin)
    row = changed(row, admitted=None)
    if adopt:
        return changed(row, origin=origin, status=Status.QUEUED, until="", reason="")
    return changed(row, origin=origin, status=Status.PAUSED, until="operator", reason=LIVE_REASON)
