"""Named queries."""

import pytest

from everflow.stores.queries import parse, read_queries, read_text


def test_a_query_reaches_to_the_next_name() -> None:
    """Comments stay with their query; what stands before the first name is for people."""
    text = "-- About.\n-- name: one\nSELECT 1\n\n-- name: two\n-- Why.\nSELECT 2;\n"
    assert parse(text) == {"one": "SELECT 1", "two": "-- Why.\nSELECT 2;"}


@pytest.mark.parametrize("text", ["", "SELECT 1", "-- name: a\nx\n-- name: a\ny"])
def test_names_are_needed_once(text: str) -> None:
    """A file that names nothing, or one thing twice, is a mistake."""
    with pytest.raises(ValueError, match="needs names"):
        parse(text)


def test_a_set_is_read_from_several_files() -> None:
    """They are found by one name each."""
    queries = read_queries("sqlite", "reading", "writing")
    assert "SELECT" in queries["find"]
    assert "INSERT" in queries["append"]
    assert "-- name:" not in "".join(queries.values())


def test_a_name_in_two_files_is_a_mistake() -> None:
    """The later one would hide the other."""
    with pytest.raises(ValueError, match="named twice"):
        read_queries("sqlite", "reading", "reading")


def test_a_schema_is_read_whole() -> None:
    """It has no names."""
    assert "CREATE TABLE run" in read_text("sqlite", "schema_1.sql")
