"""Export: one run at a time, each read in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO

from everflow.errors import StoreDamaged
from everflow.store import Imported, Store, UpgradeTo, definitions_in
from everflow.stores.transfer.lines import (
    FORMAT,
    Counts,
    DefinitionLine,
    End,
    EntryLine,
    Header,
    Line,
    MessageLine,
    QuestionLine,
    RunLine,
    encode,
)


def export_runs(
    store: Store,
    nos: Sequence[int],
    file: BinaryIO,
    progress: Callable[[int, int], None] | None = None,
    *,
    version: str = "",
) -> int:
    """Write the runs of these numbers whole; give how many.

    ``version`` names the release that writes, for people. ``progress`` gets (done, total) after
    each run. The file is whole once this returns: a cut one is refused at its import.

    Raises ``NoSuchRun`` for a number that isn't there, ``StoreDamaged`` for a run that can't be
    read or whose definition is missing.
    """
    digest = sha256()

    def write(line: Line) -> None:
        data = encode(line)
        digest.update(data)
        file.write(data)

    counts = Counts()
    known: set[str] = set()
    write(Header(format=FORMAT, version=version, store=store.info().id, runs=len(nos)))
    for no in nos:
        run = store.export(no)
        for definition in _definitions(store, run, known):
            write(definition)
            counts.definitions += 1
        for line in _lines(run):
            write(line)
        counts.runs += 1
        counts.entries += len(run.entries)
        counts.questions += len(run.questions)
        counts.messages += len(run.arrivals)
        if progress is not None:
            progress(counts.runs, len(nos))
    file.write(encode(End(counts=counts, sha256=digest.hexdigest())))
    return counts.runs


def _definitions(store: Store, run: Imported, known: set[str]) -> Iterator[DefinitionLine]:
    """Its definition, and those that its journal or an order that it hasn't obeyed names."""
    orders = (one.definition for one in run.arrivals if isinstance(one, UpgradeTo))
    for name in (*definitions_in(run.row, run.entries), *orders):
        body = None if name in known else store.definition(name)
        if body is not None:
            known.add(name)
            yield DefinitionLine(hash=name, body=body)
    if run.row.definition not in known:
        raise StoreDamaged(
            f"the definition {run.row.definition} is missing",
            run=run.row.id,
            flow=run.row.flow,
            hint="leave the run out, or restore a backup",
        )


def _lines(run: Imported) -> Iterator[Line]:
    yield RunLine(
        row=run.row,
        entries=len(run.entries),
        questions=len(run.questions),
        messages=len(run.arrivals),
        heard=run.heard,
    )
    for _, seq, body, checksum in run.entries:
        yield EntryLine(seq=seq, sum=checksum, body=body)
    for question in run.questions:
        yield QuestionLine(row=question)
    for message in run.arrivals:
        yield MessageLine(message=message)
