"""The outbox: what an actor here says is written down and put on its way in one transaction.

Laws: an activity, the object in it, its line in the outbox and the runs that carry it are one
write, so that nothing is shown that isn't delivered, nor the other way round. What is said under a
``key`` is said once, however often it is asked for.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from everflow.activitypub.actors import Actors, Local
from everflow.activitypub.circle import Circle
from everflow.activitypub.documents import actor_document
from everflow.activitypub.parcels import Page, Parcel, Plans, delivery_run, spread_run
from everflow.activitypub.published import (
    TOMBSTONE,
    fresh_id,
    outbox_put,
    published_put,
    text_of,
    withdrawn_puts,
)
from everflow.activitypub.words import CONTEXT, PUBLIC, PUBLIC_NAMES, is_public, origin_of
from everflow.clock import Clock
from everflow.engine.given.ids import Random, system_random
from everflow.errors import WrongArgument
from everflow.store import NewRun, Put, Store
from everflow.triggers.canonical import LARGEST

__all__ = ["Outbox"]

PAGE = 500  # followers whose deliveries are started by one transaction
MOST = 100  # actors that are named one by one


class Outbox:
    """What the actors of a store say. ``nudge`` is called once something is on its way."""

    def __init__(
        self,
        store: Store,
        plans: Plans,
        clock: Clock,
        *,
        random: Random = system_random,
        nudge: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._plans = plans
        self._now = clock.wall
        self._random = random
        self._nudge = nudge
        self._actors = Actors(store, clock.wall)

    # --- what it is asked

    def publish(
        self,
        actor: str,
        thing: str | Mapping[str, Any],
        *,
        to: Sequence[str] = (PUBLIC,),
        cc: Sequence[str] | None = None,
        key: str | None = None,
    ) -> str:
        """Have an actor create something, and deliver that; the id of the activity.

        ``thing``: an object of ActivityStreams, whose id, author and time are filled in, or the
        plain text of a Note. ``to`` and ``cc`` are ids: of actors, of everybody (``PUBLIC``) and
        of the actor's followers, who are in ``cc`` if nothing is said. What isn't for everybody is
        delivered, and shown to nobody else. The same ``key`` again says nothing new.

        Raises:
            NoSuchActor: there is no such actor, or none any more.
            WrongArgument: what can't be said: no JSON, too large, or to too many.
        """
        who, now = self._actors.require(actor), self._now()
        ids = self._ids(who, key, now)
        told = {"to": [*to], "cc": [who.followers] if cc is None else [*cc]}
        about = _note(thing) if isinstance(thing, str) else {"type": "Note", **thing}
        made = {
            "published": _time(now),
            **about,
            "id": ids("objects"),
            "attributedTo": who.id,
            **told,
        }
        activity = {"type": "Create", "published": made["published"], **told, "object": made}
        put = _shown(who, {"@context": [*CONTEXT], **made})
        return self._say(who, activity, ids("activities"), now, puts=[put]) or ids("activities")

    def send(
        self,
        actor: str,
        activity: Mapping[str, Any],
        *,
        inboxes: Mapping[str, str] | None = None,
        key: str | None = None,
        puts: Iterable[Put] = (),
    ) -> str | None:
        """Have an actor do something, and tell those in its ``to`` and ``cc``; the activity's id.

        Id, actor and context are filled in. ``inboxes``: those that are known, by the actor's id;
        others are looked up. ``puts`` are written along with it, and nothing is, and None is given,
        where one of them doesn't hold. The same ``key`` again does nothing new.
        """
        who, now = self._actors.require(actor), self._now()
        id_ = self._ids(who, key, now)("activities")
        return self._say(who, activity, id_, now, puts=puts, inboxes=inboxes)

    def update(
        self, actor: str, activity: str, thing: str | Mapping[str, Any], *, key: str | None = None
    ) -> str:
        """Say anew what was published by that activity; the id of the Update.

        The object keeps its id, its receivers and the time of its publication, and gets the time of
        this. WrongArgument where the actor published nothing by that activity.
        """
        who, now = self._actors.require(actor), self._now()
        said = self._created(who, activity)
        former, told = said["object"], {"to": said["to"], "cc": said["cc"]}
        about = _note(thing) if isinstance(thing, str) else {"type": former["type"], **thing}
        times = {"published": former["published"], "updated": _time(now)}
        kept = {"id": former["id"], "attributedTo": who.id, **told}
        made = {**times, **about, **kept}
        tells = {"type": "Update", "updated": made["updated"], **told, "object": made}
        id_ = self._ids(who, key, now)("activities")
        put = replace(_shown(who, {"@context": [*CONTEXT], **made}), expect=None)
        return self._say(who, tells, id_, now, puts=[put]) or id_

    def withdraw(self, actor: str, activity: str) -> str:
        """Take back what was published by that activity, and have all told who got it.

        What isn't delivered yet won't be. Others are asked to delete it; nobody can make them. The
        id of the Delete, which is the same if it is asked for again. WrongArgument where the actor
        published nothing by that activity.
        """
        who, now = self._actors.require(actor), self._now()
        id_ = self._ids(who, f"withdraw {activity}", now)("activities")
        if text_of(self._store, who, id_) is not None:
            return id_
        said = self._created(who, activity)
        made = said["object"]
        told = {"to": said["to"], "cc": said["cc"]}
        end = {"id": made["id"], "formerType": made["type"], "deleted": _time(now), **told}
        tells = {"type": "Delete", **told, "object": {"id": made["id"], "type": TOMBSTONE}}
        self._say(who, tells, id_, now, puts=withdrawn_puts(who, activity, end))
        return id_

    def renewed(self, actor: str) -> None:
        """Tell an actor's followers that its document, such as its keys, has changed."""
        who = self._actors.require(actor)
        shown = {name: part for name, part in actor_document(who).items() if name != "@context"}
        told = {"to": [PUBLIC], "cc": [who.followers]}
        self.send(actor, {"type": "Update", **told, "object": shown})

    def spread(self, page: Page) -> Page:
        """Start the deliveries to the next of an actor's followers, each inbox once."""
        found = Circle(self._store).page(page.actor, page.after, PAGE)
        inboxes: dict[str, str] = {}
        for each in found:
            inboxes[each.shared or each.inbox] = "" if each.shared else each.id
        parcels = [
            Parcel(actor=page.actor, activity=page.activity, inbox=inbox, to=to)
            for inbox, to in inboxes.items()
        ]
        now = self._now()
        runs = [
            delivery_run(self._plans, each, said=page.at, now=now, for_all=True) for each in parcels
        ]
        self._write([], runs, now)
        after = found[-1].key if found else page.after
        return replace(page, after=after, done=len(found) < PAGE)

    def tell(self, actor: Local, activity: Mapping[str, Any], to: Sequence[str]) -> None:
        """Deliver an activity that is whole, its id too, to these inboxes; each is told once."""
        now, id_ = self._now(), str(activity["id"])
        parcels = [Parcel(actor=actor.name, activity=id_, inbox=inbox) for inbox in to]
        runs = [delivery_run(self._plans, each, said=now, now=now) for each in parcels]
        self._write([_shown(actor, activity)], runs, now)

    # --- inside

    def _created(self, who: Local, activity: str) -> dict[str, Any]:
        """The activity by which an actor published something that is still there."""
        text = text_of(self._store, who, activity)
        said: dict[str, Any] = msgspec.json.decode(text) if text is not None else {}
        if said.get("type") != "Create" or type(said.get("object")) is not dict:
            raise WrongArgument(
                f"{who.name} published nothing by {activity!r:.200}",
                hint="give the id that publishing gave",
            )
        return said

    def _say(
        self,
        who: Local,
        activity: Mapping[str, Any],
        id_: str,
        now: int,
        *,
        puts: Iterable[Put],
        inboxes: Mapping[str, str] | None = None,
    ) -> str | None:
        said = {"@context": [*CONTEXT], **activity, "id": id_, "actor": who.id}
        _require_nobody_hidden(said)
        written = [_shown(who, said), *puts]
        if is_public(said):
            written.append(outbox_put(who, said, now))
        runs = self._runs(who, said, now, inboxes or {})
        if self._write(written, runs, now) or text_of(self._store, who, id_) is not None:
            return id_
        return None

    def _runs(
        self, who: Local, said: Mapping[str, Any], now: int, inboxes: Mapping[str, str]
    ) -> list[NewRun]:
        """The runs that carry it: one for all followers, one for each who is named."""
        told = dict.fromkeys([*said.get("to", ()), *said.get("cc", ())])
        named = [id_ for id_ in told if id_ not in PUBLIC_NAMES | {who.followers, who.id}]
        if len(named) > MOST:
            raise WrongArgument(
                f"{len(named)} actors are named, and {MOST} may be", hint="to more go by followers"
            )
        if strange := [id_ for id_ in named if origin_of(id_) is None]:
            raise WrongArgument(
                f"{strange[0]!r:.80} is no id of an actor", hint="write https://their.server/actor"
            )
        page = Page(actor=who.name, activity=str(said["id"]), at=now)
        runs = [spread_run(self._plans, page, now=now)] if who.followers in told else []
        for id_ in named:
            parcel = Parcel(
                actor=who.name, activity=page.activity, inbox=inboxes.get(id_, ""), to=id_
            )
            runs.append(delivery_run(self._plans, parcel, said=now, now=now))
        return runs

    def _write(self, puts: list[Put], runs: list[NewRun], now: int) -> bool:
        both = (self._plans.deliver, self._plans.spread)
        definitions = [(each.hash, each.body) for each in both]
        if self._store.write(puts, at=now, starts=runs, definitions=definitions) is None:
            return False
        if self._nudge is not None:
            self._nudge()
        return True

    def _ids(self, who: Local, key: str | None, now: int) -> Callable[[str], str]:
        """What makes an id for each sort; under a key, always the same."""
        made: dict[str, str] = {}

        def make(sort: str) -> str:
            if key is not None:
                seed = hashlib.sha256(f"{who.id}\0{sort}\0{key}".encode()).digest()
                return fresh_id(who, sort, 0, lambda size: seed[:size])
            if sort not in made:
                made[sort] = fresh_id(who, sort, now, self._random)
            return made[sort]

        return make


def _shown(who: Local, value: Mapping[str, Any]) -> Put:
    """What makes it be found at its id; that must be a new one."""
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise WrongArgument(f"that isn't JSON: {error}") from error
    if len(text) > LARGEST:
        raise WrongArgument(f"it has {len(text):,} bytes, and inboxes take {LARGEST:,}")
    return replace(published_put(who, value), expect=0)


def _require_nobody_hidden(said: Mapping[str, Any]) -> None:
    """Refuse hidden receivers (``bto``, ``bcc``): all that is said is shown to all who get it."""
    inner = said.get("object")
    for each in (said, inner if isinstance(inner, Mapping) else {}):
        if {"bto", "bcc"} & each.keys():
            raise WrongArgument(
                "bto and bcc would be seen by whoever gets it",
                hint="name receivers in to and cc, or send it to each by itself",
            )


def _note(text: str) -> dict[str, Any]:
    """A Note of plain text, an empty line between its paragraphs."""
    parts = [html.escape(part.strip(), quote=False) for part in text.split("\n\n")]
    lines = "".join(f"<p>{part}</p>" for part in parts if part).replace("\n", "<br>")
    return {"type": "Note", "content": lines}


def _time(now: int) -> str:
    return datetime.fromtimestamp(now // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
