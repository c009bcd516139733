"""Rules: what the server offers, a line each. Routing, authorisation and OpenAPI are made of them.

A rule can't be made without saying who may use it: a scope, or ``PUBLIC``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from everflow.errors import ConfigurationError
from everflow.server.tokens import Scope

__all__ = ["PUBLIC", "Nothing", "Rule", "Rules", "parameters"]

PUBLIC: Final = "public"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"{(\w+)}")

Called = Any  # a Call of the rule's own query and body
Answered = Callable[[Called], Any]  # runs on a thread
Awaited = Callable[[Called], Awaitable[Any]]  # runs on the event loop
Streamed = Callable[[Called], Awaitable[AsyncGenerator[bytes]]]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No query, no body or no answer."""


class Rule(Struct, frozen=True):
    """One thing that may be asked. ``scope`` says of whom; ``answer`` is a type, or a media type.

    One of three does it: ``does`` on a thread, ``awaits`` on the event loop, or ``streams``.
    """

    method: str
    path: str
    scope: Scope | Literal["public"]
    does: Answered | None = None
    awaits: Awaited | None = None
    streams: Streamed | None = None
    query: type[Struct] = Nothing
    body: type[Struct] | None = None
    optional: bool = False  # whether the body may be left away
    answer: Any = Nothing
    status: int = 200
    media: str = "application/json"

    @property
    def name(self) -> str:
        """Its name among the operations: that of the function that does it."""
        return self.function.__name__

    @property
    def function(self) -> Callable[..., Any]:
        """What does it."""
        return next(way for way in (self.does, self.awaits, self.streams) if way is not None)

    def __post_init__(self) -> None:
        made = [way for way in (self.does, self.awaits, self.streams) if way is not None]
        if len(made) != 1 or self.method not in METHODS or not self.path.startswith("/"):
            raise ConfigurationError(f"{self.method} {self.path} is no rule")
        if self.scope != PUBLIC and not isinstance(self.scope, Scope):
            raise ConfigurationError(f"{self.method} {self.path} doesn't say who may use it")
        if self.method == "GET" and self.body is not None:
            raise ConfigurationError(f"GET {self.path} takes no body")


def parameters(path: str) -> list[str]:
    """The names in a path, in order."""
    return _PARAMETER.findall(path)


class Rules:
    """All rules of a server, by path and method; no two are about the same."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.all = tuple(rules)
        self.paths: dict[str, dict[str, Rule]] = {}
        for rule in rules:
            known = self.paths.setdefault(rule.path, {})
            if rule.method in known:
                raise ConfigurationError(f"{rule.method} {rule.path} is there twice")
            known[rule.method] = rule

    def types(self) -> list[Any]:
        """The types of all bodies and answers."""
        found = [
            kind
            for rule in self.all
            for kind in (rule.body, rule.answer)
            if kind is not None and kind is not Nothing
        ]
        return list(dict.fromkeys(found))
