"""Texts with a NUL are stored as PostgreSQL can bear them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from everflow.stores.postgres.marking import PARTED, joined, marked, marked_json, unmarked

TEXTS = st.text(st.sampled_from("\x00\x01\x02\x03ab\\u\U0010ffff"), max_size=6)


@given(TEXTS)
def test_a_text_comes_back(text: str) -> None:
    """And what is stored has no NUL."""
    assert unmarked(marked(text)) == text
    assert "\0" not in marked(text)


@given(TEXTS, TEXTS)
def test_marks_keep_the_order(one: str, two: str) -> None:
    """And which text begins with which."""
    assert (marked(one) < marked(two)) is (one < two)
    assert marked(one).startswith(marked(two)) is one.startswith(two)


@given(TEXTS)
def test_a_document_is_marked_in_its_texts(text: str) -> None:
    """Each text in it is what marking it alone would have made of it."""
    document = msgspec.json.encode({"a": [text], text: 1}).decode()
    assert msgspec.json.decode(marked_json(document)) == {"a": [marked(text)], marked(text): 1}


@given(st.lists(TEXTS, min_size=1))
def test_joined_texts_are_parted_again(texts: list[str]) -> None:
    """Whatever is in them."""
    assert joined(texts).split(PARTED) == [marked(text) for text in texts]
