"""What activities of the log do to actors here: they are followed, left, accepted and refused.

Laws: it is a cursor over the activity log, as a trigger is; what an activity changes is written in
one transaction with the cursor, on condition that nobody else was as far. So each has its effect
once and in the order of the log, whatever crashes, and one that is delivered again has none. An
answer's id follows from what it answers, so that it is sent once as well. Nothing here asks another
server: it knows who was verified.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec.structs import replace

from everflow.activitypub.actors import Actors, Local
from everflow.activitypub.circle import (
    FOLLOWED,
    FOLLOWER,
    Circle,
    Follower,
    followed_put,
    follower_put,
    parted_put,
)
from everflow.activitypub.directory import Directory, own_remote
from everflow.activitypub.published import id_for
from everflow.activitypub.remote import Remote
from everflow.activitypub.words import CONTEXT, id_of, origin_of, types_of
from everflow.store import Put, Store
from everflow.triggers import Activity
from everflow.triggers.log import activities_after, head_of

__all__ = ["Effects", "Tell"]

_log = logging.getLogger("everflow.activitypub")
CURSOR, ONLY = "actor-cursor", "log"  # the kind and the key of the cursor
PAGE = 500


class Tell(Protocol):
    """What delivers an activity of an actor here to inboxes, durably; see ``Outbox.tell``.

    The same activity, by its id, is delivered once to each, however often this is called.
    """

    def __call__(self, actor: Local, activity: Mapping[str, Any], to: Sequence[str]) -> None:
        """Begin the deliveries; they are durable when this returns."""


@dataclass
class Effect:
    """What an activity does: records that change, and an answer that is owed."""

    puts: list[Put] = field(default_factory=list)
    answer: tuple[Local, Remote, dict[str, Any]] | None = None


class Effects:
    """The effects of a store's activities on its actors."""

    def __init__(self, store: Store, actors: Actors, directory: Directory, tell: Tell) -> None:
        self._store = store
        self._actors = actors
        self._directory = directory
        self._circle = Circle(store)
        self._tell = tell
        self._past = 0  # up to here nothing has an effect that isn't before the cursor

    def begin(self, now: int) -> None:
        """Put the cursor at the end of the log, where there is none yet."""
        put = Put(kind=CURSOR, key=ONLY, body=str(head_of(self._store)), expect=0)
        self._store.write([put], at=now)

    def look(self, now: int) -> bool:
        """See to some activities that nobody saw to; whether there may be more.

        The cursor is moved by what has an effect, and past many that have none: those last ones are
        looked at again by another process, which finds none either.
        """
        found = self._store.records(CURSOR, keys=[ONLY])
        at, version = (int(found[0].body), found[0].version) if found else (0, 0)
        page = activities_after(self._store, max(at, self._past), PAGE)
        actors = self._actors.all() if page else []
        for activity in page:
            effect = self._of(activity, actors, now)
            if effect.puts:
                self._write(effect, _cursor(activity, version), now)
                return True
        if len(page) == PAGE:
            self._store.write([_cursor(page[-1], version)], at=now)
        elif page:
            self._past = page[-1].no
        return len(page) == PAGE

    def _write(self, effect: Effect, cursor: Put, now: int) -> None:
        if effect.answer is not None:
            actor, other, answer = effect.answer
            self._tell(actor, answer, [other.inbox])
        self._store.write([*effect.puts, cursor], at=now)

    def _of(self, activity: Activity, actors: Sequence[Local], now: int) -> Effect:
        who, meant = activity.actor, activity.value().get("object")
        kinds = set(activity.types)
        if origin_of(who) is None:  # of this machine: it has no inbox
            return Effect()
        if "Follow" in kinds:
            return self._follow(activity, id_of(meant), now)
        if "Undo" in kinds:
            return Effect(self._undo(meant, who, actors))
        if kinds & {"Accept", "Reject"}:
            return Effect(self._answered(meant, who, actors, accepted="Accept" in kinds))
        if kinds & {"Delete", "Update"} and id_of(meant) == who:
            puts = [self._directory.forget(who)]
            if "Delete" in kinds:
                puts += [parted_put(kind, each, who) for each in actors for kind in _BONDS]
            return Effect(puts)
        return Effect()

    def _follow(self, activity: Activity, whom: str, now: int) -> Effect:
        actor, other = self._actors.by_id(whom), self._other(activity.actor)
        if actor is None:
            return Effect()
        if other is None:
            _log.warning("%s follows %s, and isn't known any more", activity.actor, whom)
            return Effect()
        follower = Follower(
            id=other.id, inbox=other.inbox, shared=other.shared, follow=activity.id, at=now
        )
        follow = {"id": activity.id, "type": "Follow", "actor": other.id, "object": actor.id}
        answer = {
            "@context": CONTEXT[0],
            "id": id_for(actor, f"accept {activity.identity}"),
            "type": "Accept",
            "actor": actor.id,
            "to": [other.id],
            "object": follow,
        }
        return Effect([follower_put(actor, follower)], (actor, other, answer))

    def _undo(self, meant: Any, who: str, actors: Sequence[Local]) -> list[Put]:
        """A Follow is undone, told whole or by its id."""
        puts = []
        for actor in actors:
            follower = self._circle.follower(actor, who)
            whole = "Follow" in types_of(meant) and id_of(meant.get("object")) == actor.id
            if follower is not None and (whole or id_of(meant) == follower.follow):
                puts.append(parted_put(FOLLOWER, actor, who))
        return puts

    def _answered(
        self, meant: Any, who: str, actors: Sequence[Local], *, accepted: bool
    ) -> list[Put]:
        """Our own Follow was answered, by whom it was for; told whole or by its id."""
        puts = []
        for actor in actors:
            followed = self._circle.followed(actor, who)
            whole = "Follow" in types_of(meant) and id_of(meant.get("actor")) == actor.id
            if followed is not None and (whole or id_of(meant) == followed.follow):
                state = "accepted" if accepted else "rejected"
                puts.append(followed_put(actor, replace(followed, state=state)))
        return puts

    def _other(self, id: str) -> Remote | None:  # noqa: A002 - that is its name
        """An actor who was verified, be it of this instance or of another."""
        local = self._actors.by_id(id)
        if local is not None:
            return own_remote(local)
        known = self._directory.known(id)
        return None if known is None else known.actor


def _cursor(activity: Activity, version: int) -> Put:
    """What moves the cursor to an activity, on condition that nobody moved it since."""
    return Put(kind=CURSOR, key=ONLY, body=str(activity.no), expect=version)


_BONDS = (FOLLOWER, FOLLOWED)
