"""Retention: ended runs are let go of after a while, with all that is their own.

That it was done is written down first: whoever asks for a run that went is told so from then on.
Cut at any point it is simply done again; workers go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from everflow.engine.given.ids import Random, system_random
from everflow.engine.records.audit import audit
from everflow.engine.records.erasures import ERASED
from everflow.engine.records.retentions import Let, let_of, letting
from everflow.errors import NoSuchRun
from everflow.store import Retention, Store

__all__ = ["ACKNOWLEDGED", "Retained", "no_such_run", "retain"]

ACKNOWLEDGED = "acknowledged"  # a kind of record
_LOOKED = 200  # runs that one step looks at
Label = tuple[str, str | None]


class Retained(msgspec.Struct, kw_only=True):
    """What was let go of: ``gone`` runs; ``kept``: as old, but kept by a label or a tenure.

    Where the journal is kept in eras: runs that were ``moved`` to the present one, and eras that
    were ``dropped`` with ``size`` bytes.
    """

    gone: int = 0
    kept: int = 0
    moved: int = 0
    dropped: int = 0
    size: int = 0


def retain(
    store: Store,
    *,
    before: int,
    at: int,
    keep: Sequence[Label] = (),
    dry: bool = False,
    by: str = "",
    progress: Callable[[Retained], None] | None = None,
    random: Random = system_random,
) -> Retained:
    """Let go of the runs that ended before a time, but of those that bear one of these labels.

    ``progress`` is told what was done so far, after each step.
    """
    retention = Retention(before=before, keep=tuple(keep), kinds=(ACKNOWLEDGED, ERASED))
    done = Retained()
    if not dry:
        store.write(letting(store, Let(before, at)), at=at)
    after: tuple[int, int] | None = None
    while True:
        step = store.let_go(retention, after=after, limit=_LOOKED, dry=dry)
        done.gone += len(step.gone)
        done.kept += step.kept
        after = step.after
        if progress is not None:
            progress(done)
        if after is None:
            break
    _reclaim(store, retention, at, done, dry=dry, progress=progress)
    if done.gone and not dry:
        told = msgspec.structs.asdict(done) | {"before": before}
        store.write([audit("retain", at=at, by=by, random=random, **told)], at=at)
    return done


def _reclaim(
    store: Store,
    retention: Retention,
    at: int,
    done: Retained,
    *,
    dry: bool,
    progress: Callable[[Retained], None] | None,
) -> None:
    after, more = 0, True
    while more:
        step = store.reclaim(retention, at=at, after=after, dry=dry)
        done.moved += step.moved
        done.dropped += step.dropped
        done.size += step.size
        after, more = step.after, step.more
        if progress is not None and more:
            progress(done)


def no_such_run(store: Store, run: object, hint: str) -> NoSuchRun:
    """The error for a run that isn't there, which may have been let go of."""
    told = let_of(store)
    if told is not None:
        day = datetime.fromtimestamp(told.before / 1_000_000, UTC).date()
        hint = f"if it ended before {day} it was let go of, by `everflow retain`; else {hint}"
    name = run if isinstance(run, str) else ""
    return NoSuchRun(f"there is no run {run!r:.80} in {store.info().place}", run=name, hint=hint)
