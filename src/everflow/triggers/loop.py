"""Triggers in a process that works: a thread beside an engine's own, which knows nothing of it.

Laws: it fires by the calls that anybody has, so that it may be in any process of a store, or in
several, or in none for a while. A store that is away is waited for; nothing else ends the thread
but its end.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from everflow.engine.faces.engine import Engine
from everflow.errors import EverflowError
from everflow.triggers.book import TriggerBook
from everflow.triggers.decisions import Decision, DecisionLine, DecisionQuery, decision_lines
from everflow.triggers.firing import Firing
from everflow.triggers.log import Activities, Appended
from everflow.triggers.preview import preview
from everflow.triggers.spec import Trigger

__all__ = ["Triggers"]

_log = logging.getLogger("everflow.triggers")
IDLE = 1.0  # seconds after which is looked, whatever the store says
PATIENCE = 1.0  # seconds until a store is asked again that was away


class Triggers:
    """Fires a store's triggers beside an engine: ``with Triggers(engine, triggers) as t: ...``.

    The engine runs already. ``triggers`` are written to the store, where their declaration is new
    or has changed. Also for ``async with``.
    """

    def __init__(self, engine: Engine, triggers: Iterable[Trigger] = ()) -> None:
        self._engine = engine
        self._declared = list(triggers)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._turn = threading.Lock()
        self._version = -1
        self._left = 0.0
        self._due: int | None = None  # when a guard's run is to be looked at

    # --- its life

    def __enter__(self) -> Self:
        client = self._engine.client
        self._firing = Firing(client)
        self.activities = Activities(client, self.stir)
        self.book = TriggerBook(client, self.stir)
        self.book.declare(self._declared)
        self._thread = threading.Thread(target=self._loop, name="everflow-triggers", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)

    # --- what it is asked

    def append(self, activity: object, *, actor: str) -> Appended:
        """Append an activity of a verified actor; see ``Activities.append``."""
        return self.activities.append(activity, actor=actor)

    def test(self, activity: object, *, actor: str) -> list[Decision]:
        """What each trigger would do about an activity that came now; see ``preview``."""
        return preview(self._engine.client, activity, actor)

    def audit(self, **filters: Any) -> list[DecisionLine]:
        """What was decided: by ``activity``, ``no``, ``trigger``, ``actor``, ``run``."""
        return list(decision_lines(self._engine.client.store, DecisionQuery(**filters)))

    def settle(self) -> bool:
        """Decide all that can be decided now; whether there was anything."""
        moved = False
        with self._turn:
            while self._firing.look(every=True):
                moved = True
        return moved

    def stir(self) -> None:
        """Something was appended or changed in this process: look soon."""
        self._version = -1
        self._wake.set()

    # --- inside

    def _loop(self) -> None:
        poll = self._engine.config.poll_s
        before = ""  # what the last look failed of: told once, as an outage may be long
        while not self._closing.is_set():
            try:
                self._look(poll)
            except Exception as error:  # noqa: BLE001 - what it may be, others' activities go on
                self._version = -1
                known = isinstance(error, EverflowError)
                level = logging.DEBUG if str(error) == before else logging.WARNING
                _log.log(level, "triggers wait, and try again: %s", error, exc_info=not known)
                before = str(error)
                self._closing.wait(PATIENCE)
                continue
            before = ""
            self._wake.wait(poll)
            self._wake.clear()

    def _look(self, poll: float) -> None:
        """Look, if somebody wrote since or it is time to."""
        version = self._engine.client.store.version()
        self._left -= poll
        now = self._engine.client.clock.wall()
        due = self._due is not None and self._due <= now
        if version == self._version and self._left > 0 and not due:
            return
        self._version, self._left = version, IDLE
        with self._turn:
            moved = True
            while moved and not self._closing.is_set():
                moved = self._firing.look()
            self._due = self._firing.next_due()
