"""Errors of a request over HTTP: it was refused before, or instead of, a call of the engine."""

from __future__ import annotations

from everflow.errors.caller import CallerError

__all__ = [
    "AnswerTooLate",
    "BadRequest",
    "MethodNotAllowed",
    "NoSuchPath",
    "NoSuchToken",
    "NotJson",
    "OriginRefused",
    "RequestError",
    "RequestTooLarge",
    "RequestTooSlow",
    "ScopeTooSmall",
    "TooManyRequests",
    "Unauthenticated",
]


class RequestError(CallerError):
    """A request that was refused; it changed nothing."""

    code = "request_error"


class BadRequest(RequestError, ValueError):
    """The request's path, query, headers or body aren't what this path takes."""

    code = "bad_request"


class Unauthenticated(RequestError):
    """The request bears no token, or one that isn't valid."""

    code = "unauthenticated"


class ScopeTooSmall(RequestError):
    """The token is valid, and may not do that."""

    code = "scope_too_small"


class OriginRefused(RequestError):
    """The request came by a name or from a page that isn't this server's."""

    code = "origin_refused"


class NoSuchPath(RequestError, LookupError):
    """The server has nothing at that path."""

    code = "no_such_path"


class MethodNotAllowed(RequestError):
    """The path is there, and doesn't take that method."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: tuple[str, ...], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.allowed = allowed


class RequestTooLarge(RequestError):
    """The request's body, headers or path are larger than they may be."""

    code = "request_too_large"


class RequestTooSlow(RequestError, TimeoutError):
    """The request's body wasn't there within the time that it had."""

    code = "request_too_slow"


class NotJson(RequestError):
    """The request's body isn't declared as JSON."""

    code = "not_json"


class TooManyRequests(RequestError):
    """More requests came, or are being answered, than may; ``after``: seconds to wait."""

    code = "too_many_requests"

    def __init__(self, message: str, *, after: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.after = after


class AnswerTooLate(RequestError):
    """The question isn't open any more: ``reply`` says what had become of it."""

    code = "answer_too_late"

    def __init__(self, message: str, *, reply: str) -> None:
        super().__init__(message)
        self.reply = reply


class NoSuchToken(RequestError, LookupError):
    """The store has no token of that id or name."""

    code = "no_such_token"
