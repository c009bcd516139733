"""A process of the engine's own, in which nodes with ``process=True`` are run, one at a time.

Two rules hold here. What comes in are names and encoded values: a function is found by importing
its module, and what it needs is made here by the maker's name. And the process never outlives its
engine: it ends when the pipe does, and on Linux the kernel kills it with the thread that made it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import reduce
from importlib import import_module
from queue import SimpleQueue
from typing import Any, BinaryIO

import msgspec

from everflow.core.definition import Definition
from everflow.core.entries import Kind
from everflow.core.faults import encode_error
from everflow.core.flow import Flow
from everflow.core.node import Dependencies, Node, node_of
from everflow.core.program import Program
from everflow.core.registry import Registry, default_registry
from everflow.core.values import Types, decode
from everflow.engine.calling.callee import MISFIT, Callee, Ended
from everflow.engine.calling.noderun import NodeRun, current
from everflow.engine.calling.reify import reify
from everflow.engine.given.dependencies import open_all
from everflow.engine.given.reachable import Place
from everflow.engine.nodes.pools.wire import (
    Ask,
    Begin,
    End,
    Hello,
    Logged,
    Moved,
    Taken,
    read,
    write,
)
from everflow.errors import UnresolvedName

__all__ = ["Host", "find_node", "main"]

PR_SET_PDEATHSIG = 1
ORPHANED = 70


def _found(place: Place) -> Any:
    """The object at a place; None where the module has none."""
    module: Any = import_module(place.module)
    return reduce(lambda thing, name: getattr(thing, name, None), place.qualname.split("."), module)


def _nodes_in(thing: object) -> Mapping[str, Node[Any, Any]]:
    """The nodes that a module's global bears or holds."""
    if isinstance(thing, Registry):
        return thing.nodes
    if isinstance(thing, Node):
        return {thing.name: thing}
    if isinstance(thing, Flow):
        return {node.name: node for node in Definition(Program(thing)).nodes}
    return {}


def find_node(name: str, place: Place) -> Node[Any, Any]:
    """The node of that name, whose function is defined there; UnresolvedName when it isn't."""
    found = _found(place)
    if isinstance(found, Node):
        return found
    if callable(found) and not isinstance(found, type):
        return node_of(found, name=name)
    held = [default_registry(), *vars(sys.modules[place.module]).values()]
    for thing in held:
        node = _nodes_in(thing).get(name)
        if node is not None:
            return node
    raise UnresolvedName(f"the module {place.module} has no node {name!r} that can be found")


class Forwarding(logging.Handler):
    """Sends log records to the engine's process, with the run that is going on here."""

    def __init__(self, send: Callable[[msgspec.Struct], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        run = current.get()
        where = ("", "", "") if run is None else (run.id, run.flow, run.position)
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{logging.Formatter().formatException(record.exc_info)}"
        self._send(Logged(record.name, record.levelno, message, *where))


class Host:
    """Runs what it is asked to. ``send`` tells the engine something."""

    def __init__(self, send: Callable[[msgspec.Struct], None], stack: ExitStack) -> None:
        self._send = send
        self._stack = stack
        self._registry = Registry()
        self._registry.types.retired = default_registry().types.retired
        self._makers: dict[Place, Place] = {}
        self._made: dict[type[Any], Any] = {}
        self._callees: dict[tuple[str, str], tuple[Callee, Dependencies]] = {}
        self.served = 0  # messages that are dealt with

    def hear(self, message: Ask) -> None:
        """Do what a message says; the end of an attempt is told."""
        if isinstance(message, Hello):
            self._makers = dict(message.makers)
            logging.getLogger().addHandler(Forwarding(self._send))
            logging.getLogger().setLevel(message.level)
            self.served += 1
            return
        self._send(Taken())
        end = self._run(message)
        self.served += 1
        self._send(End(end.kind, end.payload, end.ticks, end.note))

    def _run(self, begin: Begin) -> Ended:
        try:
            self._learn(begin.kinds)
            callee, needs = self._callee(begin)
        except Exception as error:  # noqa: BLE001 - whatever an import raises: the code doesn't fit
            return Ended(MISFIT, f"a process of its own can't run it: {error}")
        try:
            callee.given = self._given(needs)
        except Exception as error:  # noqa: BLE001 - whatever a maker raises: a later try may work
            return Ended(Kind.ERROR, encode_error(reify(error, self._types)))
        view = NodeRun(
            begin.run,
            begin.flow,
            begin.op,
            due=begin.due,
            ticks=begin.ticks,
            progress=lambda _run, _at, fraction, text: self._send(Moved(fraction, text)),
        )
        return callee.perform(begin.payload, view)

    @property
    def _types(self) -> Types:
        return self._registry.types

    def _learn(self, kinds: list[tuple[str, Place]]) -> None:
        for name, place in kinds:
            try:
                kind = _found(place)
            except Exception:  # noqa: BLE001 - whatever an import raises: its values don't fit then
                kind = None
            if isinstance(kind, type):
                self._types.add(kind, name)

    def _callee(self, begin: Begin) -> tuple[Callee, Dependencies]:
        known = self._callees.get((begin.node, begin.bound))
        if known is None:
            node = find_node(begin.node, begin.place).copied()
            self._registry.add_node(node)
            node.bound = decode(begin.bound, self._types)
            known = Callee(node, self._types, {}, begin.limit), node.dependencies
            self._callees[begin.node, begin.bound] = known
        return known

    def _given(self, needs: Dependencies) -> dict[str, Any]:
        """What the node needs, made at the first need and kept for the life of the process."""
        makers = {_found(kind): maker for kind, maker in self._makers.items()} if needs else {}
        for kind in needs.values():
            if kind not in self._made:
                self._made.update(open_all({kind: _found(makers[kind])}, self._stack))
        return {name: self._made[kind] for name, kind in needs.items()}


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that made it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(ORPHANED)


def _listen(file: BinaryIO, heard: SimpleQueue[Ask | None], host: Host) -> None:
    decoder: msgspec.json.Decoder[Ask] = msgspec.json.Decoder(Ask)
    asked = 0
    while (message := read(file, decoder)) is not None:
        asked += 1
        heard.put(message)
    if host.served != asked:
        os._exit(ORPHANED)  # the engine is gone, and nobody would take the node's result
    heard.put(None)


def main(asks: int, tells: int, parent: int) -> None:
    """Serve until the pipe ends."""
    _die_with(parent)
    heard: SimpleQueue[Ask | None] = SimpleQueue()
    with (
        os.fdopen(asks, "rb") as incoming,
        os.fdopen(tells, "wb") as outgoing,
        ExitStack() as stack,
    ):
        lock = threading.Lock()

        def send(message: msgspec.Struct) -> None:
            with lock:
                write(outgoing, message)

        host = Host(send, stack)
        threading.Thread(target=_listen, args=(incoming, heard, host), daemon=True).start()
        while (message := heard.get()) is not None:
            host.hear(message)
