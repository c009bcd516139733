"""The spell-check: it finds what is wrong, only in prose, and corrections touch nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.drafting import write
from publishing.markdown import prose
from publishing.model import Brief, Misspelling
from publishing.site import Site
from publishing.spelling import Speller, corrected, spell_check
from tests.examples.publish.drafts import draft


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("etags", []),
        ("leap-seconds", []),
        ("lighthouse", []),
        ("tide-machine", []),
        ("swifts", ["untill", "seperate", "occured"]),
        ("sourdough", ["definately", "temprature", "begining"]),
    ],
)
def test_the_posts_have_the_mistakes_they_should(
    site: Site, speller: Speller, name: str, words: list[str]
) -> None:
    """Four posts are well spelt, two have three mistakes each."""
    found = spell_check(write(Brief(f"{name}.md"), site), speller).misspellings
    assert [wrong.word for wrong in found] == words
    assert all(wrong.suggestion and wrong.line for wrong in found)


@pytest.mark.parametrize(
    "text",
    [
        "`recieve` and ``re`cieve``",
        "```python\nrecieve = 1\n```",
        "    recieve",
        "[receive](https://recieve.example/recieve)",
        "[receive][recieve]\n\n[recieve]: https://recieve.example",
        "![a lens](recieve.svg)",
        "<https://recieve.example> https://recieve.example www.recieve.example",
        "recieve@recieve.example",
        "iPhone, NASA, CommonMark",
        "The cat's, cats', isn\u2019t, don't",
        "a b c 1st 2nd &nbsp;",
    ],
)
def test_only_prose_is_looked_at(speller: Speller, text: str) -> None:
    """Code, addresses, names by their capitals and possessives pass."""
    assert spell_check(draft(text), speller).misspellings == ()


def test_each_word_is_told_once_with_its_first_line(speller: Speller) -> None:
    """A word that is wrong three times is one line for the editor; the head is line 0."""
    spelt = spell_check(draft("Good.\n\nTeh cat.\nteh dog, recieve\n", title="A wrold"), speller)
    assert spelt.misspellings == (
        Misspelling("wrold", 0, "world"),
        Misspelling("Teh", 3, "The"),
        Misspelling("recieve", 4, "receive"),
    )
    assert spelt.checked == 22


def test_words_are_right_by_the_site_the_post_and_its_tags() -> None:
    """The dictionary, `keep`, the author's name and the tags are right."""
    post = draft("Zorgle, quxly, Lindqvist, snorfs", keep=("Quxly",), tags=("snorfs",))
    assert spell_check(post, Speller(["zorgle"])).misspellings == ()


def test_a_word_far_from_all_others_has_no_suggestion(speller: Speller) -> None:
    """Rather none than a wild one."""
    (wrong,) = spell_check(draft("xqzjkvw"), speller).misspellings
    assert wrong.suggestion == ""


def test_corrections_keep_case_and_spare_code() -> None:
    """Every use in the prose is corrected, nothing else."""
    text = "Teh cat `teh` [teh](teh.md)\n\n```\nteh\n```\nand teh end, tehran"
    assert corrected(text, [Misspelling("teh", 1, "the")]) == (
        "The cat `teh` [the](teh.md)\n\n```\nteh\n```\nand the end, tehran"
    )
    assert corrected(text, [Misspelling("cat", 1, "")]) == text


@given(st.text("ab`~ \n[]()<>#*_\\!-&;:.@/'", max_size=60))
def test_blanking_keeps_every_offset(text: str) -> None:
    """What is left of any text has its length and its lines."""
    left = prose(text)
    assert len(left) == len(text)
    assert left.count("\n") == text.count("\n")
    assert all(new in {old, " "} for new, old in zip(left, text, strict=True))
