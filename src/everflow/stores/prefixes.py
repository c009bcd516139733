"""Where the texts that begin with a prefix end, in the order of code points."""

from __future__ import annotations

__all__ = ["beyond"]

_LAST = "\U0010ffff"  # of all code points


def beyond(prefix: str) -> str | None:
    """A text above all that begin with the prefix, and below what follows them; None: no end."""
    prefix = prefix.rstrip(_LAST)
    if not prefix:
        return None
    code = ord(prefix[-1]) + 1
    # The surrogates are no characters that a text may have.
    return prefix[:-1] + chr(0xE000 if 0xD800 <= code < 0xE000 else code)  # noqa: PLR2004 - Unicode's own numbers
