"""What a signature says of itself. A claim is to be believed only as ``verify`` gave it back."""

from __future__ import annotations

from dataclasses import dataclass

from everflow.errors import SignatureRefused
from everflow.net.freshness import is_fresh
from everflow.net.message import Message

__all__ = ["Claim", "judge_times", "must_cover", "needs_digest"]

_BODILESS = frozenset({"GET", "HEAD"})  # methods that need no digest where there is no body


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose key is said to have signed what, and when. Times are microseconds since the epoch."""

    key_id: str
    made: int | None
    covered: tuple[str, ...]
    algorithm: str = ""
    ends: int | None = None
    nonce: str = ""


def judge_times(claim: Claim, now: int, window: int) -> None:
    """SignatureRefused where the claim is too old, from the future, over, or of no time at all."""
    if claim.made is None:
        raise SignatureRefused("uncovered", "the signature doesn't say when it was made")
    if not is_fresh(claim.made, now, window):
        away = (claim.made - now) / 1_000_000
        raise SignatureRefused(
            "stale",
            f"the signature was made {abs(away):.0f} s {'ahead of' if away > 0 else 'before'} now",
            hint=f"{window / 1_000_000:.0f} s are allowed; compare the clocks of both machines",
        )
    if claim.ends is not None and claim.ends < now:
        raise SignatureRefused("stale", "the signature has expired, by its own word")


def must_cover(claim: Claim, *ways: tuple[str, ...]) -> None:
    """SignatureRefused unless the claim covers all that one of the ways names."""
    if not any(set(way) <= set(claim.covered) for way in ways):
        names = ", ".join(name for name in ways[0] if name not in claim.covered)
        raise SignatureRefused("uncovered", f"the signature doesn't cover {names}")


def needs_digest(message: Message) -> bool:
    """Whether the message has a body, or could have had one taken away."""
    return bool(message.body) or message.method not in _BODILESS
