"""What is owed to a peer, or asked of it: the errands that are under way, for people to see."""

from __future__ import annotations

from collections.abc import Iterator

from everflow.engine.records.errands import ERRAND, read_errand
from everflow.federation.peers import Peer
from everflow.store import Store
from everflow.views import View, instant

__all__ = ["errands_of"]

PAGE = 500


def errands_of(store: Store, peer: Peer) -> Iterator[View]:
    """The errands to a peer, by the calls' ids: who waits, what went wrong last, when it is tried.

    ``stands``: ``waits`` (the peer hasn't taken the call), ``accepted``, or ``told`` (the run knows
    the end, and the peer is to hear that it may forget the call).
    """
    after = ""
    while page := store.records(ERRAND, after=after, limit=PAGE):
        for record in page:
            errand = read_errand(record.body)
            if not peer.is_meant(errand.peer):
                continue
            stands = "accepted" if errand.accepted is not None else "waits"
            yield {
                "call": record.key,
                "run": errand.run,
                "function": errand.function,
                "asked": instant(errand.at),
                "stands": stands if errand.told is None else "told",
                "tries": errand.tries,
                "trouble": errand.trouble,
                "next": None if record.due is None else instant(record.due),
            }
        after = page[-1].key
