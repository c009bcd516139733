"""The root of all errors: a message, where it happened, and what to do next."""

from __future__ import annotations

from typing import ClassVar, Literal

__all__ = ["Blame", "EverflowError"]

Blame = Literal["flow", "caller", "peer", "store", "configuration", "engine"]


class EverflowError(Exception):
    """The root. ``str()`` gives the message, where it happened, and the hint, a line each.

    ``run``, ``flow`` and ``position`` name the place and are empty where there is none.
    """

    code: ClassVar[str] = "error"
    blame: ClassVar[Blame] = "engine"

    def __init__(
        self,
        message: str,
        *,
        run: str = "",
        flow: str = "",
        position: str = "",
        path: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.run = run
        self.flow = flow
        self.position = position
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        places = [
            f"{word} {value}"
            for word, value in (
                ("run", self.run),
                ("flow", self.flow),
                ("position", self.position),
            )
            if value
        ]
        inside = f" at {self.path} of the value" if self.path else ""
        where = f" ({', '.join(places)})" if places else ""
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{self.message}{inside}{where}{hint}"
