"""Messages to a run by name: ``receive``.

Two rules hold here. A signal is taken once, the oldest of its name first, by whoever waits longest
for that name. One that comes while nobody waits is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from everflow.core.combine.control import micros
from everflow.core.faults import make_error
from everflow.core.flow import Children, Flow, Moves, Names, Site, check_label
from everflow.core.frames import ReceiveFrame
from everflow.core.ops import ReceiveOp, TimerOp
from everflow.core.refs import Literal, Ref
from everflow.errors import DeadlineExpired, WrongArgument

__all__ = ["Receive", "make_receive"]

_NULL = Literal("null")


class Receive(Flow[Any, Any]):
    """Waits for the next message of a name. Twin: a "signal" (Temporal), "receive" (Erlang)."""

    kind = "receive"
    answers: Any = None  # the type of the message where code is; no part of the definition

    def __init__(self, name: str, schema: Any, within: int | None, default: str | None) -> None:
        self.name, self.schema, self.within, self.default = name, schema, within, default

    def shape(self) -> dict[str, Any]:
        return {"name": self.name}

    def settings(self) -> dict[str, Any]:
        data = {"schema": self.schema, "within": self.within, "default": self.default}
        return {name: value for name, value in data.items() if value is not None}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        known = {name: settings.get(name) for name in ("schema", "within", "default")}
        return Receive(shape["name"], **known)

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        kept = m.signal(self.name)
        if kept is not None:
            m.done(parent, key, kept)
            return
        if self.within is None:
            m.open(ReceiveOp(path, site.position, parent, key, value, m.seq, self.name, m.now))
            return
        due = m.now + self.within
        m.push(ReceiveFrame(site.position, path, parent, key))
        op = ReceiveOp(
            f"{path}/@receive", site.position, path, "@receive", value, m.seq, self.name, m.now, due
        )
        m.open(op)
        timer = f"{path}/@deadline"
        m.open(TimerOp(timer, site.position, path, "@deadline", _NULL, m.seq, due))

    def going(self, frame: ReceiveFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}/{key}") for key in ("@receive", "@deadline")]

    def child_done(self, m: Moves, frame: ReceiveFrame, key: str, value: Ref) -> None:
        if key == "@receive":
            m.drop(f"{frame.path}/@deadline")
            m.leave(frame, value)
            return
        m.drop(f"{frame.path}/@receive")
        if self.default is not None:
            m.leave(frame, Literal(self.default))
        else:
            late = f"no signal {self.name!r} came in time, and it has no default"
            m.throw(frame, make_error(DeadlineExpired, late, position=frame.position))


def make_receive(name: str, schema: Any, within: timedelta | None, default: str | None) -> Receive:
    """The flow behind ``receive``; ``default`` is a payload."""
    if default is not None and within is None:
        raise WrongArgument("a default needs a deadline: give within=...")
    span = None if within is None else micros(within, "within")
    return Receive(check_label(name, "signal's name"), schema, span, default)
