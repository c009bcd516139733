"""What joins give, and what coroutines give that wait for nothing."""

from __future__ import annotations

from typing import Any

from everflow.core.combine.parallel import Parallel
from everflow.errors import WrongArgument

__all__ = ["awaited", "joined"]


def joined(flow: Parallel, given: dict[str, Any]) -> Any:
    """What a ``parallel`` gives for its children's values."""
    if flow.policy.name == "first":
        return next(iter(given.values()))
    if flow.form == "dict":
        return given
    return list(given.values()) if flow.policy.early else tuple(given.values())


def awaited(coroutine: Any) -> Any:
    """What a coroutine gives that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise WrongArgument("the reference can't wait for the world in an async node")
