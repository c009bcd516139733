"""What operators do to runs of any status: the next generation, labels, adoption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from everflow.store import Put, QuestionOpened, Reopened
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.marking import marked

__all__ = ["Cursor", "Operating"]

Cursor = psycopg.Cursor[tuple[Any, ...]]
_encode = msgspec.json.Encoder().encode


class Operating(Desk):
    """``reopen``, ``relabel`` and ``adopt``."""

    def reopen(self, runs: Sequence[Reopened], *, at: int) -> list[bool]:
        """Open the next generation of failed runs."""
        places = self._in_transaction(lambda cursor: self._reopen(cursor, runs, at))
        return [place in places for place in range(len(runs))]

    def _reopen(self, cursor: Cursor, runs: Sequence[Reopened], at: int) -> set[int]:
        asked = {
            "nos": [given.no for given in runs],
            "generations": [given.generation for given in runs],
            "seqs": [given.entry[1] for given in runs],
        }
        cursor.execute(self._sql("lock_runs"), asked)
        cursor.execute(self._sql("reopenable"), asked)
        places = {int(place) - 1 for (place,) in cursor}
        opening = [runs[place] for place in sorted(places)]
        entries = [(given.no, *given.entry[1:]) for given in opening]
        if entries:
            nos, seqs, bodies, sums = zip(*entries, strict=True)
            values = {"nos": list(nos), "seqs": list(seqs), "at": at}
            cursor.execute(self._sql("reopen_runs"), values)
            values |= {"bodies": [marked(body) for body in bodies], "sums": list(sums)}
            cursor.execute(self._sql("install_entries"), values)
            questions = [question for given in opening for question in given.questions]
            if questions:
                cursor.execute(self._sql("reopen_questions"), _opened(questions))
            self._put(cursor, [put for given in opening for put in given.puts], at)
            cursor.execute(self._sql("tell"))
        return places

    def relabel(
        self,
        nos: Sequence[int],
        labels: Mapping[str, str | None],
        puts: Sequence[Put] = (),
        *,
        at: int,
    ) -> None:
        """Give and take labels."""
        given = {marked(k): marked(v) for k, v in labels.items() if v is not None}
        values = {
            "nos": list(nos),
            "given": _encode(given).decode(),
            "taken": [marked(name) for name, value in labels.items() if value is None],
        }

        def work(cursor: Cursor) -> None:
            cursor.execute(self._sql("lock_runs"), values)
            cursor.execute(self._sql("relabel"), values)
            self._put(cursor, puts, at)
            cursor.execute(self._sql("tell"))

        self._in_transaction(work)

    def adopt(self, nos: Sequence[int]) -> list[bool]:
        """Queue runs that were set aside."""
        aside = self._in_transaction(lambda cursor: self._adopt(cursor, nos))
        adopted = []
        for no in nos:
            adopted.append(no in aside)
            aside.discard(no)
        return adopted

    def _adopt(self, cursor: Cursor, nos: Sequence[int]) -> set[int]:
        values = {"nos": list(nos)}
        cursor.execute(self._sql("lock_runs"), values)
        cursor.execute(self._sql("adopt"), values)
        aside = {int(no) for (no,) in cursor}
        if aside:
            cursor.execute(self._sql("tell"))
        return aside

    def _put(self, cursor: Cursor, puts: Sequence[Put], at: int) -> None:
        """Write records; of two for one the last counts."""
        last = {(put.kind, put.key): put for put in puts}
        given = [last[name] for name in sorted(last)]
        if given:
            values = {
                "kinds": [marked(put.kind) for put in given],
                "keys": [marked(put.key) for put in given],
                "bodies": [None if put.body is None else marked(put.body) for put in given],
                "dues": [put.due for put in given],
                "ats": [at if put.at is None else put.at for put in given],
            }
            cursor.execute(self._sql("put_records"), values)


def _opened(questions: Sequence[QuestionOpened]) -> dict[str, object]:
    """Questions in columns; of two for one place the last counts."""
    given = list({(q.no, q.tag, q.occurrence): q for q in questions}.values())
    return {
        "runs": [q.no for q in given],
        "tags": [marked(q.tag) for q in given],
        "occurrences": [q.occurrence for q in given],
        "ops": [marked(q.op) for q in given],
        "positions": [marked(q.position) for q in given],
        "ats": [q.at for q in given],
        "dues": [q.due for q in given],
        "prompts": [marked(q.prompt) for q in given],
        "schemas": [marked(q.schema) for q in given],
    }
