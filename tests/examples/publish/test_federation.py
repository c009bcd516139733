"""The activity for other servers: ActivityStreams 2.0, one file a publication."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from publishing.drafting import write
from publishing.federating import PUBLIC, federate
from publishing.model import Brief
from publishing.site import Site
from tests.examples.publish.drafts import draft, publish


def activities(site: Site) -> list[dict[str, Any]]:
    """What is in the outbox."""
    return [json.loads(path.read_bytes()) for path in sorted(site.folders.outbox.glob("*.json"))]


def test_a_publication_is_a_create_with_its_article(site: Site) -> None:
    """Every property that other servers ask for, in its proper form."""
    published = publish(write(Brief("swifts.md"), site), site)
    outcome = federate(published, site, key="run/federate")
    (activity,) = activities(site)
    article = activity["object"]
    assert activity["@context"][0] == "https://www.w3.org/ns/activitystreams"
    assert (activity["type"], article["type"]) == ("Create", "Article")
    assert activity["actor"] == article["attributedTo"] == site.actor
    assert activity["to"] == article["to"] == [PUBLIC]
    assert activity["cc"] == [f"{site.actor}/followers"]
    assert (article["id"], article["name"]) == (published.url, published.title)
    assert article["mediaType"] == "text/html"
    assert article["content"].startswith("<p>Around the first of May")
    assert article["tag"] == [{"type": "Hashtag", "name": "#birds"}]
    for iri in (activity["id"], activity["actor"], article["id"], article["url"], *activity["cc"]):
        assert urlsplit(iri).scheme == "https"
    for thing in (activity, article):
        assert datetime.fromisoformat(thing["published"]).tzinfo is not None
    assert (outcome.status, outcome.url) == ("published", published.url)
    assert outcome.activity == activity["id"]


def test_a_repeat_writes_the_same_file(site: Site) -> None:
    """The idempotency key names the file; another run's publication has its own."""
    published = publish(draft(), site)
    first = federate(published, site, key="run/federate")
    before = activities(site)
    assert federate(published, site, key="run/federate") == first
    assert activities(site) == before
    federate(published, site, key="other/federate")
    assert len({activity["id"] for activity in activities(site)}) == 2


def test_a_post_that_was_online_is_updated(site: Site) -> None:
    """Creating an object twice is an error at other servers."""
    published = replace(publish(draft(), site), verb="Update")
    federate(published, site, key="other/federate")
    (activity,) = activities(site)
    assert activity["type"] == "Update"
    assert activity["published"] == activity["object"]["updated"] == published.updated
