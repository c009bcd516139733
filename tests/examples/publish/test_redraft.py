"""The next draft: it does what the note says, mends what was found, and remembers both."""

import pytest

from publishing.drafting import redraft, write
from publishing.markdown import headings, read_post
from publishing.model import Brief, Checked, Decision, Draft
from publishing.reviewing import review
from publishing.site import Site
from publishing.spelling import Speller, spell_check
from tests.examples.publish.drafts import draft


def checked(post: Draft, site: Site, speller: Speller) -> Checked:
    """The draft beside its two checks."""
    return Checked(post, review(post, site), spell_check(post, speller))


def redrafted(post: Draft, site: Site, speller: Speller, note: str = "Please mend it.") -> Draft:
    """The next draft after a rejection with that note."""
    decision = Decision(approved=False, note=note, by="Ines")
    return redraft(checked(post, site, speller), decision, site)


@pytest.mark.parametrize("name", ["swifts", "sourdough", "tide-machine"])
def test_the_unfinished_posts_are_clean_after_one_redraft(
    site: Site, speller: Speller, name: str
) -> None:
    """What the checks can mend is mended: spellings, description, heading levels."""
    first = write(Brief(f"{name}.md"), site)
    assert not checked(first, site, speller).clean
    second = redrafted(first, site, speller)
    assert checked(second, site, speller).clean
    assert second.revision == 2
    assert second.front.revisions[0].changes


def test_the_note_and_every_change_are_remembered(site: Site, speller: Speller) -> None:
    """The history is in the front matter, and grows."""
    first = draft("Teh wind.\n")
    second = redrafted(first, site, speller, "Spelling!\nwind -> breeze")
    third = redrafted(second, site, speller, "title = A breezy walk")
    assert third.text == "The breeze.\n"
    assert [(r.number, r.by, r.changes) for r in third.front.revisions] == [
        (2, "Ines", ("wind -> breeze", "Teh -> The")),
        (3, "Ines", ("title = A breezy walk",)),
    ]
    assert third.front.revisions[0].note == "Spelling!\nwind -> breeze"


def test_a_draft_is_filed_and_the_author_s_file_is_left_alone(site: Site, speller: Speller) -> None:
    """A redraft is a file that reads back as the draft; a repeat changes nothing."""
    source = (site.folders.posts / "swifts.md").read_bytes()
    first = write(Brief("swifts.md"), site)
    second = redrafted(first, site, speller)
    path = site.folders.drafts / "swifts.r2.md"
    written = path.read_bytes()
    assert read_post("swifts", written.decode()).front == second.front
    assert redrafted(first, site, speller) == second
    assert path.read_bytes() == written
    assert (site.folders.posts / "swifts.md").read_bytes() == source


def test_words_to_keep_are_left_and_right_from_then_on(site: Site, speller: Speller) -> None:
    """The editor is right about words, not the list."""
    second = redrafted(draft("A zorgle recieved."), site, speller, "keep = recieved, zorgle")
    assert second.text == "A zorgle recieved."
    assert checked(second, site, speller).spelling.misspellings == ()


def test_a_note_sets_fields(site: Site, speller: Speller) -> None:
    """Each field of the front matter can be set, one a line; plain sentences set nothing."""
    note = (
        "title = T\ndescription = D\ndate = 2025-01-01\nauthor = Tomas Herrera\ntags = a, b\n"
        "Description: is too short\nnowhere -> somewhere"
    )
    front = redrafted(draft(), site, speller, note).front
    assert (front.title, front.description, front.date) == ("T", "D", "2025-01-01")
    assert (front.author, front.tags) == ("Tomas Herrera", ("a", "b"))
    assert len(front.revisions[0].changes) == 5


@pytest.mark.parametrize(
    ("paragraph", "description"),
    [
        ("A short *one*, with [a link](swifts.md).", "A short one, with a link."),
        ("One sentence. " + "Another one of many words. " * 9, "One sentence."),
        ("word " * 60, "word " * 30 + "word…"),
        ("", ""),
    ],
)
def test_a_missing_description_comes_from_the_first_paragraph(
    site: Site, speller: Speller, paragraph: str, description: str
) -> None:
    """As it stands, or its first sentence, or cut at a word."""
    post = draft(f"## Head\n\n{paragraph}\n", description="")
    assert redrafted(post, site, speller).front.description == description


def test_heading_levels_are_mended_and_siblings_stay_siblings(site: Site, speller: Speller) -> None:
    """Levels begin below the title and skip none; code with hash signs stays."""
    text = "# A\n\n#### B\n\n#### C\n\n###### D\n\n# E\n\n```\n# F\n```\n"
    second = redrafted(draft(text), site, speller)
    levels = [(heading.text, heading.level) for heading in headings(second.text)]
    assert levels == [("A", 2), ("B", 3), ("C", 3), ("D", 4), ("E", 2)]
    assert "```\n# F\n```" in second.text
