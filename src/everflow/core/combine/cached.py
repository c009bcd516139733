"""Results by content: ``cached``.

Three rules hold here. The machine never looks anything up: two ops of its own ask the host for it,
``@cache`` before the body and ``@fill`` after it, so that hit and miss stand in the journal and a
replay never looks again. What failed is not kept, be it an error or a ``fail`` value. The key is
made by content alone (``core.caching``), so that runs and flows share what they computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from everflow.core.caching import told_of
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import CachedFrame
from everflow.core.node import Node
from everflow.core.ops import ROOT, NodeOp
from everflow.core.program import lay_out
from everflow.core.refs import FAILURE_PREFIX, SMALL, Item, Ref, Stored, is_failure
from everflow.errors import WrongArgument

__all__ = ["CACHING", "FILL", "FIRST_VERSION", "LOOK_UP", "Cached", "cached", "is_worth_caching"]

In = TypeVar("In")
Out = TypeVar("Out")
CACHING = "cache"  # the node name of the ops that look up and fill
LOOK_UP, FILL = "@cache", "@fill"
CHANGED = "-"  # stands for a key where nothing is to be kept
FIRST_VERSION = "1"
LONGEST_VERSION = 200
_CHANCY = frozenset(
    [
        "ambient",
        "ask",
        "body",
        "call",
        "critical",
        "race",
        "receive",
        "saga",
        "sleep",
        "step",
        "suspend",
        "try_catch",
    ]
)


class Cached(Flow[Any, Any]):
    """The body's result by its definition, its version and its input, computed once.

    Twin: "Task caching" (Prefect's cache keys, Flyte's cache_version), Bazel's action cache.
    """

    kind = "cached"

    def __init__(self, body: Flow[Any, Any], version: str) -> None:
        self.body, self.version = body, version

    def children(self) -> Children:
        return [("body", self.body)]

    def settings(self) -> dict[str, Any]:
        return {"version": self.version}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Cached(children[0][1], settings["version"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(CachedFrame(site.position, path, parent, key, input=value))
        self._ask(m, site.position, path, LOOK_UP, value)

    def _ask(self, m: Moves, position: str, path: str, key: str, value: Ref) -> None:
        own = NodeOp(f"{path}/{key}", position, path, key, value, m.seq, CACHING, whole=True)
        m.open(own)

    def going(self, frame: CachedFrame, site: Site) -> Iterable[tuple[str, str]]:
        key = FILL if frame.value is not None else "body" if frame.address else LOOK_UP
        return [(key, f"{frame.path}/{key}")]

    def child_done(self, m: Moves, frame: CachedFrame, key: str, value: Ref) -> None:
        if key == LOOK_UP:
            self._looked_up(m, frame, value)
        elif key == FILL:
            m.leave(frame, frame.value or value)
        elif is_failure(value):
            m.leave(frame, value)
        else:
            frame.value = value
            self._ask(m, frame.position, frame.path, FILL, value)

    def _looked_up(self, m: Moves, frame: CachedFrame, told: Any) -> None:
        """The host's op gives the whole text of its entry: see ``NodeOp.whole``."""
        address, text = told_of(told.small)
        if text is not None:
            small = text if len(text) <= SMALL else None
            m.leave(frame, Item(Stored(told.seq), 1, small, text.startswith(FAILURE_PREFIX)))
            return
        frame.address = address
        kid = m.sites[frame.position].kids["body"]
        m.enter(kid, f"{frame.path}/body", frame.path, "body", frame.input)

    def refit(self, frame: CachedFrame, old: Site, new: Site) -> str:
        """What two bodies computed between them is no key's, and isn't kept."""
        if frame.address:
            frame.address = CHANGED
        return ""


def cached(body: FlowLike[In, Out], *, version: str = FIRST_VERSION) -> Flow[In, Out]:
    """Compute ``body`` once for each input, and take the result from the store from then on.

    What counts as the same: the definition of ``body`` (its nodes by name, not their code), this
    ``version``, and the input, whatever the order of a dict's keys. So raise the version when the
    code of a node changes. Results are shared by all runs and flows on the store, durable, and
    pruned by hand. Errors and ``fail`` values aren't kept. A hit runs nothing: effects of nodes in
    ``body`` don't happen then, which is for you to want.
    """
    if not isinstance(version, str) or not version or len(version) > LONGEST_VERSION:
        raise WrongArgument(
            f"version is a text of 1 to {LONGEST_VERSION} characters, not {version!r:.60}",
            hint='cached(f, version="2")',
        )
    flow = lift(body, "cached")
    within = [site.flow for site in lay_out(flow, ROOT).values()]
    writing = [leaf for leaf in within if isinstance(leaf, Node) and leaf.leaf.settles]
    if writing:
        raise WrongArgument(
            f"{writing[0].name} writes with its result, and a result that is kept writes nothing",
            hint="put cached(...) around what comes before it",
        )
    if any(inner.kind == "step" for inner in within):
        raise WrongArgument(
            "a step bears a value of its own, which no key of a cache would tell",
            hint="write step(cached(f), value)",
        )
    return Cached(flow, version)


def is_worth_caching(flow: Flow[Any, Any]) -> bool:
    """Whether a flow runs nodes, and gives what follows from its input, as far as can be told.

    Not so where it waits for the outside, races, makes values of errors, or has things to undo.
    """
    sites = lay_out(flow, ROOT).values()
    kinds = {site.flow.kind for site in sites}
    joins = {site.flow.shape().get("join", "all") for site in sites}
    return flow.kind != "cached" and "node" in kinds and not kinds & _CHANCY and joins == {"all"}
