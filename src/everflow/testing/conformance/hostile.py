"""Hostile names, opaque texts, and threads that use the store at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from everflow.store import Answer, QuestionQuery, RunQuery, RunRow, Status, Store, Verdict
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    answer,
    begin,
    entry,
    inbox_of,
    new_run,
    opened,
    question_of,
    standing,
)

T = TypeVar("T")

NAMES = {
    "empty": "",
    "space": " ",
    "quotes": "'; DROP TABLE runs; --\"`",
    "slashes": "../../etc/passwd\\..\\x",
    "wildcards": "%_*?[a]",
    "nul": "a\0b",
    "only nul": "\0",
    "controls": "\r\n\t\x1b[31m\x7f",
    "beyond the basic plane": "\U0001f40d\U0010ffff",
    "combining": "e\u0301 \u202e \ufeff",
    "json": '{"a":[1,"\\u0000"]}',
    "100 kB": "x" * 100_000,
}
DEEP = "[" * 5000 + "]" * 5000
TEXTS = {
    "escaped nul": '"\\u0000 and \\ud83d\\udc0d"',
    "integers past 64 bits": "[9223372036854775807,9223372036854775808,18446744073709551616]",
    "an integer of 400 digits": "1" + "0" * 400,
    "numbers as written": "[1.0,1e2,-0.0,1E400,0.1000]",
    "true is not 1": "[true,1,false,0,null]",
    "keys in order, twice": '{"b":1,"a":2,"b":3}',
    "spaces": ' { "a" : 1 } ',
    "nested past any parser": DEEP,
    "empty": "",
    "no json at all": "'); DELETE FROM entries; --",
    "nul": '"\0"',
    "one megabyte": '"' + "\u00e9" * 500_000 + '"',
}


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """What so many threads give that start at the same moment."""
    barrier = Barrier(count)

    def run(index: int) -> T:
        barrier.wait()
        return work(index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


class HostileRules(Hooks):
    """Names are parameters and texts are opaque."""

    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
    def test_any_name_is_only_a_name(self, store: Store, place: Path, name: str) -> None:
        """As id, flow, key, parent, label, definition, worker's host, tag, op and position."""
        begin(store, "bystander", key="k")
        scribe = Scribe(store)
        run = new_run(name, flow=name, definition=name, key=name, parent=name, labels={name: name})
        (row,) = store.start([run], [(name, name)])
        scribe.write(opened=[opened(row, name, op=name, position=name, prompt=name)])
        store.enlist(host=name, pid=1, at=START)
        later = self.reopen(store, place)
        assert later.find(name) == later.find_key(name, name) == row
        assert (row.id, row.parent, row.labels) == (name, name, {name: name})
        assert later.definition(name) == name
        assert later.workers()[-1].host == name
        query = RunQuery(flow=name, tag=name, labels=((name, name),))
        assert later.runs(query) == [row]
        assert later.count(query) == {Status.QUEUED: 1}
        (question,) = later.questions(QuestionQuery(tag=name))
        assert (question.run, question.flow, question.tag) == (name, name, name)
        assert (question.op, question.position, question.prompt) == (name, name, name)
        assert later.count(RunQuery()) == {Status.QUEUED: 2}
        later.close()

    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
    def test_any_answer_is_only_an_answer(self, store: Store, name: str) -> None:
        """Tag, key, payload and author come out as they went in."""
        row = Scribe(store).asking("a", name)
        given = Answer(no=row.no, tag=name, occurrence=0, payload=name, key=name, at=0, by=name)
        assert store.accept([given, given]) == [Verdict.ACCEPTED, Verdict.REPEATED]
        assert question_of(store, row, name).key == name
        assert inbox_of(store, row) == [given]

    def test_names_that_look_alike_are_different(self, store: Store) -> None:
        """Compared by code point: no case, no normal form, no trailing space, no end at a NUL."""
        names = ["a", "A", "a ", "a\0", "a\0b", "\u00e9", "e\u0301", "1", "1.0", "01"]
        rows = [begin(store, name, key=name, flow=name) for name in names]
        assert len({row.no for row in rows}) == len(names)
        for name, row in zip(names, rows, strict=True):
            assert store.find(name) == store.find_key(name, name) == row
            assert store.runs(RunQuery(flow=name)) == [row]

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    def test_a_text_comes_back_as_it_was(self, store: Store, place: Path, text: str) -> None:
        """Bodies, outcomes and reasons are opaque: no parser sees them."""
        scribe = Scribe(store)
        row = begin(store, "a", body=text)
        scribe.write(
            entries=[entry(row.no, 1, text)],
            changes=[standing(row, Status.DONE, outcome=text, reason=text)],
            definitions=[("d2", text)],
        )
        later = self.reopen(store, place)
        (loaded,) = later.load([row.no])
        assert loaded.entries == [entry(row.no, 0, text), entry(row.no, 1, text)]
        assert (loaded.row.outcome, loaded.row.reason) == (text, text)
        assert later.definition("d2") == text
        assert later.entries(row.no, [1]) == {1: text}
        later.close()

    def test_one_odd_text_does_not_harm_its_batch(self, store: Store) -> None:
        """All of them in one batch of many runs."""
        scribe = Scribe(store)
        rows = [scribe.run(name) for name in TEXTS]
        batch = [
            entry(row.no, seq, text)
            for seq in (1, 2)
            for row, text in zip(rows, TEXTS.values(), strict=True)
        ]
        scribe.write(entries=batch)
        loaded = store.load([row.no for row in rows])
        assert [run.entries[2][2] for run in loaded] == list(TEXTS.values())

    @pytest.mark.parametrize("number", [0, 1, 2**31, 2**53 + 1, 2**63 - 1])
    def test_integers_are_kept_to_64_bits(self, store: Store, number: int) -> None:
        """Times, and numbers of runs; no float in between."""
        scribe = Scribe(store)
        row = begin(store, "a", at=number, no=number or 1)
        scribe.write(
            at=number,
            changes=[standing(row, Status.WAITING, due=number, ended=number)],
            opened=[opened(row, at=number, due=number, occurrence=number)],
        )
        after = store.rows([row.no])[0]
        assert (after.no, after.created, after.updated) == (number or 1, number, number)
        assert (after.due, after.ended, store.info().highest) == (number, number, number)
        (question,) = store.questions(QuestionQuery(occurrence=number))
        assert (question.at, question.due) == (number, number)


class ThreadRules(Hooks):
    """All verbs may be called from any thread."""

    def test_workers_write_at_once(self, store: Store) -> None:
        """No batch is lost, none is mixed with another's."""

        def write(index: int) -> RunRow:
            scribe = Scribe(store)
            row = scribe.run(f"r{index}")
            for seq in range(1, 21):
                scribe.write(entries=[entry(row.no, seq, f"[{index},{seq}]")])
            return row

        rows = at_once(2, write)
        for index, loaded in enumerate(store.load([row.no for row in rows])):
            bodies = [body for _, _, body, _ in loaded.entries[1:]]
            assert bodies == [f"[{index},{seq}]" for seq in range(1, 21)]

    def test_one_of_sixteen_answers_wins(self, store: Store) -> None:
        """B049: the others are told."""
        row = Scribe(store).asking("a")
        verdicts = at_once(16, lambda i: store.accept([answer(row, key=str(i))])[0])
        assert Counter(verdicts) == {Verdict.ACCEPTED: 1, Verdict.ANSWERED: 15}
        assert len(inbox_of(store, row)) == 1

    def test_no_run_is_claimed_twice(self, store: Store) -> None:
        """Takers share what there is."""
        for index in range(40):
            begin(store, f"r{index}")
        scribes = [Scribe(store) for _ in range(4)]

        def take(index: int) -> list[int]:
            claims = (store.claim(scribes[index].id, now=START, limit=3) for _ in range(40))
            return [row.no for rows in claims for row in rows]

        taken = [no for nos in at_once(4, take) for no in nos]
        assert len(taken) == len(set(taken)) == 40

    def test_one_key_starts_one_run(self, store: Store) -> None:
        """B061: whoever is first."""
        rows = at_once(8, lambda i: begin(store, f"r{i}", key="k"))
        assert len({row.id for row in rows}) == 1
        assert len(store.runs(RunQuery())) == 1

    def test_readers_see_whole_batches(self, store: Store) -> None:
        """An entry and the standing that goes with it appear together."""
        scribe = Scribe(store)
        row = scribe.run("a")

        def work(index: int) -> bool:
            if index == 0:
                for seq in range(1, 41):
                    change = standing(row, Status.RUNNING, deaths=seq)
                    scribe.write(entries=[entry(row.no, seq)], changes=[change])
                return True
            loads = [store.load([row.no])[0] for _ in range(40)]
            return all(len(run.entries) == run.row.deaths + 1 for run in loads)

        assert at_once(2, work) == [True, True]
