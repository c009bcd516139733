"""Marks: what stands in an entry in place of a payload that isn't readable right there.

A mark is a tagged value whose name belongs to the codec, so that no value of a user's looks like
one, and whoever takes it for a value is told what it is. It is always longer than what may stand in
a ref, so that a machine refers to a mark as to any large payload and never sees what it hides.
"""

from __future__ import annotations

from everflow.core.refs import FAILURE_PREFIX, SMALL

__all__ = ["ASIDE", "SEALED", "is_marked", "marked", "unmarked"]

SEALED = "sealed"  # its content is ciphertext
ASIDE = "aside"  # its content is the address of the payload


def marked(name: str, content: str, *, failure: bool = False) -> str:
    """The mark of that name. A failure's stays one to be seen: the machine asks for it."""
    text = f'{{"$":"{name}","v":"{content.ljust(SMALL)}"}}'
    return f"{FAILURE_PREFIX}{text}}}" if failure else text


def is_marked(name: str, text: str) -> bool:
    """Whether a text is a mark of that name."""
    start = f'{{"$":"{name}","v":"'
    return text.startswith((start, FAILURE_PREFIX + start))


def unmarked(text: str) -> str:
    """The content of a mark."""
    inner = text.removeprefix(FAILURE_PREFIX)
    return inner.split('"', 8)[7].rstrip(" ")
