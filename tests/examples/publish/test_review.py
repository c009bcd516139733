"""The review: what it finds, where, and what it leaves alone."""

from typing import Any

import pytest

from publishing.drafting import write
from publishing.model import Brief, Draft
from publishing.reviewing import instant, review
from publishing.site import Site
from tests.examples.publish.drafts import draft


def rules(post: Draft, site: Site) -> dict[str, int]:
    """The rules that were broken, each with its last line; length aside."""
    return {f.rule: f.line for f in review(post, site).findings if f.rule != "length"}


@pytest.mark.parametrize("name", ["etags", "leap-seconds", "lighthouse", "sourdough", "swifts"])
def test_the_finished_posts_pass(site: Site, name: str) -> None:
    """Five of the six posts have nothing for a reviewer, however they are spelt."""
    assert review(write(Brief(f"{name}.md"), site), site).findings == ()


def test_the_unfinished_post_is_found_out(site: Site) -> None:
    """One post lacks its description, and its headings skip levels."""
    findings = rules(write(Brief("tide-machine.md"), site), site)
    assert findings == {"head.description": 0, "heading.skips": 10}


@pytest.mark.parametrize("key", ["title", "date", "author", "tags", "description"])
def test_each_missing_field_is_told(site: Site, key: str) -> None:
    """Pages, feeds and activities need all five."""
    empty: Any = () if key == "tags" else ""
    (finding,) = [f for f in review(draft(**{key: empty}), site).findings if f.rule != "length"]
    assert (finding.rule, finding.severity) == (f"head.{key}", "must")


@pytest.mark.parametrize(
    ("front", "rule"),
    [
        ({"date": "the ides of March"}, "head.date"),
        ({"author": "Nobody"}, "head.author"),
        ({"title": "x" * 81}, "head.title"),
        ({"description": "short"}, "head.description"),
        ({"tags": ("Two Words",)}, "head.tags"),
        ({"unknown": ("tilte",)}, "head.unknown"),
    ],
)
def test_odd_fields_are_told(site: Site, front: dict[str, Any], rule: str) -> None:
    """Fields that are there and wrong."""
    assert rules(draft(**front), site) == {rule: 0}


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("\n# Again the title\n", "heading.title", 2),
        ("## One\n\n#### Three\n", "heading.skips", 3),
        ("## Same\n\ntext\n\n## same\n", "heading.twice", 5),
        ("##\n", "heading.empty", 1),
        ("[](swifts.md)\n", "link.text", 1),
        ("![](lens.svg)\n", "image.text", 1),
        ("one\n[two]()\n", "link.target", 2),
        ("[cats](cats.md)\n", "link.target", 1),
        ("[out](../site.toml)\n", "link.target", 1),
        ("[here](#nowhere)\n", "link.target", 1),
        ("[there](swifts.md#nowhere)\n", "link.target", 1),
        ("[picture](lens.svg#top)\n", "link.target", 1),
        ("[host](https://nowhere/)\n", "link.target", 1),
        ("[port](https://example.org:99999/)\n", "link.target", 1),
        ("[scheme](ftp://example.org/)\n", "link.target", 1),
        ("[mail](mailto:nobody)\n", "link.target", 1),
        ("[spaces](https://exa mple.org)\n", "link.broken", 1),
        ("[undefined][nothing]\n", "link.broken", 1),
        ("[script](javascript:alert(1))\n", "link.broken", 1),
    ],
)
def test_broken_headings_and_links_are_told_with_their_line(
    site: Site, text: str, rule: str, line: int
) -> None:
    """Each rule has its case, and says where."""
    assert rules(draft(text), site) == {rule: line}


@pytest.mark.parametrize(
    "text",
    [
        "## One\n\n### Two\n\n## Three\n\n### Four\n",
        "[a post](swifts.md) and [a part of it](swifts.md#how-to-sleep-up-there)\n",
        "## Far away\n\n[down here](#far-away)\n",
        "[a site](https://example.org/a?b=c#d), <https://example.org>, [x](mailto:a@example.org)\n",
        "![a lens](lens.svg)\n",
        "[defined][one]\n\n[one]: https://example.org/\n",
        "`[not](a link)` and\n\n```\n# not a heading\n[not](a-link)\n```\n",
    ],
)
def test_sound_headings_and_links_pass(site: Site, text: str) -> None:
    """Nothing is found where nothing is wrong, in code least of all."""
    assert rules(draft(text), site) == {}


def test_a_link_to_an_unreadable_post_has_no_headings(site: Site) -> None:
    """A neighbor that can't be read is no error of the review itself."""
    (site.folders.posts / "bad.md").write_bytes(b"---\n[\n---\n## Here\n")
    assert rules(draft("[x](bad.md#here)\n"), site) == {"link.target": 1}


def test_length_and_reading_time_are_told(site: Site) -> None:
    """Words are counted in the prose; an empty post must not go online."""
    long = review(draft("word " * 1300), site)
    assert (long.words, long.minutes) == (1300, 6)
    assert [f.rule for f in long.findings] == ["length"]
    (short,) = review(draft("Few words."), site).findings
    assert short.severity == "should"
    (empty,) = review(draft("```\ncode\n```\n"), site).findings
    assert empty.severity == "must"


def test_dates_without_a_zone_are_in_utc() -> None:
    """A day is its first moment, an instant with a zone is converted."""
    assert instant("2025-03-14").isoformat() == "2025-03-14T00:00:00+00:00"
    assert instant("2025-03-14T09:30:00+02:00").isoformat() == "2025-03-14T07:30:00+00:00"
