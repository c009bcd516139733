"""What is done to an export before it is imported again."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from msgspec import structs

from everflow.store import EntryRow, Imported, Status


def entry(no: int, seq: int, body: str) -> EntryRow:
    """An entry with its checksum."""
    return no, seq, body, zlib.crc32(body.encode())


def _with_entries(whole: Imported, entries: list[EntryRow]) -> Imported:
    return structs.replace(whole, entries=entries)


def _edited(whole: Imported, name: str) -> Imported:
    no, seq, _, _ = whole.entries[-1]
    return _with_entries(whole, [*whole.entries[:-1], entry(no, seq, f'["{name}"]')])


def _grown(whole: Imported, name: str) -> Imported:
    no, seq, _, _ = whole.entries[-1]
    return _with_entries(whole, [*whole.entries, entry(no, seq + 1, f'["{name}"]')])


def _cut(whole: Imported, name: str) -> Imported:
    del name
    if whole.row.base == whole.entries[-1][1]:
        return whole
    return _with_entries(whole, whole.entries[:-1])


def _paused(whole: Imported, name: str) -> Imported:
    row = structs.replace(whole.row, status=Status.PAUSED, id=name, key=None, origin="there")
    return structs.replace(whole, row=row)


def _renamed(whole: Imported, name: str) -> Imported:
    return structs.replace(whole, row=structs.replace(whole.row, id=name))


EDITS: dict[str, Callable[[Imported, str], Imported]] = {
    "": lambda whole, name: whole,  # noqa: ARG005 - an edit gets a name to use
    "cut": _cut,
    "edit": _edited,
    "grow": _grown,
    "pause": _paused,
    "rename": _renamed,
}
