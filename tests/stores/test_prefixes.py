"""Where the texts that begin with a prefix end."""

from hypothesis import given
from hypothesis import strategies as st

from everflow.stores.prefixes import beyond

TEXTS = st.text(st.sampled_from("ab\ud7ff\ue000\U0010ffff"), max_size=4)


@given(TEXTS, TEXTS)
def test_what_begins_with_a_prefix_is_below_its_end(prefix: str, text: str) -> None:
    """And whatever else is above the prefix isn't."""
    end = beyond(prefix)
    assert text.startswith(prefix) is (text >= prefix and (end is None or text < end))


def test_there_is_no_end_beyond_the_last_character() -> None:
    """Nor without a prefix."""
    assert beyond("\U0010ffff" * 2) is None
    assert beyond("") is None
