"""The table of states is what the page shows; see ``test_simulation`` for what happens."""

from pathlib import Path

from everflow.federation.protocol.states import TABLE, as_markdown

PAGE = Path(__file__).parents[3] / "docs" / "handoff.md"


def test_the_page_shows_the_table() -> None:
    """Each change with its meaning, word for word."""
    assert as_markdown() in PAGE.read_text(encoding="utf-8")


def test_a_change_stands_there_once() -> None:
    """What it leads to is a matter of the role and what it hears."""
    assert len({change[:2] for change in TABLE}) == len(TABLE)
