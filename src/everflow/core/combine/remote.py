"""Calls of other servers: ``remote_node`` has a peer run what it exposes, and waits for its end.

Two rules hold here. For the machine such a call is a call: an op that the world closes by what
became of a run elsewhere. That run's id follows from the op, so that whatever is sent twice is one
call, and a new attempt of the algebra is another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar, overload

from everflow.core.combine.control import micros
from everflow.core.combine.fallback import fallback
from everflow.core.faults import Errors
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.ops import CallOp
from everflow.core.refs import Ref
from everflow.errors import RemoteUnreachable, WrongArgument

__all__ = ["Remote", "remote_failover", "remote_node"]

In = TypeVar("In")
Out = TypeVar("Out")
Other = TypeVar("Other")
PATIENCE = timedelta(seconds=30)


class Remote(Flow[Any, Any]):
    """A run at a peer. Twin: "Nexus operation" (Temporal).

    Who is asked, and how long the peer may take to accept it (``patience``, in microseconds), are
    settings: a running flow takes today's.
    """

    kind = "remote"

    def __init__(self, function: str, peer: str, patience: int) -> None:
        self.function, self.peer, self.patience = function, peer, patience

    def shape(self) -> dict[str, Any]:
        return {"function": self.function}

    def settings(self) -> dict[str, Any]:
        return {"peer": self.peer, "patience": self.patience}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Remote(shape["function"], settings["peer"], settings["patience"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.open(
            CallOp(
                path,
                site.position,
                parent,
                key,
                value,
                m.seq,
                self.function,
                peer=self.peer,
                patience=self.patience,
            )
        )


@overload
def remote_node(
    peer: str, fn: Flow[In, Out], *, patience: timedelta | float = ...
) -> Flow[In, Out]: ...
@overload
def remote_node(peer: str, fn: str, *, patience: timedelta | float = ...) -> Flow[Any, Any]: ...
def remote_node(peer: str, fn: Any, *, patience: timedelta | float = PATIENCE) -> Flow[Any, Any]:
    """Have a peer run a function or flow that it exposes on the value, and wait for its result.

    ``peer`` is the name, id or address of a peer that the server running this knows; ``fn`` the
    name of what is called, or a node or flow of that name. The peer's run may suspend for days,
    which costs nothing here, and a cancel here cancels it. The peer has ``patience`` (seconds or a
    timedelta) to accept the call. Raises ``RemoteUnreachable`` where it didn't,
    ``RemoteNoFunction`` where it exposes no such function, ``RemoteRefused`` where it doesn't let
    this server call it, and ``RemoteFailed`` with the peer's own error as its cause. Twin: "Nexus
    operation" (Temporal).
    """
    name = fn.name_of_flow if isinstance(fn, Flow) else fn
    if not isinstance(name, str) or not name:
        raise WrongArgument(
            f"remote_node takes the name of what the peer exposes, not {fn!r:.80}",
            hint='name it: remote_node("peer", "function")',
        )
    if not isinstance(peer, str) or not peer:
        raise WrongArgument(
            f"a peer is named by a text, not {peer!r:.80}",
            hint="everflow peer list shows those that are known",
        )
    return Remote(name, peer, micros(patience, "patience"))


@overload
def remote_failover(
    peers: Sequence[str],
    fn: Flow[In, Out],
    local: FlowLike[In, Other],
    *,
    on: Errors = ...,
    patience: timedelta | float = ...,
) -> Flow[In, Out | Other]: ...
@overload
def remote_failover(
    peers: Sequence[str],
    fn: Flow[In, Out] | str,
    local: None = ...,
    *,
    on: Errors = ...,
    patience: timedelta | float = ...,
) -> Flow[In, Out]: ...
@overload
def remote_failover(
    peers: Sequence[str],
    fn: str,
    local: FlowLike[In, Other],
    *,
    on: Errors = ...,
    patience: timedelta | float = ...,
) -> Flow[In, Any]: ...
def remote_failover(
    peers: Sequence[str],
    fn: Any,
    local: Any = None,
    *,
    on: Errors = RemoteUnreachable,
    patience: timedelta | float = PATIENCE,
) -> Flow[Any, Any]:
    """Ask peers in their order until one gives a result, and ``local`` if none does.

    It moves on where a peer can't be reached; ``on`` names other errors (``on=Exception``: any).
    Errors of ``local`` propagate. A ``fallback`` of ``remote_node``s.
    """
    if isinstance(peers, str):
        raise WrongArgument(
            f"remote_failover takes a list of peers, not the text {peers!r:.60}",
            hint=f"remote_failover([{peers!r:.60}], ...)",
        )
    options = [remote_node(peer, fn, patience=patience) for peer in peers]
    last = [] if local is None else [lift(local, "remote_failover")]
    if not options and not last:
        raise WrongArgument(
            "remote_failover has neither a peer nor a local flow", hint="give it one of them"
        )
    return fallback(*options, *last, on=on)
