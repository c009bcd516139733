"""Twins: a body in direct style that does by awaiting what a flow of combinators does by itself.

What decides (sequences, branches, loops, tries, retries) is played in Python, by ``if``, ``for``,
``while`` and ``try``. What goes on concurrently stays the algebra's, with the body itself in it
again; leaves, and what has no twin, are awaited. So whatever holds of a flow must hold of its twin:
the same end and the same effects, wherever it crashes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from everflow.core.algebra import const
from everflow.core.combine.body import body_of
from everflow.core.combine.choice import branch
from everflow.core.combine.control import Retry
from everflow.core.combine.parallel import Parallel
from everflow.core.combine.sequence import identity
from everflow.core.definition import Definition
from everflow.core.direct import step
from everflow.core.expressions import it
from everflow.core.faults import Caught, Failure
from everflow.core.flow import Flow, Site
from everflow.core.program import Program
from everflow.errors import StepFailed

__all__ = ["play", "twin_of"]

_PROGRAMS: dict[str, Program] = {}
_TRUE: Flow[Any, bool] = branch(identity, const(1), const(0)) >> (it == 1)  # as runs take truth


def twin_of(flow: Flow[Any, Any], value: Any) -> tuple[str, str, Any]:
    """What ``play`` is to be given to do what the flow does with a value, in this process."""
    program = Program(flow)
    name = Definition(program).hash
    _PROGRAMS[name] = program
    return name, ".", value


async def play(given: tuple[str, str, Any]) -> Any:
    """The body. It gets a flow's name, a position in it, and the value there: see ``twin_of``."""
    name, position, value = given
    return await _play(name, _PROGRAMS[name].sites[position], value)


_BODY = body_of(play)


async def _play(name: str, site: Site, value: Any) -> Any:
    player = _PLAYERS.get(site.flow.kind)
    if player is None:
        return await step(site.flow, value)
    return await player(name, site, value)


async def _identity(_name: str, _site: Site, value: Any) -> Any:
    return value


async def _sequence(name: str, site: Site, value: Any) -> Any:
    for _, part in site.order:
        value = await _play(name, part, value)
    return value


async def _branch(name: str, site: Site, value: Any) -> Any:
    if await step(_TRUE, await _play(name, site.kids["if"], value)):
        return await _play(name, site.kids["then"], value)
    return await _play(name, site.kids["else"], value)


async def _loop(name: str, site: Site, value: Any) -> Any:
    while True:
        value = await _play(name, site.kids["body"], value)
        if await step(_TRUE, await _play(name, site.kids["until"], value)):
            return value


async def _unless_failed(name: str, site: Site, value: Any) -> Any:
    return value if isinstance(value, Failure) else await _play(name, site.kids["body"], value)


async def _keep(name: str, site: Site, value: Any) -> Any:
    return value, await _play(name, site.kids["body"], value)


async def _try_catch(name: str, site: Site, value: Any) -> Any:
    try:
        return await _play(name, site.kids["body"], value)
    except StepFailed as failed:
        return await _play(name, site.kids["catch"], Caught(failed.error, value))


async def _retry(name: str, site: Site, value: Any) -> Any:
    retry = site.flow
    if not isinstance(retry, Retry) or retry.backoff is not None or retry.on:
        return await step(retry, value)
    attempt = 1
    while True:
        try:
            return await _play(name, site.kids["body"], value)
        except StepFailed as failed:
            if attempt >= retry.most or not failed.error.retry:
                raise
        attempt += 1


async def _parallel(name: str, site: Site, value: Any) -> Any:
    flow = site.flow
    if not isinstance(flow, Parallel) or flow.ticks == "split" or flow.then is not None:
        return await step(flow, value)
    parts = ((key, step(_BODY, (name, kid.position, value))) for key, kid in site.order)
    return await Parallel(tuple(parts), flow.form, flow.policy, flow.ticks)


_PLAYERS: dict[str, Callable[[str, Site, Any], Awaitable[Any]]] = {
    "branch": _branch,
    "identity": _identity,
    "keep": _keep,
    "loop": _loop,
    "parallel": _parallel,
    "retry": _retry,
    "sequence": _sequence,
    "try_catch": _try_catch,
    "unless_failed": _unless_failed,
}
