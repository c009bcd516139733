"""From lines to whole runs, each one checked: counts, digests, order, and what a row may say.

A run is given after its last line. That the file is whole is known only when the reader is through,
so that nothing may be written before.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Never, TypeVar

import msgspec

from everflow.core.marks import ASIDE
from everflow.store import SIGNALS, EntryRow, Imported, Message, QuestionRow, RunRow
from everflow.store.foreign import LARGEST, number_beyond, points_away
from everflow.stores.transfer.limits import Limits
from everflow.stores.transfer.lines import (
    FORMAT,
    Counts,
    DefinitionLine,
    End,
    EntryLine,
    First,
    Header,
    Line,
    MessageLine,
    QuestionLine,
    RunLine,
    decode,
    encode,
)
from everflow.stores.transfer.stream import CUT, EDITED, RAISE, refuse

L = TypeVar("L", bound=Line)
_OTHER = f"{EDITED}, or import it with the release that wrote it"
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ID = re.compile(r"[0-9A-Za-z_.:-]{1,100}")  # ids stand in paths, records' keys and logs


class Reader:
    """Reads a file's lines; ``header`` is there at once, ``definitions`` as they come."""

    def __init__(
        self, lines: Iterable[bytes], limits: Limits, is_definition: Callable[[str, str], bool]
    ) -> None:
        self._lines = iter(lines)
        self._limits = limits
        self._is_definition = is_definition
        self._digest = sha256()
        self._line = b""
        self._number = 0
        self._size = 0  # of the present run's lines
        self._held = 0  # by definitions and ids
        self._counts = Counts()
        self._ids: set[str] = set()
        self.definitions: dict[str, str] = {}
        self.header = self._header()

    def runs(self) -> Iterator[Imported]:
        """Every run in turn. Raises ``ImportRefused`` for whatever isn't as it must be."""
        while True:
            self._size = 0
            line = self._read()
            if isinstance(line, RunLine):
                yield self._run(line)
            elif isinstance(line, DefinitionLine):
                self._define(line)
            elif isinstance(line, End):
                self._end()
                return
            else:
                self._refuse(f"{_kind(line)} has no place here", EDITED)

    def _refuse(self, what: str, hint: str) -> Never:
        refuse(what, hint, self._number)

    # lines

    def _next(self) -> bytes:
        """The next line's bytes; the digest is of all lines before it."""
        self._digest.update(self._line)
        self._number += 1
        line = next(self._lines, None)
        if line is None:
            refuse(f"the file ends before line {self._number}", CUT)
        self._line = line
        self._size += len(line)
        self._cap(self._size)
        return line

    def _cap(self, size: int) -> None:
        if size > self._limits.run:
            self._refuse(f"it needs more than {self._limits.run} bytes of memory", RAISE)

    def _hold(self, *texts: str) -> None:
        self._held += sum(map(len, texts))
        self._cap(self._held)

    def _read(self) -> Line:
        return self._decoded(self._next())

    def _decoded(self, data: bytes) -> Line:
        try:
            return decode(data)
        except _UNREADABLE as error:
            self._refuse(f"it isn't a line of an export ({error})", EDITED)

    def _expect(self, kind: type[L]) -> L:
        line = self._read()
        if not isinstance(line, kind):
            self._refuse(f"{_kind(line)} stands where {kind.__name__} belongs", EDITED)
        return line

    def _count(self, what: str, more: int = 1) -> None:
        cap = getattr(self._limits, what)
        setattr(self._counts, what, getattr(self._counts, what) + more)
        if more < 0 or getattr(self._counts, what) > cap:
            self._refuse(f"there are more than {cap} {what}", RAISE)

    # the parts of a file

    def _header(self) -> Header:
        try:
            first = msgspec.json.decode(self._next(), type=First)
        except _UNREADABLE:
            first = First(kind="", format=0)
        if first.kind != "everflow-export":
            self._refuse("this isn't an export of Everflow's", "name another file")
        if first.format != FORMAT:
            self._refuse(
                f"the file has format {first.format}, this release reads {FORMAT}",
                "import it with the release that wrote it, or a newer one",
            )
        header = self._decoded(self._line)
        if not isinstance(header, Header):
            self._refuse("the header isn't as it must be", EDITED)
        if not 0 <= header.runs <= self._limits.runs:
            self._refuse(f"it promises {header.runs} runs, allowed are {self._limits.runs}", RAISE)
        return header

    def _define(self, line: DefinitionLine) -> None:
        self._count("definitions")
        if line.hash in self.definitions:
            self._refuse(f"the definition {line.hash} comes twice", EDITED)
        self._hold(line.hash, line.body)
        if not self._is_definition(line.hash, line.body):
            self._refuse(f"{line.hash:.80} isn't the hash of that definition", _OTHER)
        self.definitions[line.hash] = line.body

    def _run(self, line: RunLine) -> Imported:
        self._count("runs")
        self._check_row(line.row)
        self._count("entries", line.entries)
        self._count("questions", line.questions)
        self._count("messages", line.messages)
        run = Imported(
            row=line.row,
            entries=self._entries(line),
            questions=self._questions(line),
            arrivals=self._messages(line),
            heard=self._heard(line),
        )
        if points_away(run.entries, run.arrivals, (ASIDE,)):
            self._refuse(f"a value of the run {run.row.id} lies in another store", EDITED)
        return run

    def _check_row(self, row: RunRow) -> None:
        if not _ID.fullmatch(row.id):
            self._refuse(f"{row.id!r:.80} is no id that a run could have", EDITED)
        if row.id in self._ids:
            self._refuse(f"the run {row.id} comes twice", EDITED)
        self._hold(row.id)
        self._ids.add(row.id)
        if row.definition not in self.definitions:
            self._refuse(f"the run {row.id} has a definition that isn't in the file", EDITED)
        self._check_integers(row)

    def _check_integers(self, row: msgspec.Struct) -> None:
        field = number_beyond(row)
        if field:
            self._refuse(f"{field} is more than 64 bits", EDITED)

    def _entries(self, line: RunLine) -> list[EntryRow]:
        row, entries, last = line.row, list[EntryRow](), -1
        for _ in range(line.entries):
            entry = self._expect(EntryLine)
            if zlib.crc32(entry.body.encode()) != entry.sum:
                self._refuse(f"the checksum of entry {entry.seq} doesn't hold", EDITED)
            follows = entry.seq > last if entry.seq <= row.base else entry.seq == last + 1
            if not follows or entry.seq > LARGEST:
                self._refuse(f"entry {entry.seq} comes after {last}", EDITED)
            last = entry.seq
            entries.append((row.no, entry.seq, entry.body, entry.sum))
        if not any(seq == row.base for _, seq, _, _ in entries):
            self._refuse(f"the run {row.id} has no entry {row.base}, its base", EDITED)
        return entries

    def _questions(self, line: RunLine) -> list[QuestionRow]:
        questions: dict[tuple[str, int], QuestionRow] = {}
        for _ in range(line.questions):
            question = self._expect(QuestionLine).row
            self._check_integers(question)
            if question.run != line.row.id:
                self._refuse(f"a question of the run {question.run} has no place here", EDITED)
            questions[question.tag, question.occurrence] = question
        if len(questions) != line.questions:
            self._refuse(f"a question of the run {line.row.id} comes twice", EDITED)
        return list(questions.values())

    def _messages(self, line: RunLine) -> list[Message]:
        messages: list[Message] = []
        for _ in range(line.messages):
            message = self._expect(MessageLine).message
            self._check_integers(message)
            messages.append(message)
        return messages

    def _heard(self, line: RunLine) -> list[tuple[str, str]]:
        if len(line.heard) > SIGNALS or len(set(line.heard)) != len(line.heard):
            self._refuse("the keys of its signals aren't as they must be", EDITED)
        return line.heard

    def _end(self) -> None:
        """The last line must be, to the byte, what the lines before it call for."""
        wanted = encode(End(counts=self._counts, sha256=self._digest.hexdigest()))
        if self._line != wanted or self._counts.runs != self.header.runs:
            self._refuse("the counts or the digest at the end don't hold", EDITED)
        if next(self._lines, None) is not None:
            self._refuse("something follows the end", EDITED)


def _kind(line: Line) -> str:
    return type(line).__name__
