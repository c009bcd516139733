"""Texts with a NUL are stored as PostgreSQL can bear them."""

from hypothesis import given
from hypothesis import strategies as st

from everflow.stores.postgres.marking import marked, unmarked

TEXTS = st.text(st.sampled_from("\x00\x01\x02ab\U0010ffff"), max_size=6)


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
