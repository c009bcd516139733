"""Errors of the outside: what another server is, says, or was asked to prove.

A peer that is slow, gone or hostile is told apart from one that can't be reached at all, because a
caller does different things then. None of them changed anything here.
"""

from __future__ import annotations

from typing import Literal

from everflow.errors.base import EverflowError

__all__ = [
    "AddressRefused",
    "BadKey",
    "BadReply",
    "DeliveryRefused",
    "OutsideError",
    "ReceiverBusy",
    "SignatureRefused",
    "TooLarge",
    "TooSlow",
    "Unreachable",
    "WhyRefused",
]

WhyRefused = Literal[
    "missing", "malformed", "algorithm", "key", "uncovered", "stale", "digest", "forged"
]


class OutsideError(EverflowError):
    """Another server can't be reached, or doesn't keep to what was agreed."""

    code = "outside_error"
    blame = "peer"


class AddressRefused(OutsideError):
    """An address leads to where nothing may be asked of this machine; nothing was connected."""

    code = "address_refused"


class Unreachable(OutsideError):
    """There is no connection: no such name, nobody listens, TLS failed, or it broke off."""

    code = "unreachable"


class TooSlow(OutsideError, TimeoutError):
    """The whole answer wasn't there within the time that it had."""

    code = "too_slow"


class TooLarge(OutsideError):
    """The answer, unpacked, or its headers have more bytes than they may."""

    code = "too_large"


class BadReply(OutsideError):
    """What came back isn't HTTP, is half an answer, or leads where none may follow."""

    code = "bad_reply"


class DeliveryRefused(OutsideError):
    """The receiver of an activity refused it in a way that won't change by asking again."""

    code = "delivery_refused"


class ReceiverBusy(OutsideError):
    """The receiver of an activity couldn't take it for now."""

    code = "receiver_busy"


class BadKey(OutsideError, ValueError):
    """A text isn't a key, or one of a kind or strength that is not taken."""

    code = "bad_key"


class SignatureRefused(OutsideError):
    """A message isn't signed, or not so that it proves who sent all of it, and now.

    ``why`` is one of a few words for logs and counts; a sender is told no more than that it was
    refused, since what is wrong is of use to a forger alone.
    """

    code = "signature_refused"

    def __init__(self, why: WhyRefused, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.why: WhyRefused = why
