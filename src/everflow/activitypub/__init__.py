"""ActivityPub: actors that other servers follow and write to, and what they write starts flows.

``actors`` is who is here and what they sign with, ``documents`` what is shown of them,
``published`` what they said. ``directory`` fetches who is elsewhere (``remote``), ``doorman``
believes or refuses them, ``inbox`` takes what they send, and ``http`` and ``instance`` make a
server's part of it. ``outbox`` is what actors here say; ``delivery`` are the flows that carry it,
``parcels`` their runs, ``sender`` knocks, in one of two ``dialects``, ``verdicts`` is what an
answer means, and ``hosts`` what is known of those who answer.

Two rules hold. The engine never hears of it: what arrives is an activity of the log, for which
triggers fire. And no activity is believed for where it comes from: its actor's key says so.
"""

from __future__ import annotations

from everflow.activitypub.actors import PREFIX, Actors, Keys, Local
from everflow.activitypub.circle import Circle, Followed, Follower
from everflow.activitypub.delivery import deliveries, outbox_of
from everflow.activitypub.directory import Directory
from everflow.activitypub.following import Following
from everflow.activitypub.handles import named
from everflow.activitypub.inbox import Limits
from everflow.activitypub.instance import ActivityPub
from everflow.activitypub.outbox import Outbox
from everflow.activitypub.published import Published, fresh_id, outbox_put, published_put
from everflow.activitypub.sender import Sender
from everflow.activitypub.words import PUBLIC

__all__ = [
    "PREFIX",
    "PUBLIC",
    "ActivityPub",
    "Actors",
    "Circle",
    "Directory",
    "Followed",
    "Follower",
    "Following",
    "Keys",
    "Limits",
    "Local",
    "Outbox",
    "Published",
    "Sender",
    "deliveries",
    "fresh_id",
    "named",
    "outbox_of",
    "outbox_put",
    "published_put",
]
