"""Export and import, adoption, pruning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import apsw
import msgspec
from msgspec.structs import asdict

from everflow.errors import NoSuchRun
from everflow.store import Imported, RunRow
from everflow.stores.documents import as_json
from everflow.stores.judging import kind_of
from everflow.stores.sqlite.desk import QUERIES, Desk
from everflow.stores.sqlite.opening import Value
from everflow.stores.sums import check_sums

_OF_A_RUN = ("delete_inbox", "delete_questions", "delete_heard", "delete_entries", "delete_run")
Installed = Literal["new", "same", "conflict", "replaced"]


class There(msgspec.Struct):
    """What an import meets in the store."""

    no: int | None  # of the run with its id
    busy: bool  # that run is active and its owner lives
    kept: bool  # others have it, too: it may not be replaced
    keyed: int | None  # the run with its key


def fields_of(row: RunRow, no: int) -> dict[str, Value]:
    """A row as a statement takes it that writes it whole; it gives it no owner."""
    fields = asdict(row) | {"no": no, "labels": as_json(row.labels)}
    del fields["owner"]
    return fields


class Keeping(Desk):
    """The verbs of people who look after a store."""

    def export(self, no: int) -> Imported:
        """A run whole, read in one transaction."""
        (found,) = self._ask("export", tuple[Imported | None], {"no": no})
        if found is None:
            raise NoSuchRun(f"There is no run number {no}.")
        check_sums(found.row.id, found.entries)
        return found

    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Installed]:
        """Import runs under new numbers, unowned."""
        with self._pen.transaction() as db:
            db.execute(QUERIES["install_definitions"], {"definitions": as_json(definitions)})
            return [self._install(db, run, replace=replace) for run in runs]

    def _install(self, db: apsw.Connection, run: Imported, *, replace: bool) -> Installed:
        names = {"id": run.row.id, "flow": run.row.flow, "key": run.row.key}
        there = self._decoded(str(db.execute(QUERIES["there"], names).get), There)
        if there.no is not None and self._holds(db, there.no, run):
            return "same"
        if there.keyed not in {None, there.no}:
            return "conflict"
        if there.kept or (there.no is not None and (there.busy or not replace)):
            return "conflict"
        no = cast("int", db.execute(QUERIES["highest_no"]).get) + 1
        if there.no is not None:
            for what in _OF_A_RUN:
                db.execute(QUERIES[what], {"no": there.no})
        self._restore(db, no, run)
        return "new" if there.no is None else "replaced"

    def _holds(self, db: apsw.Connection, no: int, run: Imported) -> bool:
        """Is the history of ``run`` a part of what is there? Only what both have can tell."""
        theirs = {entry[1]: entry[2] for entry in run.entries}
        values = {"no": no, "seqs": as_json(list(theirs))}
        last, both = self._decoded(
            str(db.execute(QUERIES["bodies"], values).get), tuple[int, list[tuple[int, str]]]
        )
        same = all(theirs[seq] == body for seq, body in both)
        return bool(both) and max(theirs) <= last and same

    def _restore(self, db: apsw.Connection, no: int, run: Imported) -> None:
        db.execute(QUERIES["install_run"], fields_of(run.row, no) | {"leased": False})
        entries = {"no": no, "entries": as_json(run.entries)}
        db.execute(QUERIES["install_entries"], entries)
        self._put_beside(db, no, run)

    def _put_beside(self, db: apsw.Connection, no: int, run: Imported) -> None:
        """All but a run's row and entries."""
        db.execute(QUERIES["install_questions"], {"no": no, "questions": as_json(run.questions)})
        db.execute(QUERIES["install_heard"], {"no": no, "heard": as_json(run.heard)})
        messages = []
        for message in run.arrivals:
            mine = msgspec.structs.replace(message, no=no)
            messages.append((kind_of(mine), as_json(mine)))
        db.execute(QUERIES["install_inbox"], {"no": no, "messages": as_json(messages)})

    def adopt(self, nos: Sequence[int]) -> list[bool]:
        """Queue runs that were set aside."""
        values = {"nos": as_json(nos)}
        with self._pen.transaction() as db:
            aside = self._decoded(str(db.execute(QUERIES["aside"], values).get), set[int])
            db.execute(QUERIES["adopt"], {"nos": as_json(sorted(aside))})
        adopted = []
        for no in nos:
            adopted.append(no in aside)
            aside.discard(no)
        return adopted

    def prune(self, no: int, *, before: int, keep: Sequence[int]) -> int:
        """Delete what no load needs any more."""
        with self._pen.turn() as db:
            db.execute(QUERIES["prune"], {"no": no, "before": before, "keep": as_json(keep)})
            return db.changes()
