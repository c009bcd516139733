"""The table of all that the API offers. Everything about a request follows from its line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everflow.server import acting, events, looking
from everflow.server.asked import (
    AnswerQuestion,
    AnswerRun,
    By,
    CountQuery,
    EntriesQuery,
    EventsQuery,
    ListQuery,
    MakeToken,
    QuestionsQuery,
    SendSignal,
    StartRun,
    StatusQuery,
)
from everflow.server.calls import Call
from everflow.server.openapi import document
from everflow.server.rules import PUBLIC, Nothing, Rule, Rules
from everflow.server.tokens import Scope
from everflow.server.told import (
    Counts,
    Done,
    FlowsTold,
    Health,
    JournalTold,
    MadeToken,
    QuestionsTold,
    Replied,
    RunNow,
    RunsTold,
    RunTold,
    TokensTold,
    TokenTold,
)

__all__ = ["BASE", "RULES"]

BASE = "/api/v1"
READ, OPERATE, ADMIN = Scope.READ, Scope.OPERATE, Scope.ADMIN
STREAM = "text/event-stream"
LINES = "application/jsonl"
ONE = f"{BASE}/runs/{{run}}"


def describe(call: Call[Nothing, None]) -> dict[str, Any]:
    """This API, as OpenAPI 3.1."""
    return document(call.backing.rules)


def _act(verb: str, does: Callable[[Any], Any], answer: type) -> Rule:
    """A verb about a run; its body may be left away."""
    path = f"{ONE}/{verb}"
    return Rule("POST", path, OPERATE, does=does, body=By, optional=True, answer=answer)


RULES = Rules(
    [
        Rule("GET", f"{BASE}/health", PUBLIC, does=looking.health, answer=Health),
        Rule("GET", f"{BASE}/openapi.json", READ, does=describe, answer=dict[str, Any]),
        # looking
        Rule("GET", f"{BASE}/flows", READ, does=looking.flows, answer=FlowsTold),
        Rule(
            "GET",
            f"{BASE}/runs",
            READ,
            does=looking.list_runs,
            query=ListQuery,
            answer=RunsTold,
        ),
        Rule("GET", f"{BASE}/counts", READ, does=looking.count, query=CountQuery, answer=Counts),
        Rule("GET", ONE, READ, awaits=looking.standing, query=StatusQuery, answer=RunNow),
        Rule(
            "GET",
            f"{ONE}/journal",
            READ,
            does=looking.journal,
            query=EntriesQuery,
            answer=JournalTold,
        ),
        Rule("GET", f"{ONE}/export", READ, streams=looking.export, media=LINES),
        Rule("GET", f"{ONE}/events", READ, streams=events.of_run, query=EventsQuery, media=STREAM),
        Rule("GET", f"{BASE}/events", READ, streams=events.of_all, media=STREAM),
        Rule(
            "GET",
            f"{BASE}/questions",
            READ,
            does=looking.questions,
            query=QuestionsQuery,
            answer=QuestionsTold,
        ),
        # acting
        Rule(
            "POST",
            f"{BASE}/runs",
            OPERATE,
            does=acting.start,
            body=StartRun,
            answer=RunTold,
            status=201,
        ),
        Rule(
            "POST",
            f"{BASE}/answers",
            OPERATE,
            does=acting.answer,
            body=AnswerQuestion,
            answer=Replied,
        ),
        Rule(
            "POST",
            f"{ONE}/answers",
            OPERATE,
            does=acting.answer_run,
            body=AnswerRun,
            answer=Replied,
        ),
        Rule("POST", f"{ONE}/signals", OPERATE, does=acting.signal, body=SendSignal, answer=Done),
        _act("cancel", acting.cancel, Done),
        _act("retry", acting.retry, RunTold),
        _act("pause", acting.pause, Done),
        _act("unpause", acting.unpause, Done),
        _act("adopt", acting.adopt, Done),
        # tokens
        Rule("GET", f"{BASE}/tokens", ADMIN, does=acting.list_tokens, answer=TokensTold),
        Rule(
            "POST",
            f"{BASE}/tokens",
            ADMIN,
            does=acting.make_token,
            body=MakeToken,
            answer=MadeToken,
            status=201,
        ),
        Rule(
            "DELETE",
            f"{BASE}/tokens/{{token}}",
            ADMIN,
            does=acting.revoke_token,
            answer=TokenTold,
        ),
    ]
)
