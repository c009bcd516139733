"""Processes of our own for nodes that ask for one: names and encoded values go in and out.

Three rules hold here. A child runs one attempt at a time, so that killing it harms no other. An
attempt is begun once: when its child dies under it, that is the attempt's error. And each child is
made, and waited for, by a thread that lives as long as it may, since on Linux a child is killed
with the thread that made it (``PR_SET_PDEATHSIG``). A child inherits no file but its two pipes and
the standard ones.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import msgspec

from everflow.core.entries import Kind
from everflow.core.faults import ErrorData, encode_error, error_kinds
from everflow.core.values import Types, encode
from everflow.engine.calling.callee import Ended
from everflow.engine.given.reachable import is_reachable, place_of
from everflow.engine.nodes.attempts import Attempt
from everflow.engine.nodes.pools.wire import (
    Begin,
    End,
    Hello,
    Logged,
    Taken,
    Tell,
    read,
    write,
)
from everflow.errors import ProcessDied

__all__ = ["Child", "ProcessPool"]

Told = Callable[[Attempt, Ended | None], None]
PATIENCE = 2.0  # seconds that a child has to close what it made, once nothing is asked any more
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from everflow.engine.nodes.pools.child import main; main(*map(int, sys.argv[2:]))"
)


class Child:
    """One child process, and the pipes to it."""

    def __init__(self) -> None:
        asks, self_asks = os.pipe()
        self_tells, tells = os.pipe()
        here = os.getcwd()  # noqa: PTH109 - "" in the path, as text
        path = json.dumps([entry or here for entry in sys.path])
        numbers = (str(asks), str(tells), str(os.getpid()))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter, our own words
                [sys.executable, "-c", _BOOT, path, *numbers],
                stdin=subprocess.DEVNULL,
                pass_fds=(asks, tells),
                process_group=0,  # its own: a Ctrl-C at the terminal is the engine's, not its
            )
        finally:
            os.close(asks)
            os.close(tells)
        self._asks = os.fdopen(self_asks, "wb")
        self._tells = os.fdopen(self_tells, "rb")
        self._decoder: msgspec.json.Decoder[Tell] = msgspec.json.Decoder(Tell)
        self.acquainted = 0  # types that the child was told of

    def ask(self, message: msgspec.Struct) -> None:
        """Send a message; OSError when the child is gone."""
        write(self._asks, message)

    def hear(self) -> Tell | None:
        """The next thing that it tells; None when it is gone, or tells what can't be read."""
        try:
            return read(self._tells, self._decoder)
        except msgspec.MsgspecError:
            return None

    def kill(self) -> None:
        """Kill it, and what it started in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self, patience: float) -> int:
        """Have it end by itself, or kill it; give its exit status."""
        with suppress(OSError):
            self._asks.close()
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        self._tells.close()
        return status


class ProcessPool:
    """Nodes in processes of their own, made as they are needed, ``most`` at once."""

    def __init__(
        self, most: int, tell: Told, provide: Mapping[type[Any], Any], types: Types
    ) -> None:
        self._most = most
        self._tell = tell
        self._types = types
        self._makers = [
            (place_of(kind), place_of(maker))
            for kind, maker in provide.items()
            if is_reachable(kind) and is_reachable(maker)
        ]
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        self._seats: list[threading.Thread] = []
        self._running: dict[int, Child | None] = {}
        self._load = 0  # attempts that are waiting or being run
        self._lock = threading.Lock()

    def begin(self, attempt: Attempt) -> None:
        """Run an attempt in a free child."""
        with self._lock:
            self._running[attempt.token] = None
            self._load += 1
            if len(self._seats) < min(self._load, self._most):
                name = f"everflow-process-{len(self._seats)}"
                seat = threading.Thread(target=self._serve, name=name, daemon=True)
                self._seats.append(seat)
                seat.start()
        self._queue.put(attempt)

    def stop(self, attempt: Attempt) -> bool:
        """Kill the child that runs the attempt; its end is told to nobody."""
        with self._lock:
            child = self._running.pop(attempt.token, None)
            if child is not None:
                child.kill()
        return False

    def close(self) -> None:
        """Kill what still runs and let the other children end."""
        with self._lock:
            for child in self._running.values():
                if child is not None:
                    child.kill()
            self._running.clear()
        for _ in self._seats:
            self._queue.put(None)
        for seat in self._seats:
            seat.join(2 * PATIENCE)

    # --- a seat: a thread that has at most one child

    def _serve(self) -> None:
        child: Child | None = None
        while (attempt := self._queue.get()) is not None:
            child = self._attempt(attempt, child)
            with self._lock:
                self._load -= 1
        if child is not None:
            child.end(PATIENCE)

    def _attempt(self, attempt: Attempt, child: Child | None) -> Child | None:
        """Run an attempt in the child, or in a new one; give the child if it may go on."""
        with self._lock:
            if attempt.token not in self._running:
                return child
        end: Ended | None = None
        taken = False
        if child is not None:
            end, taken = self._tried(attempt, child)
            if end is None and not taken:  # it had died before, idle: nothing was begun in it
                child.end(0.0)
        if not taken:
            try:
                child = self._new()
            except OSError as error:
                self._finish(attempt, _died(attempt, f"couldn't be started: {error}", {}))
                return None
            end, _ = self._tried(attempt, child)
        if child is not None and end is None:
            self._finish(attempt, _died(attempt, *_cause(child.end(PATIENCE))))
            return None
        if child is not None and end is not None and not self._finish(attempt, end):
            child.end(0.0)  # it was killed as it told its end
            return None
        return child

    def _tried(self, attempt: Attempt, child: Child) -> tuple[Ended | None, bool]:
        """The attempt's end in that child, if it told one, and whether it was begun there."""
        with self._lock:
            if attempt.token not in self._running:
                child.kill()
                return None, True
            self._running[attempt.token] = child
        try:
            child.ask(self._request(attempt, child))
        except OSError:
            return None, False
        return self._end_of(attempt, child)

    def _new(self) -> Child:
        child = Child()
        level = min(logging.getLogger(name).getEffectiveLevel() for name in ("", "everflow.node"))
        child.ask(Hello(self._makers, level))
        return child

    def _request(self, attempt: Attempt, child: Child) -> Begin:
        callee = attempt.callee
        kinds = self._types.named()
        fresh = [(name, place_of(kind)) for name, kind in kinds[child.acquainted :]]
        child.acquainted = len(kinds)
        bound = encode(callee.bound, self._types)
        where = place_of(callee.fn)
        return Begin(
            callee.name, where, bound, attempt.payload, callee.limit, fresh, *attempt.run.facts
        )

    def _end_of(self, attempt: Attempt, child: Child) -> tuple[Ended | None, bool]:
        """Pass on what the node tells until it ends; no end when its child died."""
        taken = False
        while (told := child.hear()) is not None:
            if isinstance(told, End):
                return Ended(told.kind, told.payload, told.ticks, told.note), True
            if isinstance(told, Taken):
                taken = True
            elif isinstance(told, Logged):
                _log_here(told)
            elif told.fraction < 0:
                attempt.run.heartbeat()
            else:
                attempt.run.progress(told.fraction, told.message)
        return None, taken

    def _finish(self, attempt: Attempt, end: Ended) -> bool:
        """Tell an end, unless the attempt was stopped meanwhile; then give False."""
        with self._lock:
            known = attempt.token in self._running
            self._running.pop(attempt.token, None)
        if known:
            self._tell(attempt, end)
        return known


def _log_here(told: Logged) -> None:
    logger = logging.getLogger(told.logger)
    if logger.isEnabledFor(told.level):
        where = {"run": told.run, "flow": told.flow, "position": told.position}
        logger.log(told.level, "%s", told.message, extra=where)


def _cause(status: int) -> tuple[str, dict[str, Any]]:
    if status >= 0:
        return f"ended itself with status {status}", {"status": status}
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}", {"signal": name}


def _died(attempt: Attempt, how: str, data: dict[str, Any]) -> Ended:
    error = ErrorData(
        type=ProcessDied.__name__,
        message=f"the process that ran {attempt.callee.name} {how}",
        code=ProcessDied.code,
        data=data,
        kinds=error_kinds(ProcessDied),
        position=attempt.run.position,
    )
    return Ended(Kind.ERROR, encode_error(error))
