"""The fleet: what workers say of themselves, and what follows from that for who looks at them.

A worker's words are plain data in its row, written once as it enlists. What changes while it lives
(that it is to drain) is a record of the kind of pauses, under a key of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from everflow.config import Config
from everflow.core.definition import Definition
from everflow.core.flow import Flow
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.errors import FlowError
from everflow.release import VERSION
from everflow.store import WorkerRow

__all__ = ["About", "about_in", "about_of", "code_of", "drain_key", "serving", "text_of"]

DIGITS = 12


class About(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``name`` is for people. ``queues``: the only ones that it serves; None for all.

    ``release`` is Everflow's. ``code`` stands for the flows and nodes that it has: who has the same
    can run the same.
    """

    name: str = ""
    queues: tuple[str, ...] | None = None
    release: str = ""
    code: str = ""

    def serves(self, queue: str) -> bool:
        """Whether runs of that queue are executed there; "" is none."""
        return self.queues is None or queue in self.queues


def about_of(row: WorkerRow) -> About:
    """What a worker said of itself; nothing where its words aren't of this kind."""
    return about_in(row.about)


def about_in(text: str) -> About:
    """The same, of its words."""
    try:
        return msgspec.json.decode(text or "{}", type=About)
    except (msgspec.MsgspecError, UnicodeError):
        return About()


def text_of(config: Config, registry: Registry, name: str) -> str:
    """What a worker of that configuration and code says of itself."""
    about = About(name=name, queues=config.queues, release=VERSION, code=code_of(registry))
    return msgspec.json.encode(about).decode()


def code_of(registry: Registry) -> str:
    """A text for the flows and nodes of a registry, by their names and shapes."""
    flows = [f"{name} {registry.once(name, _hash)}" for name in sorted(registry.flows)]
    named = "\n".join([*flows, "", *sorted(registry.nodes)])
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _hash(flow: Flow[Any, Any], name: str) -> str:
    try:
        return Definition(Program(flow, name)).hash
    except FlowError:  # whoever starts it is told
        return ""


def drain_key(worker: int) -> str:
    """The key of the record that has a worker drain."""
    return f"worker:{worker}"


def serving(workers: Iterable[WorkerRow], queue: str) -> Sequence[WorkerRow]:
    """The living workers that take runs of that queue."""
    return [row for row in workers if not (row.gone or row.lost) and about_of(row).serves(queue)]
