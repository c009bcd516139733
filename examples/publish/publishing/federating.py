"""Telling other servers: an ActivityStreams 2.0 activity for each publication, in the outbox.

Laws: one file per publication, named by the post and the idempotency key, so that a repeat writes
the same file; its bytes depend on nothing but the post, the site and the key. Source:
https://www.w3.org/TR/activitystreams-core/
"""

import hashlib
import json

from publishing.files import locked, replace_file
from publishing.model import Outcome, Published
from publishing.site import Site

CONTEXT = "https://www.w3.org/ns/activitystreams"
PUBLIC = f"{CONTEXT}#Public"
HASHTAG = {"Hashtag": "as:Hashtag"}


def federate(post: Published, site: Site, *, key: str) -> Outcome:
    """Write the activity; the outcome names its id. `key` is the node's idempotency key."""
    name = f"{post.slug}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    body = activity(post, site, f"{site.base_url}/activities/{name}")
    outbox = site.folders.outbox
    with locked(outbox):
        replace_file(
            outbox / f"{name}.json",
            (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode(),
        )
    return Outcome(post.slug, "published", url=post.url, activity=str(body["id"]))


def activity(post: Published, site: Site, activity_id: str) -> dict[str, object]:
    """A Create, or an Update of a post that was online before, with the Article as its object."""
    told = article(post, site)
    return {
        "@context": [CONTEXT, HASHTAG],
        "id": activity_id,
        "type": post.verb,
        "actor": site.actor,
        "to": told["to"],
        "cc": told["cc"],
        "published": post.published if post.verb == "Create" else post.updated,
        "object": told,
    }


def article(post: Published, site: Site) -> dict[str, object]:
    """The post as an Article for everybody, by the site's actor."""
    told: dict[str, object] = {
        "id": post.url,
        "type": "Article",
        "url": post.url,
        "attributedTo": site.actor,
        "to": [PUBLIC],
        "cc": [f"{site.actor}/followers"],
        "name": post.title,
        "summary": post.description,
        "mediaType": "text/html",
        "content": post.html,
        "published": post.published,
        "tag": [{"type": "Hashtag", "name": f"#{tag.replace('-', '')}"} for tag in post.tags],
    }
    if post.verb == "Update":
        told["updated"] = post.updated
    return told
