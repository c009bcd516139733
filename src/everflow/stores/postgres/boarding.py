"""The boards of this host's workers, and what the others are told of them.

* A worker's board is a file (see ``stores/boards.py``) in a folder of the host, its user and the
  store: who shares the folder sees a death at once and reads the board as it stood at that moment.
  The folder bears a random name of its own, the *node*, which stands in the worker's row: by that,
  and not by a host's name, a worker knows whose boards it may read. So containers that have one
  host's name but each a folder of their own are strangers, and so is a machine after its boot.
* For strangers the row holds what stood on the board last: it is told with each batch and each
  beat. What began and killed its worker in between isn't there; a run that goes down with two
  workers in a row is doubted all the same (``run.orphaned``, see ``Workers.in_flight``).
* Without a folder (nothing can be written on this host) there are boards in memory, and every
  worker is a stranger.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
import tempfile
from collections.abc import MutableSequence
from pathlib import Path

from everflow.stores.boards import Boards
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.place import Place

__all__ = ["Boarding"]

_log = logging.getLogger("everflow.stores")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Boarding(Desk):
    """An open store with the boards of its workers."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._node = ""
        self._boards: Boards | None = None
        self._shown: dict[int, MutableSequence[int]] = {}  # what is in flight, by own worker
        self._told: dict[int, list[int]] = {}  # what the store was told of that

    def look(self, *, create: bool) -> None:
        """Examine the store, and open the folder of its boards on this host."""
        super().look(create=create)
        try:
            folder = _folder_of(self._id)
            self._node = _node_of(folder)
            self._boards = Boards(folder)
        except OSError as error:
            self._node = secrets.token_hex(8)
            _log.warning(
                "there is no folder for what workers of this host show each other (%s): "
                "a death is told by its lease alone",
                error,
            )

    def forsake(self) -> None:
        """In a forked child: let go of the locks that the kernel would count as the parent's."""
        super().forsake()
        if self._boards is not None:
            self._boards.close()

    def close(self) -> None:
        """Hang up, and let go of all own boards."""
        super().close()
        if self._boards is not None and self._lines.is_ours:
            self._boards.close()

    def _put_up(self, worker: int, slots: int = 0) -> bool:
        """Have a board for a new worker; False when a living one of this host has that number."""
        if self._boards is None:
            self._shown[worker] = [0] * slots
            return True
        return self._boards.put_up(worker)

    def _flights(self, worker: int, slots: int) -> MutableSequence[int]:
        if self._boards is not None:
            board = self._boards.flights(worker, slots)
            if self._boards.own(worker) is not None:
                self._shown[worker] = board
            return board
        board = self._shown.get(worker, [])
        board.extend([0] * (slots - len(board)))
        return board

    def _to_tell(self, worker: int) -> list[int] | None:
        """What stands on an own worker's board, unless the store was told just that."""
        board, told = self._shown.get(worker, ()), self._told.get(worker, [])
        shown = [no for no in board if no] if any(board) else []
        return None if shown == told else shown

    def _was_told(self, worker: int, shown: list[int] | None) -> None:
        """The store has it."""
        if shown is not None:
            self._told[worker] = shown

    def _take_down(self, worker: int) -> None:
        self._shown.pop(worker, None)
        self._told.pop(worker, None)
        if self._boards is not None:
            self._boards.take_down(worker)


def _folder_of(store: str) -> Path:
    """The folder of the store's boards on this host, and since its boot, for this user alone."""
    user = Path(tempfile.gettempdir()) / f"everflow-{os.getuid()}"
    user.mkdir(mode=0o700, exist_ok=True)
    found = user.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{user} may be written by others")
    boot = _BOOT.read_text().strip() if _BOOT.exists() else "boot"
    folder = user / store / boot
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _node_of(folder: Path) -> str:
    """The folder's own name, made by whoever comes first."""
    path = folder / "node"
    if not path.exists():
        mine = folder / f"node-{secrets.token_hex(8)}"
        mine.write_text(secrets.token_hex(16))
        try:
            path.hardlink_to(mine)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text()
