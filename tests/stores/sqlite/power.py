"""A model of power loss: a file layer that notes everything, and the images that may be left.

A file's content after a power loss is what was synced, and of what came after any part in any
order: each later operation happened or didn't, and a write that happened may have reached the disk
in some of its 512-byte sectors alone.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw

SECTOR = 512


class Deed(NamedTuple):
    """One operation on one file: write, truncate, sync or delete; or an acknowledgement."""

    kind: str
    file: str
    offset: int = 0
    data: bytes = b""


class Recorder(apsw.VFS):
    """The file layer ``name``; ``deeds`` is what happened, in order."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "", iVersion=3)
        self.name = name
        self.deeds: list[Deed] = []

    def acknowledge(self, number: int) -> None:
        """The user was told that this is written."""
        self.deeds.append(Deed("told", "", number))

    def xOpen(  # noqa: N802 - the file layer's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        return File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - the file layer's name
        self.deeds.append(Deed("delete", Path(filename).name))
        super().xDelete(filename, syncdir)


class File(apsw.VFSFile):
    """A file of which everything is noted."""

    def __init__(
        self, recorder: Recorder, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        full = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._name = Path(full).name
        self._deeds = recorder.deeds

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the file layer's name
        self._deeds.append(Deed("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - the file layer's name
        self._deeds.append(Deed("sync", self._name))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - the file layer's name
        self._deeds.append(Deed("truncate", self._name, newsize))
        super().xTruncate(newsize)


def image(
    start: dict[str, bytes], deeds: list[Deed], moment: int, random: Random
) -> tuple[dict[str, bytes], int]:
    """What may be left when the power goes before ``deeds[moment]``, and the last number told."""
    synced = {deed.file: index for index, deed in enumerate(deeds[:moment]) if deed.kind == "sync"}
    files = {name: bytearray(content) for name, content in start.items()}
    share = random.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    told = 0
    for index, deed in enumerate(deeds[:moment]):
        if deed.kind == "told":
            told = deed.offset
        elif index < synced.get(deed.file, -1):
            _do(files, deed)
        elif random.random() < share:
            _do(files, deed if random.random() < share else _torn(deed, random))
    return {name: bytes(content) for name, content in files.items()}, told


def _do(files: dict[str, bytearray], deed: Deed) -> None:
    if deed.kind == "delete":
        files.pop(deed.file, None)
        return
    content = files.setdefault(deed.file, bytearray())
    if deed.kind == "truncate":
        del content[deed.offset :]
    elif deed.kind == "write":
        content.extend(bytes(max(0, deed.offset - len(content))))
        content[deed.offset : deed.offset + len(deed.data)] = deed.data


def _torn(deed: Deed, random: Random) -> Deed:
    """A write of which only the first or the last sectors came through."""
    if deed.kind != "write" or len(deed.data) <= SECTOR:
        return deed
    cut = random.randrange(1, -(-len(deed.data) // SECTOR)) * SECTOR
    if random.random() < 0.5:
        return deed._replace(data=deed.data[:cut])
    return deed._replace(data=deed.data[cut:], offset=deed.offset + cut)
