"""The values that travel through the flow.

Laws: plain frozen data, no paths and no open things; every field survives a restart; a type is
added to, never reordered.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["must", "should"]
Status = Literal["open", "approved", "declined"]
Verb = Literal["Create", "Update"]


@dataclass(frozen=True)
class Brief:
    """What starts a run: the name of a file among the site's posts, such as `leap-seconds.md`."""

    post: str


@dataclass(frozen=True)
class Revision:
    """One line of a draft's history: who asked for it, with which note, and what was changed."""

    number: int
    by: str
    note: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class FrontMatter:
    """The head of a post. Empty means missing, which is for the review to find.

    `date` is ISO 8601, a day or an instant. `keep` holds words that the spell-check passes by in
    this post. `unknown` are the keys that mean nothing here.
    """

    title: str = ""
    date: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    keep: tuple[str, ...] = ()
    revisions: tuple[Revision, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """A person's answer. A rejection with a note asks for a new draft, one without is final."""

    approved: bool
    note: str = ""
    by: str = ""


@dataclass(frozen=True)
class Draft:
    """A post on its way: its head, its Markdown below the head, and what was decided about it."""

    slug: str
    front: FrontMatter
    text: str
    revision: int = 1
    status: Status = "open"
    decision: Decision | None = None


@dataclass(frozen=True)
class Finding:
    """Something that a review found, in a line below the front matter, or in it (0)."""

    rule: str
    severity: Severity
    message: str
    line: int = 0


@dataclass(frozen=True)
class Review:
    """Findings in the order of the text, and the length in words and in minutes of reading."""

    findings: tuple[Finding, ...]
    words: int
    minutes: int


@dataclass(frozen=True)
class Misspelling:
    """An unknown word, the line of its first use, and a known word one edit away, or ''."""

    word: str
    line: int
    suggestion: str = ""


@dataclass(frozen=True)
class Spelling:
    """The misspelt words of a draft, each once, and how many words were looked up."""

    misspellings: tuple[Misspelling, ...]
    checked: int


@dataclass(frozen=True)
class Checked:
    """A draft beside what the two checks say of it."""

    draft: Draft
    review: Review
    spelling: Spelling

    @property
    def clean(self) -> bool:
        """Whether it may go online: no misspelling, and no finding that must be mended."""
        return not self.spelling.misspellings and all(
            f.severity != "must" for f in self.review.findings
        )


@dataclass(frozen=True)
class Prompt:
    """What the person who approves is shown."""

    title: str
    revision: int
    clean: bool
    findings: tuple[str, ...]
    misspellings: tuple[str, ...]
    minutes: int
    preview: str


@dataclass(frozen=True)
class Entry:
    """What the index and the feed know of a post that is online.

    `digest` is of its content, `first_key` the idempotency key that put it online first.
    """

    slug: str
    title: str
    author: str
    description: str
    tags: tuple[str, ...]
    minutes: int
    html: str
    published: str
    updated: str
    digest: str
    first_key: str


@dataclass(frozen=True)
class Published:
    """A post just put online. Links in `html` are absolute; times are RFC 3339 in UTC.

    `verb` says whether this run was the first to put it online.
    """

    slug: str
    url: str
    title: str
    author: str
    description: str
    tags: tuple[str, ...]
    html: str
    published: str
    updated: str
    verb: Verb


@dataclass(frozen=True)
class Outcome:
    """How a run ended: where the post and its activity are, or which mail told why not."""

    slug: str
    status: Literal["published", "declined", "failed"]
    url: str = ""
    activity: str = ""
    message_id: str = ""


@dataclass(frozen=True)
class Arrival:
    """An article of another server, as plain text. `by` is the actor who sent it."""

    url: str
    title: str
    by: str
    text: str


@dataclass(frozen=True)
class Opinion:
    """What is noted of an arrival: minutes of reading, and words that are in no list."""

    url: str
    title: str
    by: str
    minutes: int
    unknown: tuple[str, ...]
