"""When a signed message is too old, or from the future; and how long its nonce is to be known.

Pure: who remembers nonces is above. Times are microseconds since the epoch, like all of ours, and
``now`` is the wall clock, since the sender's is all that both sides share.
"""

from __future__ import annotations

__all__ = ["WINDOW", "is_fresh", "known_until"]

WINDOW = 5 * 60 * 1_000_000  # either way: clocks of servers are rarely further apart


def is_fresh(made: int, now: int, window: int = WINDOW) -> bool:
    """Whether a message that was made then may be taken now."""
    return abs(now - made) <= window


def known_until(made: int, window: int = WINDOW) -> int:
    """Until when its nonce must be remembered: afterwards it isn't fresh, and refused for that."""
    return made + window + 1
