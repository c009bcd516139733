"""Acting on runs: each function makes one call of the engine's."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from everflow.engine.given.replies import Reply
from everflow.errors import AnswerTooLate
from everflow.server.asked import AnswerQuestion, AnswerRun, By, MakeToken, SendSignal, StartRun
from everflow.server.calls import Call
from everflow.server.rules import Nothing
from everflow.server.tokens import Tokens, token_view
from everflow.server.told import Done, Replied
from everflow.views import View, run_view

__all__ = [
    "adopt",
    "answer",
    "answer_run",
    "cancel",
    "list_tokens",
    "make_token",
    "pause",
    "retry",
    "revoke_token",
    "signal",
    "start",
    "unpause",
]

_TOO_LATE = {
    Reply.ALREADY_ANSWERED: "too late: somebody has answered it already",
    Reply.EXPIRED: "too late: its time has passed",
    Reply.CANCELLED: "too late: it was cancelled",
}


def start(call: Call[Nothing, StartRun]) -> View:
    """Start a run; it is durable when this is answered."""
    asked = call.body
    place: Any = {
        name: given
        for name in ("queue", "lane", "priority")
        if (given := getattr(asked, name)) is not UNSET
    }
    client, labels = call.client, asked.labels or None
    return run_view(client.start(asked.flow, asked.input, key=asked.key, labels=labels, **place))


def answer(call: Call[Nothing, AnswerQuestion]) -> Replied:
    """Answer a question by its token."""
    asked = call.body
    by = call.by(asked.by)
    return _told(call.client.answer(asked.token, asked.value, key=asked.key, by=by))


def answer_run(call: Call[Nothing, AnswerRun]) -> Replied:
    """Answer the one open question of a run, or its one of a tag."""
    asked, by = call.body, call.by(call.body.by)
    client = call.client
    return _told(client.resume(call.run, asked.value, tag=asked.tag, key=asked.key, by=by))


def _told(reply: Reply) -> Replied:
    if reply is not Reply.ANSWERED:
        raise AnswerTooLate(_TOO_LATE[reply], reply=str(reply))
    return Replied(str(reply))


def signal(call: Call[Nothing, SendSignal]) -> Done:
    """Send a run a message by name."""
    asked, by = call.body, call.by(call.body.by)
    call.client.signal(call.run, asked.name, asked.value, key=asked.key, by=by)
    return Done()


def cancel(call: Call[Nothing, By]) -> Done:
    """Have a run end. Once this is answered, no other outcome is possible."""
    call.client.cancel(call.run, by=call.by(call.body.by))
    return Done()


def retry(call: Call[Nothing, By]) -> View:
    """Have a failed run go on from where it failed."""
    return run_view(call.client.retry(call.run, by=call.by(call.body.by)))


def pause(call: Call[Nothing, By]) -> Done:
    """Have a run begin nothing more; what is begun ends, and answers are kept."""
    return Done(call.client.pause(call.run, by=call.by(call.body.by)))


def unpause(call: Call[Nothing, By]) -> Done:
    """Let a paused run go on."""
    call.client.unpause(call.run, by=call.by(call.body.by))
    return Done()


def adopt(call: Call[Nothing, By]) -> Done:
    """Let a run go on that was put aside: imported, or blocked until the operator."""
    return Done(call.client.adopt(call.run))


# --- tokens


def list_tokens(call: Call[Nothing, None]) -> View:
    """All tokens, without their secrets."""
    now = call.client.clock.wall()
    return {"tokens": [token_view(token, now) for token in _tokens(call).all()]}


def make_token(call: Call[Nothing, MakeToken]) -> View:
    """Make a token."""
    asked = call.body
    lasts = None if asked.lasts is None else round(asked.lasts * 1_000_000)
    made, text = _tokens(call).create(asked.name, asked.scope, lasts=lasts, by=call.by())
    return {**token_view(made, call.client.clock.wall()), "token": text}


def revoke_token(call: Call[Nothing, None]) -> View:
    """Have a token let nobody in any more."""
    revoked = _tokens(call).revoke(call.path["token"], by=call.by())
    return token_view(revoked, call.client.clock.wall())


def _tokens(call: Call[Any, Any]) -> Tokens:
    return Tokens(call.client.store, call.client.clock)
