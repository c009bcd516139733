"""Writes of many calls in one transaction, their reads in one query, the threads that wait for it.

Two rules hold. Each write is all or nothing by its own expectations, as if it were alone: what goes
together never touches one record twice, and where the whole isn't taken, or raises, each is tried
by itself. And nobody waits for a transaction that began before: who comes while one is with the
store goes in the next (group commit).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from everflow.engine.operating.intake import Group
from everflow.errors import StoreUnavailable
from everflow.store import Letter, NewRun, Put, Record, RunRow, Store

__all__ = ["Reads", "Threads", "Together"]

P = ParamSpec("P")
T = TypeVar("T")
MANY = 32  # threads: as many writes go together at most
MOST = 200  # writes of one transaction


@dataclass(frozen=True)
class _Write:
    puts: Sequence[Put]
    starts: Sequence[NewRun]
    definitions: Sequence[tuple[str, str]]
    letters: Sequence[Letter]


@dataclass(frozen=True)
class _Written:
    """What became of a write."""

    rows: list[RunRow] | None = None
    error: Exception | None = None


class Together:
    """Writes to a store, from any thread. ``now`` gives the time that is written, in µs."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._group = Group(self._send, most=MOST)

    def __call__(
        self,
        puts: Sequence[Put],
        *,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        letters: Sequence[Letter] = (),
    ) -> list[RunRow] | None:
        """As ``store.write``: the started rows, or None where an expectation doesn't hold."""
        done = self._group(_Write(puts, starts, definitions, letters))
        if done.error is not None:
            raise done.error
        return done.rows

    def each(self, many: Sequence[Sequence[Put]]) -> list[bool]:
        """Several writes, each for itself; which of them were taken."""
        done = self._group.all([_Write(puts, (), (), ()) for puts in many])
        for one in done:
            if one.error is not None:
                raise one.error
        return [one.rows is not None for one in done]

    def _send(self, writes: Sequence[_Write]) -> list[_Written]:
        done: list[_Written] = []
        for part in _apart(writes):
            done += self._all_of(part)
        return done

    def _all_of(self, writes: Sequence[_Write]) -> list[_Written]:
        """Write these as one, or else each by itself."""
        if len(writes) == 1:
            return [self._one(writes[0])]
        whole = self._one(
            _Write(
                [put for write in writes for put in write.puts],
                [start for write in writes for start in write.starts],
                [*dict(body for write in writes for body in write.definitions).items()],
                [letter for write in writes for letter in write.letters],
            )
        )
        if whole.rows is None:
            return [self._one(write) for write in writes]
        rows = iter(whole.rows)
        return [_Written([next(rows) for _ in write.starts]) for write in writes]

    def _one(self, write: _Write) -> _Written:
        try:
            rows = self._store.write(
                write.puts,
                at=self._now(),
                starts=write.starts,
                definitions=write.definitions,
                letters=write.letters,
            )
        except StoreUnavailable:
            raise  # for all of them alike: the group tries once more
        except Exception as error:  # noqa: BLE001 - whose write it was is told, on its own thread
            return _Written(error=error)
        return _Written(rows)


def _apart(writes: Sequence[_Write]) -> list[list[_Write]]:
    """The writes in their order, parted where one touches what another touches already."""
    parts: list[list[_Write]] = []
    touched: set[tuple[str, ...]] = set()
    for write in writes:
        touches = _touches(write)
        if not parts or touches & touched:
            parts.append([])
            touched = set()
        parts[-1].append(write)
        touched |= touches
    return parts


def _touches(write: _Write) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = {(put.kind, put.key) for put in write.puts}
    found |= {(start.id,) for start in write.starts}
    return found


class Reads:
    """Reads records of a store, from any thread: those that are asked for meanwhile, in one query.

    Each read begins after it was asked for, so that what was written before is seen.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._group = Group(self._send, most=MOST)

    def __call__(self, kind: str, key: str) -> Record | None:
        """The record of that kind and key."""
        return self._group((kind, key)).record

    def _send(self, asked: Sequence[tuple[str, str]]) -> list[_Read]:
        found: dict[tuple[str, str], Record] = {}
        for kind in dict.fromkeys(kind for kind, _ in asked):
            keys = [key for its_kind, key in asked if its_kind == kind]
            for record in self._store.records(kind, keys=keys, limit=len(keys)):
                found[kind, record.key] = record
        return [_Read(found.get(one)) for one in asked]


@dataclass(frozen=True)
class _Read:
    record: Record | None


class Threads:
    """Threads for calls that block; who awaits one may go, and the call still ends."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MANY, "everflow-peers")

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call on a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(call, *args, **kwargs))

    async def close(self) -> None:
        """Wait for the calls that are made."""
        await asyncio.to_thread(self._pool.shutdown)
