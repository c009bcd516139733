"""Calls of a peer in another process, signed and durable on both sides, beside plain requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import msgspec

from bench.goals import Goal, Workload
from bench.peers import HOST, Sides, now, sides
from bench.scene import PATIENCE, Figures, Scene, clock
from everflow import Engine, Registry, Run, flow, remote_node
from everflow.federation import Identity
from everflow.federation.words import Ask
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.signatures import rfc9421

__all__ = ["WORKLOADS"]

AT_ONCE = 100  # as many as a courier has under way
VALUE = {"title": "x" * 100, "n": 1}
FAR = 1 << 60
Sign = Callable[[Message], dict[str, str]]


def measure(scene: Scene) -> Figures:
    """Plain requests, signed requests, and runs of one remote call each, by the same two servers.

    The plain ones pass the same client, server and application and carry the same bytes.
    """
    many = scene.many(1_000, 40)
    registry = Registry()
    flow("bench_remote", remote_node("callee", "bench_echo"), registry=registry)
    with sides(scene, registry) as both:
        plain = _requests(both, "open", many, None)
        signed = _requests(both, "proven", many, partial(_signed, both.own))
        started = partial(_calls, both.engine)
        started(scene.many(100, 4))
        calls = many / clock(lambda: started(many))
    return {"plain": plain, "signed": signed, "calls": calls}


def _calls(engine: Engine, many: int) -> None:
    runs: list[Run[Any]] = engine.start_all("bench_remote", [VALUE] * many)
    for run in runs:
        if run.result(PATIENCE) != VALUE:
            raise AssertionError("a call gave something else")


def _requests(both: Sides, path: str, many: int, sign: Sign | None) -> float:
    """Requests a second, so many at once as a courier has."""
    body = msgspec.json.encode(
        Ask(function="bench_echo", input=msgspec.Raw(msgspec.json.encode(VALUE)), expires=FAR)
    )
    headers = (("content-type", "application/json"),)
    made = (Message("PUT", f"{both.callee}/plain/{path}/{no:026}", headers, body) for no in count())

    async def sender(client: Outside, each: int) -> None:
        for _ in range(each):
            reply = await client.send(next(made), sign=sign)
            if reply.status != 200:
                raise AssertionError(f"a request was answered {reply.status}")

    async def all_of_them() -> float:
        async with Outside(Policy(allow=(HOST,), redirects=0)) as client:
            await asyncio.gather(*(sender(client, 1) for _ in range(AT_ONCE)))
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await asyncio.gather(*(sender(client, many // AT_ONCE or 1) for _ in range(AT_ONCE)))
            return loop.time() - begun

    return max(many, AT_ONCE) / asyncio.run(all_of_them())


def _signed(own: Identity, message: Message) -> dict[str, str]:
    nonce = message.url[-26:]
    return rfc9421.sign(message, own.key, key_id=own.key_id, now=now(), nonce=nonce)


WORKLOADS = [
    Workload(
        "remote",
        measure,
        (
            Goal("unsigned requests, 100 at once", "plain", "1/s", None),
            Goal("the same, signed and verified", "signed", "1/s", None, over="plain"),
            Goal("remote calls, durable on both sides", "calls", "1/s", None, over="plain"),
        ),
    ),
]
