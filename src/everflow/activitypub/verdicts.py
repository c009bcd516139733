"""What a receiver's answer to a delivery means: taken, gone, later, or never. Pure.

Sources: the status codes that Mastodon and Fedify tell apart. 404 and 410 say that the inbox is no
more. 401 may only say that the receiver couldn't fetch our key just then, so it is tried again as
408, 429 and what is the server's own trouble (5xx) are. All else of 4xx, a redirect, and 501 won't
change by being asked again.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from everflow.errors import DeliveryRefused, ReceiverBusy, RetryAfter
from everflow.net.reading import Reply

__all__ = ["LONGEST_WAIT", "is_gone", "is_ill", "is_taken", "refusal", "seconds_to_wait"]

LONGEST_WAIT = 24 * 3600  # seconds that a receiver may have us wait
_NOT_FOUND, _GONE = 404, 410
_LATER = frozenset({401, 408, 425, 429})
_NEVER = 501
_TAKEN, _REDIRECTED, _SERVER = 200, 300, 500


def is_taken(status: int) -> bool:
    """Whether the receiver has it."""
    return _TAKEN <= status < _REDIRECTED


def is_gone(status: int, *, alone: bool) -> bool:
    """Whether there is no such inbox any more; ``alone``: it is one actor's.

    That nothing is found at an inbox which many share may be a mistake of its server, and would
    cost all of them: there 410 alone counts.
    """
    return status == _GONE or (alone and status == _NOT_FOUND)


def is_ill(status: int) -> bool:
    """Whether the server has trouble of its own, which all that is meant for it would meet."""
    return status >= _SERVER and status != _NEVER


def refusal(reply: Reply, now: int) -> Exception:
    """What a delivery that wasn't taken raises; ``now`` in microseconds since the epoch.

    DeliveryRefused is for good, ReceiverBusy isn't; where the receiver said how long to wait, it
    comes in a RetryAfter.
    """
    said = f"{reply.url:.200} answers {reply.status}"
    if reply.status not in _LATER and not is_ill(reply.status):
        return DeliveryRefused(said, hint="its server's operator can say why")
    busy = ReceiverBusy(said, hint="it is tried again")
    seconds = seconds_to_wait(reply.value("retry-after"), now)
    return busy if seconds is None else RetryAfter(seconds, busy)


def seconds_to_wait(text: str, now: int) -> float | None:
    """What Retry-After (RFC 9110, section 10.2.3) asks for, a day at most; None for nonsense."""
    if text.isdecimal() and text.isascii():
        return float(min(int(text[:9]), LONGEST_WAIT))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(when.timestamp() - now / 1_000_000, 0.0), float(LONGEST_WAIT))
