"""The second look at what other servers send."""

import json
from typing import Any

import pytest

import abroad
from everflow import Config, Engine, Registry
from everflow.core.registry import default_registry
from everflow.triggers import Triggers
from publishing.federating import activity
from publishing.model import Opinion
from publishing.opinions import look, readable, take
from publishing.site import Site
from publishing.spelling import Speller
from tests.examples.publish.drafts import draft, publish

REGISTRY = Registry()
REGISTRY.add_flow("second_look", abroad.second_look, "flow")
for name in ("publish", "publish_abroad", "second_look"):  # as other tests' engines have no Site
    default_registry().flows.pop(name, None)


def test_an_article_of_ours_is_read_as_readers_would(site: Site, speller: Speller) -> None:
    """What one site sends, another understands, its misspelt words included."""
    sent = activity(
        publish(draft(text="## One\n\nThe swifts recieve `cde`.\n"), site), site, "urn:1"
    )
    arrival = take(sent)
    assert arrival.by == site.actor
    assert arrival.text == "One\nThe swifts recieve ."
    assert look(arrival, speller).unknown == ("recieve",)


@pytest.mark.parametrize(
    "sent",
    [{}, {"object": "https://a.example/1"}, {"object": {"content": ["x"], "url": {"href": "u"}}}],
    ids=str,
)
def test_whatever_is_missing_is_empty(sent: dict[str, Any], speller: Speller) -> None:
    """Another server's word is trusted for nothing."""
    assert look(take(sent), speller).minutes == 1


def test_scripts_and_code_are_no_prose() -> None:
    """Only what is shown as words is read; a tag that is closed twice harms nothing."""
    html = "<p>one &amp; two</p></code><pre>x = 1</pre><script>hidden()</script><p>three"
    assert readable(html) == "one & two\nthree"


def test_an_article_that_arrives_is_looked_at(site: Site, speller: Speller) -> None:
    """The trigger starts the flow, and the flow leaves its opinion (B153)."""
    sent = activity(publish(draft(), site), site, "https://west.example/activities/1")
    own = {Site: lambda: site, Speller: lambda: speller}
    with (
        Engine(":memory:", registry=REGISTRY, provide=own, config=Config(poll_s=0.02)) as engine,
        Triggers(engine, abroad.triggers) as found,
    ):
        found.append(json.dumps(sent).encode(), actor=site.actor)
        found.append({**sent, "id": "urn:2", "object": {"type": "Note"}}, actor=site.actor)
        found.settle()
        (decision,) = [one for one in found.audit() if one.outcome == "fired"]
        said = engine.run(decision.run).result(20)
    assert isinstance(said, Opinion)
    (noted,) = site.folders.opinions.glob("*.json")
    assert json.loads(noted.read_text("utf-8"))["url"] == said.url
