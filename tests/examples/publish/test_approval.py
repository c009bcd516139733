"""What the editor is shown, and what follows from each answer."""

import pytest

from publishing.approval import DEADLINE, PREVIEW_LENGTH, preview, rule, settled
from publishing.model import Checked, Decision, Finding, Misspelling, Review, Spelling
from tests.examples.publish.drafts import draft

CLEAN = Checked(draft("One.\n\nTwo *words*.\n"), Review((), 3, 1), Spelling((), 3))
UNCLEAN = Checked(
    draft("Teh cat. " + "Many words. " * 100),
    Review((Finding("head.date", "must", "no date"),), 202, 1),
    Spelling((Misspelling("Teh", 1, "The"), Misspelling("xq", 1)), 202),
)


def test_the_prompt_shows_what_stands_against_it() -> None:
    """Findings, misspellings with suggestions, and the beginning of the text."""
    prompt = preview(UNCLEAN)
    assert not prompt.clean
    assert prompt.findings == ("line 0: must: no date",)
    assert prompt.misspellings == ("line 1: Teh (The?)", "line 1: xq")
    assert prompt.preview.startswith("Teh cat. Many words.")
    assert prompt.preview.endswith(" …")
    assert len(prompt.preview) <= PREVIEW_LENGTH + 2


def test_a_short_clean_post_is_shown_whole() -> None:
    """Without markup, and said to be clean."""
    prompt = preview(CLEAN)
    assert (prompt.clean, prompt.preview) == (True, "One.\n\nTwo words.")


def test_what_should_be_better_does_not_stand_in_the_way() -> None:
    """A *should* is for the editor's eye alone."""
    slight = Review((Finding("length", "should", "short"),), 3, 1)
    assert Checked(CLEAN.draft, slight, CLEAN.spelling).clean


@pytest.mark.parametrize(
    ("checked", "decision", "ruling"),
    [
        (CLEAN, Decision(approved=True), "approve"),
        (UNCLEAN, Decision(approved=True), "approve"),
        (CLEAN, Decision(approved=False, note="Shorter."), "redraft"),
        (CLEAN, Decision(approved=False), "decline"),
        (CLEAN, Decision(approved=False, note="  \n"), "decline"),
        (CLEAN, DEADLINE, "approve"),
        (UNCLEAN, DEADLINE, "decline"),
    ],
)
def test_an_answer_has_one_consequence(checked: Checked, decision: Decision, ruling: str) -> None:
    """A person's word is final; the deadline lets only a clean draft pass."""
    assert rule(checked, decision) == ruling


def test_the_verdict_is_kept_with_the_draft() -> None:
    """The decision travels on, so that a mail can quote it."""
    decision = Decision(approved=True, by="Ines")
    assert settled(CLEAN, decision, approved=True).status == "approved"
    assert settled(CLEAN, DEADLINE, approved=False).status == "declined"
    assert settled(CLEAN, decision, approved=True).decision == decision
