"""Errors of peers: another server, or the way to it, is to blame."""

from __future__ import annotations

from everflow.errors.base import EverflowError

__all__ = [
    "NotSafeYet",
    "RemoteError",
    "RemoteFailed",
    "RemoteNoFunction",
    "RemoteRefused",
    "RemoteUnreachable",
]


class RemoteError(EverflowError):
    """A call of a peer gave no result; ``data`` says which peer, function and run it was."""

    code = "remote_error"
    blame = "peer"


class NotSafeYet(EverflowError):
    """What was asked is kept here, and the server that the run is leased from hasn't got it yet.

    Nothing is lost and nothing is promised: asked again with the same key, it is taken once.
    """

    code = "not_safe_yet"
    blame = "peer"


class RemoteUnreachable(RemoteError):
    """A peer isn't known, can't be reached, or was too busy to accept a call in time."""

    code = "remote_unreachable"


class RemoteNoFunction(RemoteError):
    """A peer exposes no function or flow of that name."""

    code = "remote_no_fn"


class RemoteRefused(RemoteError):
    """A peer doesn't let this server call that, or doesn't take the value."""

    code = "remote_refused"


class RemoteFailed(RemoteError):
    """What a peer ran failed or was cancelled there; ``others`` begins with its own error."""

    code = "remote_failed"
