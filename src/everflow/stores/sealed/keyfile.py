"""Keys in a file of their own, each wrapped with a master key that isn't in it.

Three rules hold. A key is on disk before it is used. What is erased is overwritten, in the file and
in its log, before the call returns. A master key is 32 random bytes or more, given as base64; of
several the first wraps and all may unwrap, so that one is replaced while everything runs: give the
new one first to every process, then ``rotate``.

Wrapping is AES-SIV (RFC 5297) with a key derived by HKDF from the master key, the run's id as the
header.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from everflow.errors import ConfigurationError, StoreDamaged, StoreUnavailable
from everflow.store.keys import KEY_BYTES

__all__ = ["KeyFile", "master_keys"]

T = TypeVar("T")
_LEAST = 32  # bytes of a master key
_BUSY_MS = 5_000
_PAGE = 500  # keys in one statement
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS key (run TEXT PRIMARY KEY, master TEXT NOT NULL,"
    " wrapped BLOB NOT NULL) WITHOUT ROWID, STRICT"
)


class _Master:
    """A master key; ``name`` tells it from others and gives nothing away."""

    def __init__(self, secret: bytes) -> None:
        made = HKDF(SHA512(), KEY_BYTES + 8, None, b"everflow data keys").derive(secret)
        self.cipher = AESSIV(made[:KEY_BYTES])
        self.name = made[KEY_BYTES:].hex()


def master_keys(text: str) -> tuple[bytes, ...]:
    """The master keys of a text: base64, one after the other. The first is the one in force."""
    found = []
    for word in text.split():
        try:
            secret = base64.b64decode(word, validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) < _LEAST:
            raise ConfigurationError(
                f"a master key is the base64 of {_LEAST} random bytes or more",
                hint="make one: openssl rand -base64 32 > master.key",
            )
        found.append(secret)
    if not found:
        raise ConfigurationError(
            "there is no master key", hint="make one: openssl rand -base64 32 > master.key"
        )
    return tuple(found)


class KeyFile:
    """A key store in one file, for any number of processes of one machine."""

    def __init__(self, db: apsw.Connection, place: str, masters: Sequence[_Master]) -> None:
        self.place = place
        self._db = db
        self._first = masters[0]
        self._masters = {master.name: master for master in masters}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, place: str | os.PathLike[str], master: str) -> Self:
        """The key store in that file, made if it isn't there; ``master``: see ``master_keys``.

        ConfigurationError where no key in it is wrapped with one of these master keys.
        """
        masters = [_Master(secret) for secret in master_keys(master)]
        path = Path(place).resolve()
        try:
            path.touch(mode=0o600)
            db = apsw.Connection(str(path))
            with _in_words(str(path)):
                db.set_busy_timeout(_BUSY_MS)
                db.pragma("journal_mode", "wal")
                db.pragma("synchronous", "full")
                db.pragma("secure_delete", "on")
                db.execute(_SCHEMA)
                _require_fitting(db, path, [master.name for master in masters])
        except OSError as error:
            raise ConfigurationError(
                f"the key store {path} can't be opened: {error.strerror}"
            ) from error
        return cls(db, str(path), masters)

    def create(self, runs: Sequence[str]) -> list[bytes]:
        """The keys of these runs, new ones where there is none."""
        master = self._first
        rows = [
            (run, master.name, master.cipher.encrypt(key, [run.encode()]))
            for run in runs
            for key in (secrets.token_bytes(KEY_BYTES),)
        ]

        def write() -> None:
            self._db.executemany("INSERT OR IGNORE INTO key VALUES (?, ?, ?)", rows)

        self._do(write)
        return [key for key in self.get(runs) if key is not None]

    def get(self, runs: Sequence[str]) -> list[bytes | None]:
        """The keys of these runs, None where there is none."""
        found: dict[str, bytes] = {}
        for first in range(0, len(runs), _PAGE):
            for run, name, wrapped in self._page(runs[first : first + _PAGE]):
                found[run] = self._unwrapped(run, name, wrapped)
        return [found.get(run) for run in runs]

    def _page(self, runs: Sequence[str]) -> list[tuple[str, str, bytes]]:
        marks = ",".join("?" * len(runs))
        asked = f"SELECT run, master, wrapped FROM key WHERE run IN ({marks})"  # noqa: S608 - only question marks go in
        return self._do(lambda: _rows(self._db.execute(asked, runs)))

    def erase(self, runs: Sequence[str]) -> list[bool]:
        """Destroy the keys of these runs: overwritten in the file, and out of its log."""

        def write() -> list[bool]:
            gone = []
            with self._db:
                for run in runs:
                    self._db.execute("DELETE FROM key WHERE run = ?", (run,))
                    gone.append(self._db.changes() > 0)
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return gone

        return self._do(write)

    def rotate(self) -> int:
        """Wrap all keys with the first master key; how many were wrapped with another."""

        def write() -> int:
            count = 0
            with self._db:
                asked = "SELECT run, master, wrapped FROM key WHERE master <> ?"
                for run, name, wrapped in _rows(self._db.execute(asked, (self._first.name,))):
                    key = self._unwrapped(run, name, wrapped)
                    again = self._first.cipher.encrypt(key, [run.encode()])
                    self._db.execute(
                        "UPDATE key SET master = ?, wrapped = ? WHERE run = ?",
                        (self._first.name, again, run),
                    )
                    count += 1
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return count

        return self._do(write)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _do(self, work: Callable[[], T]) -> T:
        with self._lock, _in_words(self.place):
            return work()

    def _unwrapped(self, run: str, name: str, wrapped: bytes) -> bytes:
        master = self._masters.get(name)
        if master is None:
            # It may be a process that was not told of a new master key yet: its runs wait.
            raise StoreUnavailable(
                f"the keys in {self.place} are wrapped with a master key ({name}) that isn't given",
                hint="give it, after the one in force",
            )
        try:
            return master.cipher.decrypt(wrapped, [run.encode()])
        except InvalidTag as error:
            raise StoreDamaged(
                f"a key in {self.place} is damaged", run=run, hint="restore a backup of the keys"
            ) from error


def _require_fitting(db: apsw.Connection, path: Path, masters: Sequence[str]) -> None:
    """A master key that is known to unwrap none of the keys is a slip: it mustn't wrap new ones."""
    first = db.execute("SELECT master FROM key LIMIT 1").fetchone()
    marks = ",".join("?" * len(masters))
    fits = f"SELECT 1 FROM key WHERE master IN ({marks}) LIMIT 1"  # noqa: S608 - only question marks go in
    if first is not None and db.execute(fits, masters).fetchone() is None:
        raise ConfigurationError(
            f"the keys in {path} are wrapped with a master key ({first[0]}) that isn't given",
            hint="give the one that they were wrapped with; a new one goes before it",
        )


def _rows(found: Iterable[tuple[Any, ...]]) -> list[tuple[str, str, bytes]]:
    return [(str(run), str(name), bytes(wrapped)) for run, name, wrapped in found]


@contextmanager
def _in_words(place: str) -> Iterator[None]:
    """SQLite's trouble as the store's: the keys can't be reached, for now."""
    try:
        yield
    except apsw.Error as error:
        raise StoreUnavailable(
            f"the key store {place} can't be used: {error}",
            hint="see that it is there, whole, and may be written",
        ) from error
