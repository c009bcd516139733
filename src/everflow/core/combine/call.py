"""Child runs: ``call`` starts a run of another flow, and waits for what becomes of it or doesn't.

Three rules hold here. A child's id follows from its caller's, the generation and the op, so that a
start that is sent again is the same start. What is called is found by its name when it is called.
An awaited child knows its caller's op and how many callers are above it; one that is detached
knows neither, so that a flow may go on for ever by starting its successor.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from everflow.core.faults import ErrorData, attached, decode_error, make_error
from everflow.core.flow import Children, Flow, Moves, Names, Site
from everflow.core.ops import CallOp
from everflow.core.refs import Ref
from everflow.errors import CallTooDeep, ChildCancelled, ChildFailed, RemoteFailed, WrongArgument

__all__ = ["DEEPEST", "Call", "child_error", "child_run", "make_call"]

DEEPEST = 100  # awaited calls within one another
PREFIX = 10  # characters of a run's id that tell the time
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def child_run(run: str, generation: int, op: str) -> str:
    """The id of the run that an op starts: 80 bits of a hash behind the time of its caller."""
    digest = int.from_bytes(sha256(f"{run}\n{generation}\n{op}".encode()).digest()[:10])
    return run[:PREFIX] + "".join(_ALPHABET[digest >> shift & 31] for shift in range(75, -1, -5))


def child_error(op: CallOp, run: str, ended: str, payload: str) -> ErrorData:
    """What the caller is told of a child that gave no value. ValueError for another payload.

    ``data`` says which run it was, and in which one it all began (``origin``): where calls are
    nested, the error of that one is the first among ``others``, however many are between.
    """
    if op.peer:
        return _remote_error(op, run, ended, payload)
    where = {"run": run, "flow": op.flow, "origin": run}
    if ended == "cancelled":
        said = f"run {run} of {op.flow} was cancelled"
        error = make_error(ChildCancelled, said, position=op.position)
        return msgspec.structs.replace(error, data=where)
    cause = decode_error(payload)
    called: tuple[ErrorData, ...] = (cause,)
    inner = ""
    if cause.code == ChildFailed.code and cause.others:
        called, where["origin"] = cause.others, cause.data["origin"]
        inner = f", in run {where['origin']}"
    first = called[0]
    at = f" at {first.position}" if first.position else ""
    said = f"run {run} of {op.flow} failed: {first.type}: {first.message}{at}{inner}"
    error = make_error(ChildFailed, said, position=op.position)
    return attached(msgspec.structs.replace(error, data=where), called)


def _remote_error(op: CallOp, run: str, ended: str, payload: str) -> ErrorData:
    """As the peer's answer says, whose run isn't ours to look at."""
    if ended != "cancelled":
        return msgspec.structs.replace(decode_error(payload), position=op.position)
    said = f"{op.peer} cancelled its run of {op.flow}"
    where = {"peer": op.peer, "function": op.flow, "run": run}
    error = make_error(RemoteFailed, said, position=op.position)
    return msgspec.structs.replace(error, data=where)


class Call(Flow[Any, Any]):
    """A child run. Twin: a "child workflow" (Temporal), a "call activity" (BPMN)."""

    kind = "call"

    def __init__(self, flow: str, *, detached: bool) -> None:
        self.flow, self.detached = flow, detached

    def shape(self) -> dict[str, Any]:
        return {"flow": self.flow, "detached": True} if self.detached else {"flow": self.flow}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Call(shape["flow"], detached=bool(shape.get("detached")))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if not self.detached and m.state.depth >= DEEPEST:
            said = f"{DEEPEST} runs wait for one another, and the last of them calls {self.flow}"
            m.fail(parent, key, make_error(CallTooDeep, said, position=site.position))
            return
        m.open(CallOp(path, site.position, parent, key, value, m.seq, self.flow, self.detached))

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        """A child that goes on keeps its own definition, and only its caller's place counts."""
        before: Any = old
        if self.flow != before.flow:
            was = f"it waits for a run of {before.flow!r}"
            return f"{was}, and the new flow calls {self.flow!r} here"
        if self.detached != before.detached:
            kinds = ("an awaited", "a detached")
            return f"it was {kinds[before.detached]} call and is {kinds[self.detached]} one now"
        return ""


def make_call(target: Any, *, detached: bool) -> Call:
    """The flow behind ``call``."""
    name = target.name_of_flow if isinstance(target, Flow) else target
    if not isinstance(name, str) or not name:
        raise WrongArgument(
            f"call takes a flow that has a name, or the name of one, not {target!r:.80}",
            hint='name it: flow("name", ...)',
        )
    return Call(name, detached=detached)
