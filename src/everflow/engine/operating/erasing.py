"""Erasing a run: its key is destroyed, and with it all that was ever sealed with it.

First it is written down that the run is erased, then the key goes: killed between the two, the
erasure is repeated. What stays is the skeleton: ids, names, labels, statuses, times, kinds. Records
are sealed with a key that they share, so those of the run (cached results, calls of peers) lose
their values here, and copies of the store keep them.
"""

from __future__ import annotations

import msgspec

from everflow.core.entries import decode_body
from everflow.core.marks import SEALED, is_marked
from everflow.engine.records.audit import audit
from everflow.engine.records.caches import prune_cache
from everflow.engine.records.erasures import ERASED, Erasure, erasure_of
from everflow.engine.records.errands import erase_errands
from everflow.errors import CallerError, ConfigurationError, StillRunning
from everflow.store import COPY, OUTCOMES, Put, RunRow, Status, Store, unpack
from everflow.stores.aside import AsideStore
from everflow.stores.layer import as_kept, keys_of, layers

__all__ = ["erase"]


def erase(store: Store, row: RunRow, *, at: int, by: str = "") -> bool:
    """Erase an ended run; False when it is erased already.

    StillRunning for a run that goes on, ConfigurationError where there are no keys, CallerError for
    a run that was never sealed.
    """
    keys = keys_of(store)
    if keys is None:
        raise ConfigurationError(
            "the store isn't opened with keys, so that there is none to destroy",
            hint="give the key store: `keys` in [tool.everflow], or Engine(encryption=...)",
        )
    if row.status not in OUTCOMES:
        raise StillRunning(
            f"the run is {row.status}: only one that has ended is erased",
            run=row.id,
            flow=row.flow,
            hint=f"cancel it first: `everflow cancel {row.id}`",
        )
    if row.status is Status.HANDED_OFF and _goes_on(store, row):
        raise StillRunning(
            f"{row.until or 'another instance'} has the run, and it goes on there",
            run=row.id,
            flow=row.flow,
            hint="cancel it there, and erase it there and here",
        )
    known = erasure_of(store, row.id)
    if known is None and not _is_sealed(store, row):
        raise CallerError(
            "the run was begun without encryption, so that it has no key to destroy",
            run=row.id,
            hint="export it, and import it with --replace into an encrypted store: that seals it",
        )
    if known is None:
        body = msgspec.json.encode(Erasure(at=at, by=by)).decode()
        told = audit("erase", at=at, by=by, run=row.id)
        store.write([Put(kind=ERASED, key=row.id, body=body), told], at=at)
    went = keys.erase([row.id])[0]
    for layer in layers(store):
        if isinstance(layer, AsideStore):
            layer.forget(row.no)
    prune_cache(store, at=at, run=row.id)
    erase_errands(store, row.id, at=at)
    return went or known is None


def _goes_on(store: Store, row: RunRow) -> bool:
    """Whether a copy's run had no end, as far as this instance knows."""
    copies = as_kept(store).records(COPY, keys=[row.id])
    return bool(copies) and unpack(copies[0].body).row.status not in OUTCOMES


def _is_sealed(store: Store, row: RunRow) -> bool:
    first = as_kept(store).journal(row.no, limit=1)
    return any(is_marked(SEALED, decode_body(body).payload) for _, _, body, _ in first)
