"""A disk that fails on demand: a file layer for SQLite that counts what changes files.

The n-th such operation (write, sync, truncate, delete), or every one from the n-th on, fails in one
of these modes:

* ``eio``, ``full``: nothing is written, and the error says so;
* ``torn``: half of it is written, then an I/O error;
* ``sync``: only syncs fail;
* ``liar``: it is done, and said to have failed.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

MODES = ("eio", "full", "torn", "sync", "liar")


class Disk(apsw.VFS):
    """The file layer ``name``; healthy until ``fail`` is called."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "", iVersion=3)
        self.name = name
        self.done = 0
        self._first = self._last = 0
        self._mode = ""

    def fail(self, mode: str, first: int = 1, *, for_ever: bool = False) -> None:
        """From now on the ``first``-th operation fails, or all from it on."""
        self.done = 0
        self._mode = mode
        self._first = first
        self._last = 1 << 60 if for_ever else first

    def heal(self) -> None:
        """Nothing fails any more."""
        self._first = self._last = 0

    @property
    def failed(self) -> bool:
        """Did the failure come to pass?"""
        return 0 < self._first <= self.done

    def strike(self, kind: str, whole: Callable[[], None], half: Callable[[], None]) -> None:
        """Do it, or fail."""
        if self._mode != "sync" or kind == "sync":
            self.done += 1
        if not self._first <= self.done <= self._last or (self._mode == "sync" and kind != "sync"):
            whole()
            return
        if self._mode == "liar":
            whole()
        if self._mode == "torn":
            half()
        if self._mode == "full":
            raise apsw.FullError("no room")
        raise apsw.IOError("the disk failed")

    def xOpen(  # noqa: N802 - the file layer's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        return File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - the file layer's name
        self.strike("delete", lambda: super(Disk, self).xDelete(filename, syncdir), lambda: None)


class File(apsw.VFSFile):
    """A file on such a disk."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the file layer's name
        def write(part: bytes) -> None:
            super(File, self).xWrite(part, offset)

        self._disk.strike("write", lambda: write(data), lambda: write(data[: len(data) // 2]))

    def xSync(self, flags: int) -> None:  # noqa: N802 - the file layer's name
        self._disk.strike("sync", lambda: None, lambda: None)  # no power is lost here

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - the file layer's name
        self._disk.strike("truncate", lambda: super(File, self).xTruncate(newsize), lambda: None)
