"""Who sent it: an activity is believed to be its actor's, or refused.

Four rules hold. A message is judged as what this instance is called, whatever it says of its host.
All that can be refused without a key is refused before anybody is asked for one. The key is of the
host of the actor, and the actor's own document lists it. And where a key doesn't prove what it
should, the actor is looked at once more, but not often: servers change keys.
"""

from __future__ import annotations

import asyncio
from typing import Any

from everflow.activitypub.actors import Actors, Local
from everflow.activitypub.directory import Directory
from everflow.activitypub.remote import Remote
from everflow.activitypub.words import id_of, origin_of, types_of
from everflow.clock import Clock
from everflow.errors import SignatureRefused
from everflow.net.keys import public_key
from everflow.net.message import Message
from everflow.net.signatures import either
from everflow.net.signatures.claim import Claim

__all__ = ["Doorman"]

_WORTH_A_LOOK = frozenset({"key", "algorithm", "forged"})


class Doorman:
    """Judges messages to the actors of one instance."""

    def __init__(self, actors: Actors, directory: Directory, clock: Clock) -> None:
        self._actors = actors
        self._directory = directory
        self._clock = clock

    def look(self, message: Message) -> None:
        """Refuse a message without a signature that could be one: nothing else of it is read."""
        claim = either.claim_of(message)
        if origin_of(claim.key_id) is None:
            raise SignatureRefused("key", f"{claim.key_id!r:.200} isn't where a key could be")

    def whole(self, message: Message) -> Claim:
        """What a message claims that is whole, ours and of now; SignatureRefused otherwise."""
        return either.unproven(message, now=self._clock.wall())

    async def proven(
        self,
        message: Message,
        claim: Claim,
        activity: dict[str, Any],
        actor: str,
        by: Local,
        source: str,
    ) -> bool:
        """Whether there is anything to be done: not for the end of one whom nobody knows.

        SignatureRefused where the activity isn't its actor's, OutsideError where the actor's key
        can't be had. ``by``: whose name is given to the actor's server. ``source``: see there.
        """
        if origin_of(claim.key_id) != origin_of(actor):
            raise SignatureRefused("key", f"{claim.key_id:.200} is no key of {actor:.200}")
        found = await self._directory.find(actor, by, source)
        ours = origin_of(actor) == origin_of(by.address)
        if found is None and not ours and _is_end(activity, actor):
            # Who was known once proves it by the key of then; of anybody else there is nothing.
            old = await asyncio.to_thread(self._directory.known, actor)
            if old is None:
                return False
            found = old.actor
        if found is None:
            raise SignatureRefused("key", f"the actor {actor:.200} is gone")
        try:
            self._prove(message, found)
        except SignatureRefused as error:
            if error.why not in _WORTH_A_LOOK:
                raise
            again = await self._directory.again(actor, by, source)
            if again is None or again == found:
                raise
            self._prove(message, again)
        self._directory.proved(actor, source)
        return True

    def _prove(self, message: Message, actor: Remote) -> None:
        key = actor.text_of(either.claim_of(message).key_id)
        if key is None:
            raise SignatureRefused("key", "the actor has no key of that name")
        either.verify(message, public_key(key), now=self._clock.wall())


def _is_end(activity: dict[str, Any], actor: str) -> bool:
    """Whether it says that its actor is no more."""
    return "Delete" in types_of(activity) and id_of(activity.get("object")) == actor
