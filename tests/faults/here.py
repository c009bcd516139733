"""A worker in the caller's thread: a real scheduler takes turns until nothing is left to do."""

from __future__ import annotations

from random import Random

from everflow.clock import Clock, SystemClock
from everflow.config import Config
from everflow.core.node import Place
from everflow.core.registry import default_registry
from everflow.engine.asking.client import Client
from everflow.engine.driving.commits import InlineCommitter
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.nodes.attempts import Attempt
from everflow.store import OUTCOMES, QuestionQuery, RunQuery, Store

TURNS = 1000


class Here:
    """Implements ``everflow.engine.nodes.attempts.Pool`` too: what begins is performed at once."""

    def __init__(self, store: Store, config: Config, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self.store = store
        self.scheduler = Scheduler(store, default_registry(), config, clock)
        self.scheduler.pools.update({Place.THREAD: self, Place.LOOP: self})
        self.scheduler.committer = InlineCommitter(
            store, self.scheduler.committed, self.scheduler.commit_failed
        )
        self.client = Client(store, default_registry(), config, clock, Random(1).randbytes)
        self.scheduler.open({})

    def begin(self, attempt: Attempt) -> None:
        end = attempt.callee.perform(attempt.payload, attempt.run)
        self.scheduler.post(self.scheduler.attempt_ended, attempt, end)

    def stop(self, attempt: Attempt) -> bool:
        return False

    def close(self) -> None:
        return

    def rest(self) -> None:
        """Take turns until nothing is going on."""
        self.scheduler.adoption.nudge()
        for _ in range(TURNS):
            self.scheduler.turn()
            if self.scheduler.idle:
                return
        raise AssertionError(f"{TURNS} turns, and no rest")

    def finish(self, answer: object) -> None:
        """Execute every run to its end, giving that answer to each open question."""
        for _ in range(TURNS):
            self.rest()
            asked = self.store.questions(QuestionQuery())
            for question in asked:
                self.client.resume(question.run, answer)
            rows = self.store.runs(RunQuery(limit=10_000))
            if all(row.status in OUTCOMES for row in rows):
                return
        raise AssertionError(f"stuck: {self.store.count(RunQuery())}")
