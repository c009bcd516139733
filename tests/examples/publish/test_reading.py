"""Post files: what is read, what is written back, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.drafting import write
from publishing.markdown import PostError, read_post, write_post
from publishing.model import Brief, Draft, FrontMatter, Revision
from publishing.site import Site

LINES = st.text("abcäß éx:#'\"-.!{}[]&*?|>%@`\\", max_size=40).map(lambda s: " ".join(s.split()))
POSTS = st.builds(
    Draft,
    slug=st.just("a-post"),
    front=st.builds(
        FrontMatter,
        title=LINES,
        date=st.dates().map(str),
        author=LINES,
        tags=st.lists(LINES.filter(bool), max_size=3).map(tuple),
        description=LINES,
        keep=st.lists(LINES.filter(bool), max_size=2).map(tuple),
        revisions=st.builds(
            Revision,
            st.just(2),
            LINES.filter(bool),
            st.text("ab\n:-"),
            st.tuples(LINES.filter(bool)),
        ).map(lambda revision: (revision,)),
    ),
    text=st.sampled_from(["", "One line.\n", "## Head\n\n- a\n- b\n\n---\n\nEnd.\n"]),
)


def test_a_post_is_read(site: Site) -> None:
    """Dates become ISO 8601, the text begins below the front matter."""
    draft = write(Brief("swifts.md"), site)
    assert draft.slug == "swifts"
    assert draft.front.title == "The bird that does not land"
    assert draft.front.date == "2025-04-29"
    assert draft.front.tags == ("birds",)
    assert draft.text.startswith("Around the first of May")
    assert (draft.revision, draft.status) == (1, "open")


@given(POSTS)
def test_reading_what_was_written_gives_the_same_post(draft: Draft) -> None:
    """A draft survives its file, history included."""
    again = read_post("a-post", write_post(draft))
    assert again.front == draft.front
    assert again.text.rstrip() == draft.text.rstrip()


def test_missing_and_odd_fields_are_left_to_the_review() -> None:
    """Reading takes what is there: no head at all, a text for a list, keys of no meaning."""
    assert read_post("a", "Just text.\n").front == FrontMatter()
    front = read_post("a", "---\ntags: sea, birds\ntitle: [a, b]\ntilte: x\n---\n").front
    assert front.tags == ("sea", "birds")
    assert front.title == "['a', 'b']"
    assert front.unknown == ("tilte",)


def test_windows_line_ends_and_marks_are_read() -> None:
    """A byte order mark and CRLF change nothing."""
    assert read_post("a", "\ufeff---\r\ntitle: T\r\n---\r\nText\r\n") == read_post(
        "a", "---\ntitle: T\n---\nText\n"
    )


@pytest.mark.parametrize(
    "source",
    ["---\ntitle: [\n---\n", "---\n- a\n- b\n---\n", "---\na: !!python/object:os.system {}\n---\n"],
)
def test_a_head_that_is_no_yaml_mapping_is_refused(source: str) -> None:
    """The error names the post; tags that would make objects are refused too."""
    with pytest.raises(PostError, match="a-post"):
        read_post("a-post", source)


@pytest.mark.parametrize(
    "name", ["../site.toml", "../swifts.md", "/etc/hosts.md", "Swifts.md", "a b.md", "swifts", ""]
)
def test_a_brief_names_a_post_and_no_other_file(site: Site, name: str) -> None:
    """No path leaves the folder of posts."""
    with pytest.raises(PostError, match="isn't the name of a post"):
        write(Brief(name), site)


def test_a_post_that_is_not_there_is_named(site: Site) -> None:
    """The error says which file was looked for, and where."""
    with pytest.raises(PostError, match=r"'cats.md' in .*posts"):
        write(Brief("cats.md"), site)


def test_a_post_in_another_encoding_is_refused(site: Site) -> None:
    """Bytes that aren't UTF-8 are the post's fault, said so."""
    (site.folders.posts / "old.md").write_bytes("---\ntitle: Möwe\n---\n".encode("latin-1"))
    with pytest.raises(PostError, match="isn't UTF-8"):
        write(Brief("old.md"), site)
