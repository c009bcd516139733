"""Export, import and pruning. Runs are read and written whole, many in each statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict

from everflow.errors import NoSuchRun
from everflow.store import Early, EntryRow, Imported, Message, QuestionRow, RunRow, Settled
from everflow.stores.postgres.marking import marked, unmarked
from everflow.stores.postgres.operating import Cursor, Operating
from everflow.stores.postgres.rows import RUN_COLUMNS, entry_row, question_row, run_row
from everflow.stores.refusals import Changed
from everflow.stores.sums import check_sums

__all__ = ["Keeping"]

Installed = Literal["new", "same", "conflict", "replaced"]
_message = msgspec.json.Decoder(Message).decode
_encode = msgspec.json.Encoder().encode
_TRIES = 100


class There(msgspec.Struct):
    """What an import meets in the store."""

    no: int | None  # of the run with its id
    busy: bool  # that run is active and its owner lives
    kept: bool  # it may not be replaced by any
    keyed: int | None  # the run with its key


class Keeping(Operating):
    """The verbs of people who look after a store."""

    def export(self, no: int) -> Imported:
        """A run whole, read in one transaction."""
        with self._transaction(snapshot=True) as cursor:
            cursor.execute(self._sql("rows"), {"nos": [no]})
            found = cursor.fetchone()
            if found is None:
                raise NoSuchRun(f"There is no run number {no}.")
            row = run_row(found)
            (whole,) = self._wholes(cursor, [(row, found[RUN_COLUMNS - 1], 0)])
        check_sums(row.id, whole.entries)
        return whole

    def _wholes(self, cursor: Cursor, asked: Sequence[tuple[RunRow, int, int]]) -> list[Imported]:
        """Runs whole, of these (row, era, seq of the first entry that is asked for)."""
        wholes = {
            row.no: Imported(row=row, entries=[], questions=[], arrivals=[]) for row, *_ in asked
        }
        values = {
            "nos": list(wholes),
            "eras": [era for _, era, _ in asked],
            "afters": [after for *_, after in asked],
        }
        for found in cursor.execute(self._sql("whole_entries"), values):
            wholes[found[0]].entries.append(entry_row(found))
        for found in cursor.execute(self._sql("whole_questions"), values):
            wholes[found[0]].questions.append(question_row(found))
        for no, message in cursor.execute(self._sql("whole_inbox"), values):
            wholes[no].arrivals.append(_message(message))
        for no, name, key in cursor.execute(self._sql("whole_heard"), values):
            wholes[no].heard.append((unmarked(name), unmarked(key)))
        return list(wholes.values())

    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Installed]:
        """Import runs under new numbers, unowned."""

        def work(cursor: Cursor) -> list[Installed]:
            cursor.execute(self._sql("lock_handing"))
            self._define(cursor, definitions)
            fates: list[Installed] = []
            for part in _apart(runs):
                fates += self._install(cursor, part, replace=replace)
            cursor.execute(self._sql("tell"))
            return fates

        for _ in range(_TRIES):
            try:
                return self._in_transaction(work)
            except Changed:  # a run of that name or key was started meanwhile
                continue
        return self._in_transaction(work)

    def _install(
        self, cursor: Cursor, runs: Sequence[Imported], *, replace: bool
    ) -> list[Installed]:
        values = {
            "ids": [marked(run.row.id) for run in runs],
            "flows": [marked(run.row.flow) for run in runs],
            "keys": [None if run.row.key is None else marked(run.row.key) for run in runs],
        }
        values["runs"] = values["ids"]
        cursor.execute(self._sql("lock_owners"), values)
        cursor.execute(self._sql("lock_named"), values)
        cursor.execute(self._sql("there"), values)
        theres = [There(*found) for found in cursor]
        fates: list[Installed] = []
        for run, there in zip(runs, theres, strict=True):
            if there.no is not None and self._holds(cursor, there.no, run):
                fates.append("same")
            elif (
                there.keyed not in {None, there.no}
                or there.kept
                or (there.no is not None and (there.busy or not replace))
            ):
                fates.append("conflict")
            else:
                fates.append("new" if there.no is None else "replaced")
        met = zip(theres, fates, strict=True)
        gone = {"nos": [there.no for there, fate in met if fate == "replaced"]}
        for what in ("delete_beside", "delete_entries", "delete_runs") if gone["nos"] else ():
            cursor.execute(self._sql(what), gone)
        pairs = zip(runs, fates, strict=True)
        self._restore(cursor, [run for run, fate in pairs if fate in {"new", "replaced"}])
        return fates

    def _holds(self, cursor: Cursor, no: int, run: Imported) -> bool:
        """Is the history of ``run`` a part of what is there? Only what both have can tell."""
        cursor.execute(self._sql("journal"), {"no": no, "first": 0, "limit": None})
        mine = {seq: body for _, seq, body, _ in map(entry_row, cursor)}
        both = [(seq, body) for _, seq, body, _ in run.entries if seq in mine]
        last = max((entry[1] for entry in run.entries), default=0)
        return bool(both) and last <= max(mine) and all(mine[seq] == body for seq, body in both)

    def _restore(self, cursor: Cursor, runs: Sequence[Imported]) -> None:
        """Write runs that aren't there, under new numbers."""
        if not runs:
            return
        rows = [msgspec.structs.replace(run.row, leased=False) for run in runs]
        nos = self._stand(cursor, rows)
        self._add(cursor, dict(zip(nos, (run.entries for run in runs), strict=True)))
        self._put_beside(cursor, dict(zip(nos, runs, strict=True)))
        self._settle(cursor, dict.fromkeys(nos))

    def _stand(self, cursor: Cursor, rows: Sequence[RunRow]) -> list[int]:
        """Write the rows of new runs; their numbers. ``Changed`` where one is there by now."""
        nos: list[int] = []
        while len(nos) < len(rows):
            cursor.execute(self._sql("new_numbers"), {"many": len(rows) - len(nos)})
            nos += [int(no) for (no,) in cursor]
        given = [run_doc(row, no) for row, no in zip(rows, nos, strict=True)]
        ((era,),) = cursor.execute(self._sql("present_era")).fetchall()
        values = {"runs": _encode(given).decode(), "era": era}
        cursor.execute(self._sql("install_runs"), values)
        if cursor.rowcount != len(rows):
            raise Changed("a run was started meanwhile")
        return nos

    def _define(self, cursor: Cursor, definitions: Sequence[tuple[str, str]]) -> None:
        if definitions:
            values = {
                "hashes": [marked(hash_) for hash_, _ in definitions],
                "bodies": [marked(body) for _, body in definitions],
            }
            cursor.execute(self._sql("install_definitions"), values)

    def _add(self, cursor: Cursor, entries: Mapping[int, Sequence[EntryRow]]) -> None:
        """Entries of runs, by the runs' numbers."""
        added = [(no, *entry[1:]) for no, rows in entries.items() for entry in rows]
        if added:
            nos, seqs, bodies, sums = zip(*added, strict=True)
            values = {
                "nos": list(nos),
                "seqs": list(seqs),
                "bodies": [marked(body) for body in bodies],
                "sums": list(sums),
            }
            cursor.execute(self._sql("install_entries"), values)

    def _put_beside(self, cursor: Cursor, runs: Mapping[int, Imported]) -> None:
        """All but the rows and entries of runs, by their numbers."""
        questions = [(no, question) for no, run in runs.items() for question in run.questions]
        if questions:
            cursor.execute(self._sql("install_questions"), _questions(questions))
        heard = [
            (no, nth, marked(name), marked(key))
            for no, run in runs.items()
            for nth, (name, key) in enumerate(run.heard, 1)
        ]
        if heard:
            columns = zip(*heard, strict=True)
            values = dict(zip(("nos", "nths", "names", "keys"), map(list, columns), strict=True))
            cursor.execute(self._sql("install_heard"), values)
        mail = [(no, message) for no, run in runs.items() for message in run.arrivals]
        if mail:
            cursor.execute(self._sql("install_inbox"), _mail(mail))

    def _settle(self, cursor: Cursor, revs: Mapping[int, int | None]) -> None:
        """Count what waits in the inboxes of these runs, and set their revisions."""
        values = {"nos": list(revs), "revs": list(revs.values())}
        cursor.execute(self._sql("settle"), values)

    def prune(self, no: int, *, before: int, keep: Sequence[int]) -> int:
        """Delete what no load needs any more."""
        return len(self._rows("prune", {"no": no, "before": before, "keep": list(keep)}))


def run_doc(row: RunRow, no: int) -> dict[str, Any]:
    """A row as a statement takes it that writes it whole; it gives it no owner."""
    fields = asdict(row)
    del fields["owner"]
    doc = {name: marked(v) if isinstance(v, str) else v for name, v in fields.items()}
    labels = {marked(name): marked(value) for name, value in row.labels.items()}
    return doc | {"no": no, "labels": labels}


def _apart(runs: Sequence[Imported]) -> Iterator[list[Imported]]:
    """Runs in parts within which no id and no key comes twice."""
    part: list[Imported] = []
    names: set[tuple[str, str | None]] = set()
    for run in runs:
        mine = {(run.row.id, None), (run.row.flow, run.row.key or run.row.id)}
        if names & mine:
            yield part
            part, names = [], set()
        part.append(run)
        names |= mine
    if part:
        yield part


def _questions(questions: Sequence[tuple[int, QuestionRow]]) -> dict[str, object]:
    return {
        "runs": [no for no, _ in questions],
        "tags": [marked(q.tag) for _, q in questions],
        "occurrences": [q.occurrence for _, q in questions],
        "ops": [marked(q.op) for _, q in questions],
        "positions": [marked(q.position) for _, q in questions],
        "ats": [q.at for _, q in questions],
        "dues": [q.due for _, q in questions],
        "prompts": [marked(q.prompt) for _, q in questions],
        "schemas": [marked(q.schema) for _, q in questions],
        "states": [q.state for _, q in questions],
        "keys": [None if q.key is None else marked(q.key) for _, q in questions],
    }


def _mail(mail: Sequence[tuple[int, Message]]) -> dict[str, object]:
    mine = [msgspec.structs.replace(message, no=no) for no, message in mail]
    return {
        "nos": [no for no, _ in mail],
        "kinds": [message.__struct_config__.tag for message in mine],
        "tags": [_tag_of(message) for message in mine],
        "messages": [_encode(message).decode() for message in mine],
    }


def _tag_of(message: Message) -> str | None:
    """What stands beside a message, by which it is found."""
    if isinstance(message, Early):
        return marked(message.tag)
    return marked(message.op) if isinstance(message, Settled) else None
