"""Parting: a batch that the store refuses is written in parts, down to what is of one run alone.

Four rules hold here. A batch is parted only where the store said that nothing of it is written, nor
ever will be; everything else is an outage. What the others learnt is written as it is: nothing of
theirs is begun again. A run is set aside only when its own part was refused alone, again and again,
and nothing of it is written after that. Where many in a row are refused and nobody's part goes
through, it is the store that is unwell, and nobody is set aside for that.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from everflow.core.entries import Entry, decode_body
from everflow.engine.cells.draft import Draft, joined
from everflow.errors import StoreRefused

__all__ = ["Parting", "why"]

_log = logging.getLogger("everflow.engine")
TRIES = 3  # that a run's part has alone: two writers of one record may have met
IN_A_ROW = 8  # runs that are set aside, at most, while nobody's part goes through
SHOWN = 3  # entries that are named


@dataclass
class _Part:
    """What one run, or none (0), has in a batch that was refused."""

    no: int
    draft: Draft
    tries: int = 0
    error: StoreRefused | None = None


class Parting:
    """The parts of a refused batch that are still to be written.

    ``set_aside(no, part, reason)`` is told the run of a part that can't be.
    """

    def __init__(self, set_aside: Callable[[int, Draft, str], None]) -> None:
        self._set_aside = set_aside
        self._groups: deque[list[_Part]] = deque()
        self._sent: list[_Part] = []
        self._refused: list[_Part] = []  # as often as may be
        self._rest: Draft | None = None  # what comes after all parts
        self._went = False  # somebody's part did
        self._stuck = False  # it is the store's trouble
        self._in_a_row = 0

    def __bool__(self) -> bool:
        return self._rest is not None

    def clear(self) -> None:
        """The worker begins anew."""
        self._groups.clear()
        self._sent, self._refused, self._rest = [], [], None

    def next(self) -> Draft:
        """What is to be written next."""
        if self._groups:
            self._sent = self._groups.popleft()
            return joined(part.draft for part in self._sent)
        rest, self._rest = self._rest or Draft(), None
        return rest

    def written(self, draft: Draft) -> None:
        """A batch went through."""
        if draft.entries:
            self._in_a_row, self._went, self._stuck = 0, True, False
        if self._sent:
            self._sent = []
            self._judge()

    def refused(self, draft: Draft, error: StoreRefused) -> bool:
        """See to what was refused; False where that is the store's trouble."""
        if self._rest is None:
            self._begin(draft)
        sent, self._sent = self._sent, []
        if not sent:  # a batch of nothing: what is refused is the worker's own row
            return False
        if len(sent) > 1:
            half = len(sent) // 2
            self._groups.extendleft((sent[half:], sent[:half]))
            return True
        (part,) = sent
        part.tries, part.error = part.tries + 1, error
        if self._stuck or part.tries < TRIES:
            self._groups.append(sent)
            return not self._stuck
        self._refused.append(part)
        return self._judge()

    def _begin(self, draft: Draft) -> None:
        self._rest = Draft(recorded=draft.recorded, after=draft.after)
        self._sent = [_Part(no, part) for no, part in sorted(draft.parts().items())]
        self._went = self._stuck = False

    def _judge(self) -> bool:
        """Set aside what was refused, once all others were tried; False if it isn't theirs."""
        if self._groups or not self._refused:
            return True
        found, self._refused = self._refused, []
        if not self._went and self._in_a_row + len(found) > IN_A_ROW:
            self._groups.extend([part] for part in found)
            self._stuck = True
            _log.error("the store refuses what %d runs in a row have to write", len(found))
            return False
        self._in_a_row = 0 if self._went else self._in_a_row + len(found)
        for part in found:
            self._write_off(part)
        return True

    def _write_off(self, part: _Part) -> None:
        reason = why(part.draft, part.error)
        if part.no:
            self._set_aside(part.no, part.draft, reason)
        else:
            _log.error("what no run has to write is left out: %s", reason)


def why(draft: Draft, error: StoreRefused | None) -> str:
    """What is said of a run of which the store takes no more."""
    entries = [decode_body(body) for _, _, body, _ in draft.entries]
    learnt = ", ".join(map(_told, entries[-SHOWN:]))
    said = f"{error.code}: {error.message.rstrip('.')}" if error is not None else ""
    return f"{said} ({learnt or 'where it stands'}); see to that, then: everflow adopt RUN"


def _told(entry: Entry) -> str:
    where = f"{entry.node} at {entry.op}" if entry.node else entry.op
    return f"{entry.kind} of {where}" if where else entry.kind
