"""What is answered: the fields of ``everflow.views``, typed, and few of the server's own.

An answer is converted to its type before it is sent, so that what OpenAPI says is what leaves.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

__all__ = [
    "Counts",
    "Done",
    "EntryTold",
    "FlowsTold",
    "Health",
    "JournalTold",
    "MadeToken",
    "QuestionTold",
    "QuestionsTold",
    "Replied",
    "RunNow",
    "RunTold",
    "RunsTold",
    "TokenTold",
    "TokensTold",
]


class ErrorTold(Struct):
    """A recorded error of a flow's."""

    type: str
    message: str
    code: str
    position: str
    trace: str


class RunTold(Struct):
    """A run as a list shows it. Times are RFC 3339 in UTC."""

    id: str
    flow: str
    status: str
    until: str
    reason: str
    queue: str
    lane: str
    priority: int
    admitted: str | None
    key: str | None
    parent: str | None
    labels: dict[str, str]
    origin: str
    leased: bool
    cancelling: bool
    created: str
    updated: str
    ended: str | None
    due: str | None
    definition: str


class QuestionTold(Struct):
    """A question with its prompt, and the JSON Schema that an answer must fit."""

    token: str
    run: str
    flow: str
    tag: str
    occurrence: int
    position: str
    state: str
    asked: str
    due: str | None
    prompt: Any
    schema: Any


class Receives(Struct):
    """A signal that a run waits for."""

    name: str
    position: str
    since: str
    due: str | None


class Asks(Struct):
    """What a run asks of a peer. ``accepted``: it began it; ``next``: when it is tried."""

    call: str
    peer: str
    function: str
    accepted: bool
    trouble: str
    next: str | None


class RunNow(RunTold, kw_only=True):
    """A run as it stands: its outcome, what it waits for and what it asks.

    ``asks``: of peers. ``accepted``: messages that no worker has applied. ``unattended``: no worker
    is alive to do what there is to do. ``children``: how many runs it called, by status.
    """

    result: Any
    error: ErrorTold | None
    erased: str | UnsetType | None = UNSET
    receives: list[Receives]
    asks: list[Asks]
    accepted: int
    unattended: bool
    children: dict[str, int]
    questions: list[QuestionTold]


class EntryTold(Struct):
    """An entry of a run's journal."""

    seq: int
    at: str
    kind: str
    op: str
    position: str
    attempt: int
    tag: str
    node: str
    note: str
    value: Any
    error: ErrorTold | None


class Outstanding(Struct):
    """Something that a run waited for."""

    kind: str
    op: str
    position: str
    attempt: int
    node: str
    tag: str
    occurrence: int | None
    state: str
    due: str | None
    value: Any


class Within(Struct):
    """Something that a run was inside of."""

    position: str
    path: str
    kind: str


class Past(Struct):
    """How a run stood after an entry."""

    seq: int
    time: str
    status: str
    generation: int
    outstanding: list[Outstanding]
    within: list[Within]
    result: Any
    error: ErrorTold | None


class JournalTold(Struct):
    """Entries of a run, in order. ``next``: the first of the following page."""

    run: str
    entries: list[EntryTold]
    next: int | None = None
    at: Past | None = None


class RunsTold(Struct):
    """A page of runs. ``after`` asks for the next one; null on the last."""

    runs: list[RunTold]
    after: str | None


class QuestionsTold(Struct):
    """A page of open questions. ``after`` asks for the next one; null on the last."""

    questions: list[QuestionTold]
    after: str | None


class Counts(Struct):
    """How many runs there are, by status."""

    counts: dict[str, int]


class FlowTold(Struct):
    """A flow that can be started. ``inputs``: JSON Schemas, all of which an input must fit."""

    name: str
    definition: str
    inputs: list[Any]
    queue: str


class FlowsTold(Struct):
    """The flows that workers of this store know."""

    flows: list[FlowTold]


class Replied(Struct):
    """What became of an answer."""

    reply: str


class Done(Struct):
    """It is done. ``changed`` is false where it was so already."""

    changed: bool = True


class Health(Struct):
    """The engine runs."""

    status: str


class TokenTold(Struct):
    """A token, without its secret. ``used``: the day on which it was last taken."""

    id: str
    name: str
    scope: str
    created: str
    expires: str | None
    revoked: str | None
    used: str | None
    valid: bool


class TokensTold(Struct):
    """All tokens, the revoked and expired ones too."""

    tokens: list[TokenTold]


class MadeToken(TokenTold):
    """A new token; ``token`` is its text, told this once."""

    token: str
