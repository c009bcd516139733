"""Failure as a value: ``fail``, ``failed``, ``reason_of``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everflow.core.faults import Failure
from everflow.core.flow import Children, Flow, Moves, Names, Site
from everflow.core.refs import Literal, Ref, is_failure, record_of
from everflow.errors import ValueMismatch

__all__ = ["Fail", "Failed", "failed", "make_fail", "reason_of"]


class Fail(Flow[Any, Any]):
    """Gives a ``Failure``, whatever comes in. Twin: ``Left`` (Either)."""

    kind = "fail"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def settings(self) -> dict[str, Any]:
        return {"reason": self.reason}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Fail(settings["reason"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.done(parent, key, record_of("Failure", reason=Literal(self.reason)))


class Failed(Flow[Any, Any]):
    """Whether its input is a ``Failure``."""

    kind = "failed"

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Failed()

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.done(parent, key, Literal("true" if is_failure(value) else "false"))


failed: Flow[Any, bool] = Failed()


def make_fail(payload: str) -> Flow[Any, Failure]:
    """The flow behind ``fail``: its reason is a payload."""
    return Fail(payload)


def reason_of(value: Failure | object) -> Any:
    """The reason of a ``Failure``; a clear error for anything else."""
    if not isinstance(value, Failure):
        raise ValueMismatch(
            f"reason_of takes a Failure, not {type(value).__name__}",
            hint="test the value with `failed` first",
        )
    return value.reason
