"""What peers say to each other: the bodies of requests and answers, and the codes of refusals.

Two rules hold. What another instance says is bounded and checked here before anybody acts on it,
and what it calls a value is a payload written anew, so that no text of theirs gets into a journal
as they wrote it. And whoever answers never says more of an error than its data: no traceback leaves
an instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from everflow.core.faults import ErrorData, encode_error
from everflow.core.marks import ASIDE, SEALED
from everflow.core.values import DEPTH, parse
from everflow.errors import ValueMismatch

__all__ = [
    "BUSY",
    "DIFFERS",
    "EXPIRED",
    "LARGE",
    "LETTER",
    "LONGEST_TEXT",
    "MOST_OTHERS",
    "NO_CALL",
    "NO_FUNCTION",
    "REFUSED",
    "UNSIGNED",
    "Answer",
    "Ask",
    "Nudge",
    "Problem",
    "Standing",
    "payload_of_peer",
    "problem",
    "sent_error",
    "taken_error",
]

NO_FUNCTION, REFUSED, UNSIGNED = "remote_no_fn", "remote_refused", "signature_refused"
LARGE, LETTER = "too_large", "bad_letter"
BUSY, EXPIRED, NO_CALL, DIFFERS = "peer_busy", "call_expired", "no_such_call", "call_differs"
_STATUS = {
    LETTER: 400,
    UNSIGNED: 401,
    REFUSED: 403,
    NO_FUNCTION: 404,
    NO_CALL: 404,
    DIFFERS: 409,
    EXPIRED: 410,
    LARGE: 413,
    BUSY: 429,
}
_OURS_ALONE = tuple(f'"$":"{name}"' for name in (SEALED, ASIDE))
MOST_OTHERS = 16  # instances that a call names
MOST_CALLS = 1_000  # that one nudge names
LONGEST_TEXT = 10_000  # characters of what an error says


class Ask(msgspec.Struct, kw_only=True):
    """A call: past ``expires`` (microseconds since the epoch) it isn't begun any more.

    ``depth`` counts the runs that wait for one another, this one included. Its run may come to be
    another instance's: ``heirs`` are the ids of those who may go on with the call then, ``before``
    those who had the run before.
    """

    function: str
    input: msgspec.Raw
    expires: int
    depth: Annotated[int, msgspec.Meta(ge=1)] = 1
    heirs: Annotated[list[str], msgspec.Meta(max_length=MOST_OTHERS)] = []
    before: Annotated[list[str], msgspec.Meta(max_length=MOST_OTHERS)] = []


class Standing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a call so far. ``run`` is the run at the peer."""

    state: Literal["going", "done", "failed", "cancelled"]
    run: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorData | None = None


class Nudge(msgspec.Struct, kw_only=True):
    """Calls that have ended: whoever made them may look."""

    calls: Annotated[list[str], msgspec.Meta(max_length=MOST_CALLS)]


class Problem(msgspec.Struct, kw_only=True):
    """A refusal (RFC 9457)."""

    code: str
    title: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer before it is HTTP."""

    status: int
    body: bytes = b""
    code: str = ""  # of a refusal
    no: int = 0  # of the run of a call that goes on


def problem(code: str, detail: str) -> Answer:
    """A refusal as it is sent."""
    said = {"type": "about:blank", "status": _STATUS[code], "code": code, "detail": detail}
    return Answer(_STATUS[code], msgspec.json.encode(said), code)


def payload_of_peer(raw: bytes, limit: int) -> str:
    """A value from another instance as a payload of ours; ValueMismatch where it can't be one."""
    if len(raw) > limit:
        raise ValueMismatch(f"the value has {len(raw)} bytes, {limit} are taken")
    try:
        value = parse(raw.decode())
        too_deep = _deeper(value, DEPTH)
        text = msgspec.json.encode(value).decode()
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueMismatch("the value isn't JSON that can be taken") from error
    if too_deep:
        raise ValueMismatch(f"the value nests deeper than {DEPTH}")
    # In a text of the encoder's a quote within a string is escaped: what is found here is a tag.
    if any(mark in text for mark in _OURS_ALONE):
        raise ValueMismatch("the value isn't one: it refers to a store")
    return text


def _deeper(value: Any, most: int) -> bool:
    """Whether containers are nested in one another more often than that."""
    level = [value]
    for _ in range(most + 1):
        inner: list[Any] = []
        for each in level:
            if type(each) is dict:
                inner += each.values()
            elif type(each) is list:
                inner += each
        level = [each for each in inner if type(each) in {dict, list}]
        if not level:
            return False
    return True


def sent_error(error: ErrorData) -> ErrorData:
    """An error as it leaves the instance: without traces."""
    others = tuple(msgspec.structs.replace(other, trace="", others=()) for other in error.others)
    return msgspec.structs.replace(error, trace="", others=others)


def taken_error(error: ErrorData, limit: int) -> ErrorData:
    """An error from another instance, cut to size; its data is left out where it isn't plain."""
    try:
        data = parse(payload_of_peer(msgspec.json.encode(error.data), limit))
    except ValueMismatch:
        data = None
    cut = {
        name: getattr(error, name)[:LONGEST_TEXT]
        for name in ("type", "message", "code", "position")
    }
    kinds = tuple(kind[:200] for kind in error.kinds[:20])
    made = msgspec.structs.replace(error, **cut, data=data, kinds=kinds, trace="", others=())
    encode_error(made)
    return made
