"""Claims: the sentences of the contract, and what is raised when one doesn't hold."""

from __future__ import annotations

__all__ = ["Untrue", "claim"]


class Untrue(AssertionError):
    """A sentence of the contract didn't hold."""

    def __init__(self, sentence: str, where: object = "") -> None:
        super().__init__(f"{sentence}: {where}" if where != "" else sentence)
        self.sentence = sentence


def claim(holds: bool, sentence: str, where: object = "") -> None:  # noqa: FBT001 - it reads as a claim
    """Raise Untrue unless it holds."""
    if not holds:
        raise Untrue(sentence, where)
