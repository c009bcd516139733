"""What a peer's reply means for a call: it is judged whole, and never believed further than that.

Four things it can mean. The call has ended, with a value, an error or a cancel. It goes on. There
is trouble, which says nothing of the call: no reply, a server in between, or words that make no
sense. Or the peer knows nothing of a call that it had accepted, or doesn't let us ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from everflow.core.faults import ErrorData, attached, encode_error, make_error
from everflow.engine.records.errands import Errand
from everflow.errors import (
    EverflowError,
    RemoteFailed,
    RemoteNoFunction,
    RemoteRefused,
    RemoteUnreachable,
    ValueMismatch,
)
from everflow.federation.peers import Peer
from everflow.federation.words import (
    DIFFERS,
    EXPIRED,
    LARGE,
    LONGEST_TEXT,
    NO_CALL,
    NO_FUNCTION,
    REFUSED,
    UNSIGNED,
    Problem,
    Standing,
    payload_of_peer,
    taken_error,
)
from everflow.net.reading import Reply

__all__ = ["Ended", "Going", "Trouble", "Unknown", "Verdict", "verdict_of"]


@dataclass(frozen=True)
class Ended:
    """What the run is told. ``final``: the peer never had the call, and needs no more."""

    kind: Literal["result", "error", "cancelled"]
    payload: str
    final: bool = False


@dataclass(frozen=True)
class Going:
    """It was accepted, and goes on."""


@dataclass(frozen=True)
class Trouble:
    """Nothing was heard that says anything of the call."""

    said: str


@dataclass(frozen=True)
class Unknown:
    """The peer doesn't know the call, or doesn't know us; ``payload``: the error if that stays."""

    said: str
    payload: str = ""


Verdict = Ended | Going | Trouble | Unknown


def verdict_of(reply: Reply, errand: Errand, peer: Peer, limit: int) -> Verdict:
    """What a reply to a call means. ``limit``: bytes of a value."""
    if reply.status in {200, 202}:
        return _standing(reply, errand, peer, limit)
    try:
        said = msgspec.json.decode(reply.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Trouble(f"it answers {reply.status}, and not as a peer does")
    code = _CODES.get(reply.status, {}).get(said.code)
    if code is None:
        return Trouble(f"it answers {reply.status}: {said.detail[:LONGEST_TEXT]}")
    kind, never = code
    error = _error(kind, errand, said.detail[:LONGEST_TEXT])
    if never and errand.accepted is None:
        return Ended("error", error, final=True)
    return Unknown(said.detail[:LONGEST_TEXT], error)


# What a refusal says, by status and code: the error that it is here, and whether the peer says that
# it never began the call. Anything else may be of a server in between, and means nothing.
_CODES: dict[int, dict[str, tuple[type[EverflowError], bool]]] = {
    401: {UNSIGNED: (RemoteRefused, True)},
    403: {REFUSED: (RemoteRefused, True)},
    404: {NO_FUNCTION: (RemoteNoFunction, True), NO_CALL: (RemoteFailed, False)},
    409: {DIFFERS: (RemoteRefused, True)},
    410: {EXPIRED: (RemoteUnreachable, True)},
    413: {LARGE: (RemoteRefused, True)},
}


def _standing(reply: Reply, errand: Errand, peer: Peer, limit: int) -> Verdict:
    try:
        standing = msgspec.json.decode(reply.body, type=Standing)
        if standing.state == "going":
            return Going()
        if standing.state == "cancelled":
            return Ended("cancelled", "null")
        if standing.state == "done":
            return Ended("result", payload_of_peer(bytes(standing.value), limit))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Trouble(f"it answers {reply.status} with what makes no sense")
    except ValueMismatch as error:
        # The peer means it: to ask again would give the same for ever.
        return _said(RemoteFailed, errand, f"it gave what can't be taken: {error.message}")
    return Ended("error", encode_error(_failed(errand, peer, standing, limit)))


def _failed(errand: Errand, peer: Peer, standing: Standing, limit: int) -> ErrorData:
    """The peer's failure as it is raised here: whose it is, and the error itself beside it."""
    given = standing.error or make_error(EverflowError, "it didn't say why")
    causes = [taken_error(each, limit) for each in (given, *given.others[:8])]
    cause, run = causes[0], standing.run[:100]
    at = f" at {cause.position}" if cause.position else ""
    said = f"{errand.peer} ran {errand.function}, which failed: {cause.type}: {cause.message}{at}"
    where = {"peer": errand.peer, "function": errand.function, "run": run, "origin": peer.id}
    inner = cause.data
    if cause.code == RemoteFailed.code and isinstance(inner, dict) and "origin" in inner:
        where["origin"] = inner["origin"]
    error = msgspec.structs.replace(make_error(RemoteFailed, said), data=where)
    return attached(error, causes)


def _said(kind: type[EverflowError], errand: Errand, said: str) -> Ended:
    return Ended("error", _error(kind, errand, said))


def _error(kind: type[EverflowError], errand: Errand, said: str) -> str:
    words = _WORDS.get(kind, "lost its run of")
    error = make_error(kind, f"{errand.peer} {words} {errand.function}: {said}")
    where = {"peer": errand.peer, "function": errand.function}
    return encode_error(msgspec.structs.replace(error, data=where))


_WORDS: dict[type[EverflowError], str] = {
    RemoteNoFunction: "has no function",
    RemoteRefused: "refuses to run",
    RemoteUnreachable: "wasn't reached in time to run",
}
