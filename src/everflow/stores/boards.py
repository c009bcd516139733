"""What a worker shows without SQL: that it lives, its heartbeat, and what it has in flight.

Each worker has a file of 64-bit numbers in a folder of the host, mapped into memory:
``[magic, beat, number, slots, slot 0, slot 1, ...]``. Its room is taken when the worker enlists, so
that a beat works on a full disk; a mark is one store to memory and outlives ``kill -9``. As long as
the worker lives it holds the file's lock, which the kernel frees at its death: that tells the
others at once. The file is there before the worker's row is.

``number`` is that of the worker's last batch that was written. It is set after the commit, so it is
never ahead of the store: where it is, the store is older than what its workers saw (a lost log, an
older copy).

A forked child would share the lock and outlive its parent with it: it lets go at once.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from array import array
from collections.abc import MutableSequence
from pathlib import Path
from typing import cast

from everflow.stores.locks import try_lock

MAGIC = int.from_bytes(b"everflow", "little")
_BEAT, _NUMBER, _SLOTS, _FIRST = 1, 2, 3, 4
_CELL = 8
_ROOM = 4096  # bytes: a page, with room for 508 slots


class Board:
    """A worker's own file, whose lock is ``lock``."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._cells = self._mapped(_ROOM)

    def _mapped(self, size: int) -> memoryview:
        with self._path.open("ab+") as file:  # not the lock's descriptor: a mapping holds its own
            file.write(bytes(max(0, size - file.tell())))
            file.flush()
            cells = memoryview(mmap.mmap(file.fileno(), size)).cast("q")
        cells[0] = MAGIC
        return cells

    def beat(self) -> None:
        """Advance the heartbeat."""
        self._cells[_BEAT] += 1

    def wrote(self, number: int) -> None:
        """The batch of that number is in the store."""
        self._cells[_NUMBER] = number

    def flights(self, slots: int) -> MutableSequence[int]:
        """The slots, with what stands on them."""
        size = max(_ROOM, (_FIRST + slots) * _CELL)
        if size > self._cells.nbytes:
            self._cells = self._mapped(size)
        self._cells[_SLOTS] = max(slots, self._cells[_SLOTS])
        return cast("MutableSequence[int]", self._cells[_FIRST : _FIRST + slots])

    def unlock(self) -> None:
        """Let go of the lock. The mapped memory goes when nobody holds the slots any more."""
        os.close(self._lock)


class Boards:
    """The folder of boards: those of this object's own workers, and looks at all others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: dict[int, Board] = {}

    def put_up(self, worker: int) -> bool:
        """Make the board of a new worker; False when that number can't be had.

        A living worker has it, when an older backup was put in the place of the store; or somebody
        swept just now.
        """
        path = self._path(worker)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if not try_lock(lock) or not _is_at(path, lock):
                os.close(lock)
                return False
            os.ftruncate(lock, 0)
            self._own[worker] = Board(path, lock)
        except OSError:
            os.close(lock)
            raise
        return True

    def flights(self, worker: int, slots: int) -> MutableSequence[int]:
        """The slots of one of this object's own workers; of any other, a list that nobody sees."""
        board = self._own.get(worker)
        return [0] * slots if board is None else board.flights(slots)

    def own(self, worker: int) -> Board | None:
        """The board of one of this object's own workers."""
        return self._own.get(worker)

    def look(self, worker: int) -> tuple[int, bool] | None:
        """A worker's heartbeat, and whether the kernel tells its death; None without a board."""
        try:
            fd = os.open(self._path(worker), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            cells = _cells(os.pread(fd, _FIRST * _CELL, 0))
            lost = try_lock(fd, fcntl.LOCK_SH)  # freed with the descriptor
        finally:
            os.close(fd)
        return (cells[_BEAT] if len(cells) == _FIRST else 0), lost

    def in_flight(self, worker: int) -> list[int] | None:
        """The slots of a worker that aren't 0; None without a board."""
        try:
            content = self._path(worker).read_bytes()
        except FileNotFoundError:
            return None
        cells = _cells(content)
        if len(cells) < _FIRST or cells[0] != MAGIC:
            return None
        return [no for no in cells[_FIRST : _FIRST + cells[_SLOTS]] if no]

    def witnessed(self) -> dict[int, int]:
        """By worker, the number of the last batch that is known to have been written."""
        found = {}
        for path in self._folder.iterdir():
            if path.name.isdecimal():
                cells = _cells(path.read_bytes()[: _FIRST * _CELL])
                if len(cells) == _FIRST and cells[0] == MAGIC:
                    found[int(path.name)] = cells[_NUMBER]
        return found

    def take_down(self, worker: int) -> None:
        """Let go of a worker's lock; its file stays for those who look."""
        board = self._own.pop(worker, None)
        if board is not None:
            board.unlock()

    def sweep(self, listed: set[int]) -> None:
        """Delete the files of workers that aren't listed any more.

        But not one that is locked: its worker lives, and perhaps isn't listed yet.
        """
        for path in self._folder.iterdir():
            if path.name.isdecimal() and int(path.name) not in listed:
                _delete(path)

    def close(self) -> None:
        """Let go of all own locks."""
        for worker in list(self._own):
            self.take_down(worker)

    def _path(self, worker: int) -> Path:
        return self._folder / str(worker)


def _is_at(path: Path, fd: int) -> bool:
    """Whether an open file is there still, under its name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _delete(path: Path) -> None:
    """Delete a file unless somebody has its lock; nobody gets it meanwhile."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if try_lock(fd):
            path.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _cells(content: bytes) -> array[int]:
    return array("q", content[: len(content) // _CELL * _CELL])
