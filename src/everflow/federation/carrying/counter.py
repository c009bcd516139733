"""The counter: what peers hand in about runs, and the answers to that.

Two rules hold. What is answered says no more than what wasn't heard, and how much of a large
envelope is here: all else is a letter of its own, since an answer isn't signed. And what can't be
read is refused whole, before any of it is heard.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from everflow.clock import Clock
from everflow.errors import ValueMismatch
from everflow.federation.carrying.letters import Reply, opened
from everflow.federation.carrying.reception import Reception
from everflow.federation.peers import Peer
from everflow.federation.quota import Quota
from everflow.federation.words import BUSY, LETTER, Answer, problem

__all__ = ["Counter"]

_HEX = frozenset("0123456789abcdef")
NAME = 64  # characters of an envelope's name, its SHA-256
DIGITS = 15
_SAID = msgspec.json.Encoder()


class Counter:
    """Takes envelopes, whole or in parts. ``heard`` is told who said something."""

    def __init__(self, reception: Reception, clock: Clock, heard: Callable[[str], None]) -> None:
        self._reception = reception
        self._clock = clock
        self._heard = heard
        self._quota = Quota(clock.boot)

    def letters(self, peer: Peer, body: bytes) -> Answer:
        """An envelope of letters."""
        if not self._quota.spend(peer):
            return problem(BUSY, "too many envelopes; come again later")
        return self._taken(peer, body, 0)

    def part(self, peer: Peer, name: str, place: tuple[str, str], body: bytes) -> Answer:
        """A part of an envelope that begins at ``place``'s first byte, of so many in all."""
        if not self._quota.spend(peer):
            return problem(BUSY, "too many envelopes; come again later")
        numbers = all(text.isdecimal() and len(text) <= DIGITS for text in place)
        if len(name) != NAME or not _HEX.issuperset(name) or not numbers:
            return problem(LETTER, "that names no part of an envelope")
        at, of = map(int, place)
        now = self._clock.wall()
        try:
            have = self._reception.part(peer, name, body, at=at, of=of, now=now)
        except ValueMismatch as error:
            return problem(LETTER, error.message)
        if have < of:
            return Answer(200, _SAID.encode(Reply(have=have)))
        whole = self._reception.whole(peer, name)
        answer = problem(LETTER, "the parts aren't those of that envelope")
        if whole is not None:
            answer = self._taken(peer, whole, have)
        self._reception.forget(peer, name, now=now)
        return answer

    def _taken(self, peer: Peer, body: bytes, have: int) -> Answer:
        try:
            found = opened(body)
        except ValueMismatch as error:
            return problem(LETTER, error.message)
        except msgspec.DecodeError:
            return problem(LETTER, "that isn't an envelope")
        declined = self._reception.hear(peer, found)
        self._heard(peer.id)
        return Answer(200, _SAID.encode(Reply(declined=declined, have=have)))
