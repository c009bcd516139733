"""Errors as problem documents (RFC 9457), with the codes that every error of Everflow's bears.

What a document says is meant for whoever asked: it names neither files nor code of this machine.
Of an error that isn't the caller's no more is told than what its kind means; the log has the rest.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.responses import Response

from everflow.errors import (
    AnswerTooLate,
    EverflowError,
    MethodNotAllowed,
    TooManyRequests,
)

__all__ = ["Problem", "problem_body", "problem_response", "status_of_error"]

log = logging.getLogger(__name__)
MEDIA = "application/problem+json"
TOLD = frozenset({"caller", "flow"})  # whose messages are for whoever asked
_BY_CODE = {
    "already_done": 409,
    "ambiguous_answer": 409,
    "answer_refused": 422,
    "answer_too_late": 409,
    "blocked": 409,
    "cancelled": 409,
    "engine_closed": 503,
    "erased": 410,
    "failed": 409,
    "handed_off": 409,
    "import_refused": 422,
    "input_refused": 422,
    "method_not_allowed": 405,
    "no_such_actor": 404,
    "no_such_flow": 404,
    "no_such_path": 404,
    "no_such_point": 404,
    "no_such_queue": 404,
    "no_such_run": 404,
    "no_such_schedule": 404,
    "no_such_token": 404,
    "not_json": 415,
    "not_on_this_thread": 500,
    "not_retryable": 409,
    "not_waiting": 409,
    "origin_refused": 403,
    "request_too_large": 413,
    "request_too_slow": 408,
    "scope_too_small": 403,
    "store_full": 507,
    "still_running": 409,
    "too_many_requests": 429,
    "too_many_signals": 429,
    "unauthenticated": 401,
    "value_mismatch": 422,
    "value_refused": 422,
    "wrong_argument": 422,
}
_BY_BLAME = {
    "caller": 400,
    "flow": 409,
    "configuration": 409,
    "peer": 502,
    "store": 503,
    "engine": 500,
}


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A problem document. ``code`` is one of docs/errors.md, ``hint`` says what to do next."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    blame: str
    hint: str = ""
    run: str = ""
    flow: str = ""
    position: str = ""
    path: str = ""
    reply: str = ""


def status_of_error(error: EverflowError) -> int:
    """The status of an answer that tells this error."""
    return _BY_CODE.get(error.code) or _BY_BLAME[error.blame]


def problem_body(error: EverflowError, place: str = "") -> Problem:
    """What is told of an error; ``place``, where the store is, is not."""
    title = (type(error).__doc__ or error.code).split("\n", 1)[0].rstrip(".")
    told = error.blame in TOLD
    return Problem(
        type=f"urn:everflow:error:{error.code}",
        title=_clean(title, ""),
        status=status_of_error(error),
        detail=_clean(error.message, place) if told else f"{title}; the server's log says more",
        code=error.code,
        blame=error.blame,
        hint=_clean(error.hint, place) if told else "",
        run=_clean(error.run, place),
        flow=_clean(error.flow, place),
        position=error.position,
        path=error.path,
        reply=error.reply if isinstance(error, AnswerTooLate) else "",
    )


def problem_response(error: Exception, place: str = "") -> Response:
    """The answer that tells an error; one that isn't Everflow's is a fault, and is logged."""
    known = error if isinstance(error, EverflowError) else EverflowError("a fault of the server's")
    if known.blame not in TOLD:
        log.error("a request failed: %s", error, exc_info=error)
    body = problem_body(known, place)
    return Response(
        msgspec.json.encode(body), body.status, headers=_headers(known), media_type=MEDIA
    )


def _headers(error: EverflowError) -> dict[str, str]:
    found: dict[str, Any] = {}
    if isinstance(error, MethodNotAllowed):
        found["Allow"] = ", ".join(error.allowed)
    if isinstance(error, TooManyRequests):
        found["Retry-After"] = str(max(1, round(error.after)))
    if error.code == "unauthenticated":
        found["WWW-Authenticate"] = 'Bearer realm="everflow"'
    return found


def _clean(text: str, place: str) -> str:
    """A text that can be sent: no halves of surrogate pairs, and no place of the store."""
    shown = text.replace(place, "this store") if place else text
    return shown.encode(errors="backslashreplace").decode()
