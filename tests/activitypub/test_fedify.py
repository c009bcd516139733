"""With a real other implementation, both ways: Fedify takes ours, and we take Fedify's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.activitypub.delivering import Sending, sending
from tests.activitypub.fediverse import INSTALLING, Fediverse

pytestmark = pytest.mark.timeout(INSTALLING)


@pytest.fixture
def blog() -> Iterator[Sending]:
    with sending() as made:
        yield made


@pytest.mark.parametrize("name", ["new", "old"])
def test_a_post_is_taken_by_another_implementation(
    blog: Sending, others: Fediverse, name: str
) -> None:
    """Each instance verifies and records what we deliver, in the dialect that it knows."""
    side = others.new if name == "new" else others.old
    blog.follows("ann", f"{side.actor('ann')}/inbox", shared=f"{side.address}/inbox")
    said = blog.outbox.publish("ines", f"Hello, {name}")
    heard = side.hears(lambda value: value["id"] == said)
    assert heard["signed"] == {"new": "rfc9421", "old": "cavage"}[name]
    assert heard["value"]["object"]["content"] == f"<p>Hello, {name}</p>"
