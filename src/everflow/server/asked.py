"""What may be asked: the queries and bodies of requests.

Names that go into the store are checked here once: not endless, no control characters, and none
that ends a line or turns what follows it round, since people read names in logs and audits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from everflow.server.tokens import Scope
from everflow.store import Status

__all__ = [
    "AnswerQuestion",
    "AnswerRun",
    "By",
    "CountQuery",
    "EntriesQuery",
    "EventsQuery",
    "ListQuery",
    "MakeToken",
    "QuestionsQuery",
    "SendSignal",
    "StartRun",
    "StatusQuery",
]

# The end is asked for twice: Python's $ stands before a line break as well.
_NOT_PLAIN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_PLAIN = rf"^[^{_NOT_PLAIN}]*(?![{_NOT_PLAIN}])$"
Name = Annotated[str, Meta(min_length=1, max_length=512, pattern=_PLAIN)]
Text = Annotated[str, Meta(max_length=512, pattern=_PLAIN)]
Limit = Annotated[int, Meta(ge=1, le=1000)]
Labels = Annotated[dict[Name, Text], Meta(max_length=100)]
Whole = Annotated[int, Meta(ge=0, le=2**53)]
Small = Annotated[int, Meta(ge=-(2**31), le=2**31)]


class By(Struct, frozen=True, forbid_unknown_fields=True):
    """Who says so, in the words of whoever bears the token."""

    by: Text = ""


class StartRun(By, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run to be started. The same ``key`` gives the same run."""

    flow: Name
    input: Any = None
    key: Name | None = None
    labels: Labels = {}
    queue: Name | UnsetType | None = UNSET
    lane: Text | UnsetType = UNSET
    priority: Small | UnsetType = UNSET


class AnswerQuestion(By, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to the question of that token. The same ``key`` again is the same answer."""

    token: Name
    value: Any
    key: Name | None = None


class AnswerRun(By, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to the one open question of a run, or its one of that tag."""

    value: Any
    tag: Name | None = None
    key: Name | None = None


class SendSignal(By, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message for a run, kept until the run comes to take it."""

    name: Name
    value: Any = None
    key: Name | None = None


class MakeToken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to be made; ``lasts``: seconds, for ever unless given."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=_PLAIN)]
    scope: Scope
    lasts: Annotated[float, Meta(gt=0, le=3_153_600_000)] | None = None


class CountQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters, all of which must hold; ``label`` is NAME=VALUE."""

    status: tuple[Status, ...] = ()
    flow: Name | None = None
    queue: Name | None = None
    parent: Name | None = None
    tag: Name | None = None
    label: tuple[Text, ...] = ()
    since: datetime | None = None
    before: datetime | None = None


class ListQuery(CountQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, a page at a time: ``after`` is the last run of the page before."""

    after: Name | None = None
    newest: bool = False
    limit: Limit = 50


class QuestionsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open questions, of one run or of all; ``after`` is the last token of the page before."""

    run: Name | None = None
    tag: Name | None = None
    after: Name | None = None
    limit: Limit = 50


class StatusQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``wait``: so many seconds at most, until the run is finished or rests."""

    wait: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class EntriesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From entry ``first`` on. With ``at``: the journal up to that entry, and how it stood then."""

    first: Whole = 0
    limit: Limit = 1000
    at: Whole | None = None


class EventsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after``: the seq of the last entry that was seen, as Last-Event-ID says it."""

    after: Whole | None = None
