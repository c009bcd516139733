"""The reception: which letters of a peer are heard here, and how much it may leave.

Three rules hold. A peer leaves nothing until it is allowed: ``keep`` says how many bytes, of copies
and of what is to be remembered by its word, ``adopt`` whether runs that it gives away go on here.
Beyond that some words are heard: whoever gave a run away to be told no must be told so for good,
and of a run that is here its circle may say who has it. A run that was begun here, and never left,
is nobody's to speak of. And for a run that other instances know the circle of the run counts, see
``protocol.trust``: a letter from elsewhere changes nothing, and has the owner be asked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from everflow.engine.asking.client import Client
from everflow.errors import ValueMismatch
from everflow.federation.carrying.adoption import unlike
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.kept import Kept, read_kept
from everflow.federation.carrying.letters import (
    Declined,
    Letter,
    caller_of,
    heaviness,
    slice_of,
    uncalled,
    weight,
)
from everflow.federation.carrying.parts import Parts
from everflow.federation.carrying.setting import Saying
from everflow.federation.peers import PEER, Peer
from everflow.federation.protocol.messages import (
    Claim,
    Cut,
    Handover,
    Message,
    Recall,
    Segment,
    Unlease,
)
from everflow.federation.protocol.standing import Role
from everflow.federation.protocol.trust import Doubt, circle, doubt, question
from everflow.store.handing import TENURE, Tenure

__all__ = ["ADOPTED_MOST", "Reception"]

_log = logging.getLogger("everflow.federation")
ADOPTED_MOST = 256 * 1024 * 1024  # bytes of one run that is given, where no more may be kept
RECOUNT = 10_000_000  # microseconds between two counts of what peers left
PAGE = 500
WORDS = 1_000_000  # bytes of tenures by a peer's word, beyond what it may keep
WORD = 400  # bytes of a tenure, about, besides the lineage
MODEST = 16_384  # bytes of a tenure that may be of anybody in the circle
_REMEMBERED = Claim | Handover | Recall | Unlease
_NOTHING = "that peer may keep nothing here"
_WHY = {
    Doubt.FORGED: "the letter contradicts itself, or speaks for another instance",
    Doubt.STRANGER: "the run was never given to that instance, as far as is known here",
}


class Reception:
    """Hears letters of peers for a host. ``boot`` gives microseconds that never go back."""

    def __init__(
        self,
        host: Host,
        client: Client,
        saying: Saying,
        boot: Callable[[], int],
    ) -> None:
        self._host = host
        self._client = client
        self._store = client.store
        self._saying = saying
        self._boot = boot
        self._parts = Parts(client.store)
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._counted: int | None = None

    def hear(self, peer: Peer, letters: Sequence[Letter]) -> list[Declined]:
        """Hear what is to be heard; which letters aren't, and why."""
        declined = []
        runs = list(dict.fromkeys(letter.run for letter in letters))
        read = {tenure.run: tenure for tenure in self._host.read(runs)}
        for letter in letters:
            tenure = read.pop(letter.run, None) or self._host.read([letter.run])[0]
            why = self._refusal(peer, tenure, letter.message)
            if why:
                declined.append(Declined(letter.run, why))
            else:
                self._heard(peer, tenure, letter.message)
        return declined

    def part(self, peer: Peer, name: str, part: bytes, *, at: int, of: int, now: int) -> int:
        """Keep a part of a large envelope; how many bytes are here. ValueMismatch for too many."""
        most = max(peer.keep, ADOPTED_MOST if peer.adopt else 0)
        if of > most - self._parts.promised(peer.id, but=name):
            raise ValueMismatch(f"{of} bytes are more than this peer may leave here")
        return self._parts.take(peer.id, name, part, at=at, of=of, now=now)

    def whole(self, peer: Peer, name: str) -> bytes | None:
        """An envelope of which all parts came."""
        return self._parts.whole(peer.id, name)

    def forget(self, peer: Peer, name: str, *, now: int) -> None:
        """That envelope isn't needed any more."""
        self._parts.forget(peer.id, name, now=now)

    # --- inside

    def _refusal(self, peer: Peer, tenure: Tenure, message: Message) -> str:
        """Why a letter isn't heard; empty where it is."""
        if tenure.seq and not tenure.version:
            return "the run was begun here, and nobody else has it"
        kept = read_kept(tenure)
        why = doubt(kept.standing, frozenset(kept.named), peer.id, message)
        if why is Doubt.STRANGER:
            asked = question(self._host.session(tenure))
            if asked is not None and self._store.records(PEER, keys=[asked[0]]):
                self._saying.put(asked[0], tenure.run, asked[1])
        if why is not None:
            return _WHY[why]
        if isinstance(message, Segment):
            told = tenure.version and message.epoch == kept.standing.epoch
            return self._no_copy(peer, message, 0 if told else WORD + heaviness(message.lineage))
        if kept.standing.role is not Role.NONE:
            line = heaviness(kept.standing.lineage)
            return self._no_word(peer, message, MODEST - len(tenure.body) + line)
        if isinstance(message, Claim) and not (peer.keep or peer.adopt):
            return _NOTHING
        return self._no_word(peer, message, 0)

    def _no_copy(self, peer: Peer, message: Segment, word: int) -> str:
        if not peer.keep:
            return _NOTHING
        return self._no_room(peer, sum(weight(message.cut)) + word, peer.keep)

    def _no_word(self, peer: Peer, message: Message, free: int) -> str:
        """Why it isn't remembered what a peer says, if it would have to be.

        ``free``: so many bytes of it need no room.
        """
        if not isinstance(message, _REMEMBERED):
            return ""
        if isinstance(message, Handover) and peer.adopt:
            return ""  # the run becomes this instance's, and what is said of it
        size = WORD + heaviness(getattr(message, "lineage", ()))
        return "" if size <= free else self._no_room(peer, size, peer.keep + WORDS)

    def _no_room(self, peer: Peer, size: int, most: int) -> str:
        with self._lock:
            # What is remembered is never too low, and too high where copies were replaced.
            over = self._used.get(peer.id, 0) + size > most
            if self._counted is None or (over and self._is_stale()):
                self._count()
            used = self._used.get(peer.id, 0) + size
            if used > most:
                full = f"that peer keeps as much here as it may: {peer.keep:,} bytes"
                return full if peer.keep else _NOTHING
            self._used[peer.id] = used
        return ""

    def _is_stale(self) -> bool:
        return self._counted is None or self._boot() >= self._counted + RECOUNT

    def _heard(self, peer: Peer, tenure: Tenure, message: Message) -> None:
        if isinstance(message, Segment | Handover) and self._is_false(peer, message.cut):
            message = replace(message, cut=uncalled(message.cut))
        if isinstance(message, Segment):
            # Whose runs don't go on here gets no lease: that would have them do so.
            ask = message.ask if message.ask and self._adopts(peer, message) else None
            self._host.heard(tenure, peer.id, replace(message, ask=ask), willing=True)
        else:
            self._host.heard(tenure, peer.id, message, willing=bool(peer.adopt))

    def _is_false(self, peer: Peer, cut: Cut) -> bool:
        """Whether a run says that one called it that is here, and that its sender never had.

        Its end would be told to that run, as the end of whatever that one waits for.
        """
        caller = caller_of(cut)
        (there,) = self._host.read([caller]) if caller else [None]
        if there is None or there.status is None:
            return False
        kept = read_kept(there)
        return peer.id not in circle(kept.standing, frozenset(kept.named))

    def _adopts(self, peer: Peer, message: Segment) -> bool:
        """Whether a run goes on here once its lease is over, as far as a glance tells."""
        row = slice_of(message.cut).whole.row
        why = unlike(self._client, peer, row.flow, [row.definition])
        if why and peer.adopt:
            _log.warning("the run %s gets no lease: %s", row.id, why)
        return not why

    def _count(self) -> None:
        """How much each peer left here."""
        self._used, self._counted = {}, self._boot()
        after = ""
        while True:
            page = self._store.records(TENURE, after=after, limit=PAGE)
            for record in page:
                kept = _kept(record.body)
                for who, size in ((kept.origin, kept.size), (kept.told, len(record.body))):
                    if who:
                        self._used[who] = self._used.get(who, 0) + size
            if len(page) < PAGE:
                return
            after = page[-1].key


def _kept(body: str) -> Kept:
    return read_kept(Tenure(run="", body=body, version=1, seq=0, rev=0, status=None))
