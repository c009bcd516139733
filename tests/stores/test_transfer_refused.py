"""Imports that are refused: cut, edited, oversized, foreign files; nothing of them is written."""

import gzip
import io
import json
import zlib
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow import sleep
from everflow.core.definition import Definition
from everflow.core.program import Program
from everflow.errors import ImportRefused
from everflow.store import RunQuery, Status, Store
from everflow.stores.memory import MemoryStore
from everflow.stores.transfer import Limits, export_runs
from everflow.stores.transfer import import_runs as import_checked
from everflow.testing.conformance.base import (
    Scribe,
    answer,
    begin,
    early,
    entry,
    opened,
    standing,
)

Lines = list[dict[str, Any]]
# Rows of these tests name their definitions as they like.
import_runs = partial(import_checked, genuine=lambda _hash, _body: True)
SMALL = Limits(line=10_000, run=50_000, total=100_000, ratio=20)


@cache
def good() -> bytes:
    """An export of two runs with a bit of everything."""
    store = MemoryStore()
    scribe = Scribe(store)
    one, two = scribe.run("a"), begin(store, "b", definition="d2", labels={"x": "\u00e9"})
    store.start([], [("d2", "{}")])
    scribe.write(
        entries=[entry(one.no, 1, "[1]"), entry(one.no, 2, "[2]")],
        opened=[opened(one), opened(one, "u")],
        changes=[standing(one, Status.SUSPENDED)],
    )
    store.accept([answer(one), early(two)])
    file = io.BytesIO()
    export_runs(store, [one.no, two.no], file, version="0.1")
    return file.getvalue()


def refused(data: bytes, limits: Limits | None = None, store: Store | None = None) -> str:
    """The refusal's message; an empty store stays empty."""
    store = store or MemoryStore()
    before = store.runs(RunQuery())
    with pytest.raises(ImportRefused) as caught:
        import_runs(store, io.BytesIO(data), limits=limits)
    assert store.runs(RunQuery()) == before
    assert store.definition("d1") in {None, "mine"}
    assert caught.value.hint.endswith("nothing was imported")
    return str(caught.value)


def sealed(lines: Lines, counts: dict[str, int] | None = None) -> bytes:
    """Lines with an end that fits them: what somebody would make who edits with care."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines[:-1])
    end = lines[-1] | {"sha256": sha256(body).hexdigest()}
    end["counts"] = end["counts"] | (counts or {})
    return body + json.dumps(end, separators=(",", ":")).encode() + b"\n"


def edited(edit: Callable[[Lines], object], counts: dict[str, int] | None = None) -> str:
    """The refusal of an edited file whose digest holds."""
    lines = [json.loads(line) for line in good().splitlines()]
    edit(lines)
    return refused(sealed(lines, counts))


def place(lines: Lines, kind: str) -> int:
    return next(index for index, line in enumerate(lines) if line["kind"] == kind)


def of(lines: Lines, kind: str) -> dict[str, Any]:
    return lines[place(lines, kind)]


def test_the_good_file_is_good() -> None:
    """Sealing is the identity, and the import takes it: the tests below fail for their edit."""
    lines = [json.loads(line) for line in good().splitlines()]
    for data in (good(), sealed(lines), gzip.compress(good())):
        assert import_runs(MemoryStore(), io.BytesIO(data), limits=SMALL).new == ["a", "b"]


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(good()) - 1), flip=st.integers(1, 255))
def test_a_changed_byte_is_refused(at: int, flip: int) -> None:
    """Any byte, changed in any way."""
    data = bytearray(good())
    data[at] ^= flip
    refused(bytes(data))


def test_a_file_cut_anywhere_is_refused() -> None:
    """At every byte."""
    for end in range(len(good())):
        refused(good()[:end])


@pytest.mark.parametrize("bit", [0, 5, 7])
def test_a_flipped_bit_anywhere_is_refused(bit: int) -> None:
    """In every byte: digits and letters of another case among them."""
    for at in range(len(good())):
        data = bytearray(good())
        data[at] ^= 1 << bit
        refused(bytes(data))


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, len(good())), more=st.binary(min_size=1, max_size=20))
def test_inserted_bytes_are_refused(at: int, more: bytes) -> None:
    """Wherever they stand, behind the end too."""
    refused(good()[:at] + more + good()[at:])


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(good().count(b"\n"))))
def test_exchanged_lines_are_refused(order: list[int]) -> None:
    """The digest is of all lines in their order."""
    lines = good().splitlines(keepends=True)
    data = b"".join(lines[index] for index in order)
    if data != good():
        refused(data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_gzip_brings_nothing_else(data: st.DataObject) -> None:
    """It is refused, or says the same (a header's time and name are nobody's business)."""
    packed = bytearray(gzip.compress(good(), mtime=0))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    store = MemoryStore()
    try:
        assert import_runs(store, io.BytesIO(bytes(packed))).new == ["a", "b"]
    except ImportRefused:
        assert store.runs(RunQuery()) == []


@settings(max_examples=50, deadline=None)
@given(end=st.integers(2, len(gzip.compress(good(), mtime=0)) - 1))
def test_a_cut_gzip_is_refused(end: int) -> None:
    """Without its own end it isn't whole."""
    refused(gzip.compress(good(), mtime=0)[:end])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    """Whatever it is."""
    refused(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file ends before line 1"),
        (b"\n", "line 1: this isn't an export"),
        (b"{}\n", "line 1: this isn't an export"),
        (b"SQLite format 3\0\n", "line 1: this isn't an export"),
        (b'{"kind":"everflow-export","format":2,"news":[]}\n', "line 1: the file has format 2"),
        (b'{"kind":"everflow-export","format":0}\n', "line 1: the file has format 0"),
        (b'{"kind":"everflow-export","format":"1"}\n', "line 1: this isn't an export"),
        (b'{"kind":"everflow-export","format":1}\n', "line 1: it isn't a line"),
        (b"[" * 100_000 + b"\n", "line 1: this isn't an export"),
        (good() + good(), "something follows the end"),
        (gzip.compress(good()) + b"x", "something follows the compressed data"),
        (gzip.compress(good()) * 2, "something follows the compressed data"),
    ],
)
def test_a_foreign_file_is_named(data: bytes, words: str) -> None:
    """The message says what it is and at which line."""
    assert words in refused(data)


@pytest.mark.parametrize(
    ("words", "edit"),
    [
        ("isn't a line of an export", lambda ls: of(ls, "run")["row"].pop("status")),
        ("isn't a line of an export", lambda ls: of(ls, "run")["row"].update(status="odd")),
        ("isn't a line of an export", lambda ls: of(ls, "run")["row"].update(due="soon")),
        ("isn't a line of an export", lambda ls: of(ls, "run")["row"].update(labels={"x": 1})),
        ("isn't a line of an export", lambda ls: of(ls, "run")["row"].update(base=1.5)),
        ("isn't a line of an export", lambda ls: of(ls, "run")["row"].update(cancel=1)),
        ("isn't a line of an export", lambda ls: of(ls, "run").update(new=1)),
        ("isn't a line of an export", lambda ls: of(ls, "entry").update(body=["raw"])),
        ("isn't a line of an export", lambda ls: of(ls, "question")["row"].update(state="x")),
        ("isn't a line of an export", lambda ls: of(ls, "message")["message"].update(type="x")),
        ("isn't a line of an export", lambda ls: of(ls, "entry").update(kind="function")),
        ("more than 64 bits", lambda ls: of(ls, "run")["row"].update(due=2**63)),
        ("more than 64 bits", lambda ls: of(ls, "question")["row"].update(at=-(2**70))),
        ("more than 64 bits", lambda ls: of(ls, "message")["message"].update(at=10**30)),
        ("the checksum of entry", lambda ls: of(ls, "entry").update(body="[9]")),
        ("entry 7 comes after -1", lambda ls: of(ls, "entry").update(seq=7)),
        ("entry -1 comes after", lambda ls: of(ls, "entry").update(seq=-1)),
        ("no entry 9, its base", lambda ls: of(ls, "run")["row"].update(base=9)),
        ("more than 100000000 entries", lambda ls: of(ls, "run").update(entries=-1)),
        ("has no place here", lambda ls: ls.insert(1, ls[0])),
        ("stands where", lambda ls: of(ls, "run").update(entries=9)),
        ("stands where", lambda ls: of(ls, "run").update(entries=1)),
        ("comes twice", lambda ls: ls.insert(1, ls[1])),
        ("that isn't in the file", lambda ls: ls.pop(1)),
        ("a question of the run x", lambda ls: of(ls, "question")["row"].update(run="x")),
        ("counts or the digest", lambda ls: ls[0].update(runs=3)),
        ("counts or the digest", lambda ls: ls[-1]["counts"].update(entries=9)),
        ("promises -1 runs", lambda ls: ls[0].update(runs=-1)),
        ("promises 1000000000 runs", lambda ls: ls[0].update(runs=10**9)),
    ],
)
def test_a_careful_edit_is_refused(words: str, edit: Callable[[Lines], object]) -> None:
    """With a digest that fits, each line must still be right by itself and among the others."""
    message = edited(edit)
    assert words in message
    assert "line " in message


def test_a_run_or_question_comes_once() -> None:
    """Two histories of one run in a file can't both be meant."""

    def twice(lines: Lines) -> None:
        start = place(lines, "run")
        end = start + next(i for i, ln in enumerate(lines[start:]) if ln["kind"] == "definition")
        lines[end:end] = lines[start:end]

    assert "the run a comes twice" in edited(twice)

    def same_question(lines: Lines) -> None:
        at = place(lines, "question")
        lines[at + 1] = lines[at]

    assert "a question of the run a comes twice" in edited(same_question)


def test_another_body_under_a_known_hash_is_refused() -> None:
    """A file can't slip other flows under the names of those that are here."""
    store = MemoryStore()
    store.start([], [("d1", "mine")])
    assert "the definition d1 isn't the one that the store has" in refused(good(), store=store)


FORGED: dict[str, Callable[[str, str], tuple[str, str]]] = {
    "another's name": lambda _name, body: ("0" * 48, body),
    "another flow": lambda name, body: (name, body.replace("5000000", "1")),
    "no flow": lambda name, _body: (name, "{}"),
    "no JSON": lambda name, _body: (name, "x"),
    "a newer one": lambda name, body: (name, body.replace('"format":1', '"format":2')),
    "a deep one": lambda name, _body: (name, "[" * 200_000),
    "a large one": lambda _name, _body: ("0" * 48, "x" * 70_000),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_definition_is_the_one_that_its_hash_names(how: str) -> None:
    """RELIABILITY 23: a file with fitting digests brings no flow under the name of another."""
    here, store = MemoryStore(), MemoryStore()
    made = Definition(Program(sleep(5), "f"))
    here.start([], [(made.hash, made.body)])
    row = begin(here, "a", definition=made.hash)
    file = io.BytesIO()
    export_runs(here, [row.no], file)
    assert import_checked(MemoryStore(), io.BytesIO(file.getvalue())).new == ["a"]
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    name, body = FORGED[how](made.hash, made.body)
    of(lines, "definition").update(hash=name, body=body)
    of(lines, "run")["row"]["definition"] = name
    with pytest.raises(ImportRefused, match="isn't the hash of that definition"):
        import_checked(store, io.BytesIO(sealed(lines)))
    assert store.definition(name) is None
    assert store.runs(RunQuery()) == []


ELSEWHERE = '{"$":"aside","v":"' + "0" * 64 + ' 99"}'


def test_no_value_lies_in_another_store() -> None:
    """RELIABILITY 23: neither an entry nor a message is taken for a value that is kept here."""

    def in_entry(lines: Lines) -> None:
        body = f'[1,2,"result","",1,"",null,0,{ELSEWHERE},1]'
        lines[place(lines, "entry") + 1].update(body=body, sum=zlib.crc32(body.encode()))

    def in_message(lines: Lines) -> None:
        of(lines, "message")["message"]["payload"] = ELSEWHERE

    for edit in (in_entry, in_message):
        assert "lies in another store" in edited(edit)


def test_deep_lines_are_refused() -> None:
    """Nesting ends in a refusal, not in the stack."""
    header = good().splitlines(keepends=True)[0]
    for deep in (b"[" * 200_000, b'{"a":' * 200_000, b'{"kind":"run","row":' + b"[" * 200_000):
        assert "line 2" in refused(header + deep + b"\n")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(line=200), "line 3: it has more than 200 bytes"),
        (Limits(run=500), "more than 500 bytes of memory"),
        (Limits(total=1000), "the file has more than 1000 bytes"),
        (Limits(runs=1), "promises 2 runs, allowed are 1"),
        (Limits(definitions=1), "more than 1 definitions"),
        (Limits(entries=3), "more than 3 entries"),
        (Limits(questions=1), "more than 1 questions"),
        (Limits(messages=1), "more than 1 messages"),
    ],
)
def test_every_cap_holds(limits: Limits, words: str) -> None:
    """And says that it can be raised."""
    message = refused(good(), limits)
    assert words in message
    assert "raise the limit" in message


def test_a_line_without_end_is_not_collected() -> None:
    """The cap is on what was read, not on what was found to be a line."""
    header = good().splitlines(keepends=True)[0]
    assert "more than 10000 bytes" in refused(header + b"x" * 90_000, SMALL)


def test_a_bomb_is_stopped_by_its_ratio() -> None:
    """100 MB of nothing in 100 kB: refused after the first megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(good().splitlines(keepends=True)[0])
    bomb += b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    assert len(bomb) < 200_000
    assert "more than 200 times its size" in refused(bomb, Limits(line=1 << 30))
    assert "bytes" in refused(bomb, SMALL)


def test_a_bomb_inside_a_bomb_is_only_data() -> None:
    """What is unpacked isn't unpacked again."""
    inner = gzip.compress(good()) + b"\n"  # what is compressed has an end of a line by chance only
    assert "this isn't an export" in refused(gzip.compress(inner))


@pytest.mark.parametrize(
    "name", ["", "../../a", "a/b", "a\nb", "a\n", "\x1b[2J", "a b", "\u202ea", "x" * 101, "%00"]
)
def test_what_can_be_no_id_is_none(name: str) -> None:
    """RELIABILITY 22: a run's name never reaches beyond itself."""

    def rename(lines: Lines) -> None:
        of(lines, "run")["row"]["id"] = name

    assert "no id that a run could have" in edited(rename)
