"""Retention: ended runs are let go of, with all that is their own, and their room is given back.

Both verbs are done in steps that each are small and whole: whoever is cut between two goes on from
the start, and what was done stays done. Workers go on meanwhile. A run that is opened again just
then isn't let go of any more, or is gone by then; nothing in between.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["LetGo", "Reclaimed", "Retaining", "Retention"]


class Retention(msgspec.Struct, kw_only=True, frozen=True):
    """Which runs may go: those that ended before ``before`` and bear none of the labels ``keep``.

    A label is (name, value), or (name, None) whatever its value. A run that has a tenure stays,
    since others tell by it what is here. ``kinds`` are those of the records that have a run's id as
    their key and go with it.
    """

    before: int
    keep: tuple[tuple[str, str | None], ...] = ()
    kinds: tuple[str, ...] = ()


class LetGo(msgspec.Struct, kw_only=True):
    """What one step let go of: the ids of runs. ``kept``: as old, and kept by a label or a tenure.

    ``after``: where the next step goes on, None when all was looked at.
    """

    gone: list[str]
    kept: int
    after: tuple[int, int] | None


class Reclaimed(msgspec.Struct, kw_only=True):
    """What one step did, where the journal is kept in eras.

    ``begun`` eras, ``moved`` runs that stay to the present era, ``dropped`` eras that held nothing
    any more, with their ``size`` in bytes. ``after``: what to give the next step, if there is
    ``more`` to do.
    """

    begun: int = 0
    moved: int = 0
    dropped: int = 0
    size: int = 0
    after: int = 0
    more: bool = False


class Retaining(Protocol):
    """The verbs of retention."""

    def let_go(
        self,
        retention: Retention,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        dry: bool = False,
    ) -> LetGo:
        """Look at ``limit`` runs at most, oldest first, and delete those that may go.

        Each with its questions, inbox, branches and heard keys, so that nothing finds it any more:
        its id and its key are free. Its entries go with it or with a later ``reclaim``; definitions
        stay. ``dry``: nothing is written.
        """

    def reclaim(
        self, retention: Retention, *, at: int, after: int = 0, dry: bool = False
    ) -> Reclaimed:
        """Do one step to give back the room of what was let go of.

        A store without eras has nothing to do. One with eras begins a new one once the present one
        is older than a quarter of the span from ``before`` to ``at``; and of an era that was over
        before ``before`` it moves what is left to the present one, and drops it. ``dry``: all of
        that is only counted, in one step.
        """
