"""The people outside: they start, answer and cancel, twice, late, early and at once.

What they are told is held against what was so just before, and kept: at the end everything that was
acknowledged must be in the journals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from everflow.core.flow import Flow
from everflow.core.values import encode
from everflow.engine.asking.client import Client
from everflow.engine.given.replies import Reply
from everflow.engine.given.taken import Taken
from everflow.engine.records.queues import InQueue
from everflow.errors import AlreadyDone, CallerError, RunCancelled, RunFailed, StoreError
from everflow.store import OUTCOMES, Answer, QuestionQuery, QuestionRow, RunQuery, RunRow, Status
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.ledger import Ledger
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.untrue import claim

__all__ = ["People", "Told", "may_answer"]

QUEUED = 0.8  # of the starts, where there are queues
KEYS = 3  # of starts and of answers: few, so that they meet
Address = tuple[int, str, int]  # run number, tag, occurrence


def may_answer(run: RunRow) -> bool:
    """Whether its open questions take answers: after a cancel, those of what undoes alone."""
    return not run.cancel or run.status is Status.CANCELLING


@dataclass
class Told:
    """What was sent to one question, by key, and the keys that were told that they answered it.

    A failure closes a question with its answer unapplied, and a retry asks it again: what was
    ``accepted`` is of one generation of the run.
    """

    sent: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted: set[str] = field(default_factory=set)
    generation: int = 0

    def accept(self, key: str, generation: int) -> None:
        """That key was told so."""
        if generation > self.generation:
            self.generation, self.accepted = generation, set()
        self.accepted.add(key)

    def possible(self) -> set[str]:
        """The payloads that may be the answer."""
        keys = self.accepted or self.sent.keys()
        return {payload for key in keys for payload in self.sent[key]}


class People:
    """``acknowledged`` are the runs that a start was told of: id -> the payload it was given."""

    def __init__(
        self,
        base: MemoryStore,
        ledger: Ledger,
        subjects: list[Subject],
        flows: Mapping[str, Flow[Any, Any]],
        queues: Iterable[str] = (),
    ) -> None:
        self.acknowledged: dict[str, str] = {}
        self.keyed: dict[tuple[str, str], str] = {}
        self.told: dict[Address, Told] = defaultdict(Told)
        self.tagged: dict[tuple[int, str], Told] = defaultdict(Told)
        self.calls = 0
        self._base = base
        self._taken = Taken(base)
        self._ledger = ledger
        self._subjects = {s.flow.name_of_flow: s for s in subjects}
        self._names = list(self._subjects)
        self._flows = flows
        self._queues = sorted(queues)

    def subject(self, flow: str) -> Subject:
        """The subject of a flow; of one that is only called, with answers by their schemas."""
        known = self._subjects.get(flow)
        return Subject(self._flows[flow], drawn=True) if known is None else known

    def start(self, client: Client, pick: int, dice: Random) -> str:
        """Start a run, some with a key that another start had."""
        subject = self._subjects[self._names[pick % len(self._names)]]
        name = subject.flow.name_of_flow
        value = dice.choice(list(subject.inputs))
        key = f"key {dice.randrange(KEYS)}" if dice.random() < 0.4 else None  # noqa: PLR2004 - a share of all draws
        payload = encode(value, client.registry.types)
        before = self._base.count(RunQuery())
        try:
            row = client.start(subject.flow, value, key=key, **self._place(dice))
        except StoreError as error:
            self._at_most_one_more(before)
            return f"{name} wasn't started: {error.code}"
        self._at_most_one_more(before)
        found = self._base.find(row.id)
        claim(found is not None, "an acknowledged start is there", row.id)
        if key is not None:
            first = self.keyed.setdefault((name, key), row.id)
            claim(first == row.id, "the same key gives the same run", (name, key))
        else:
            claim(row.id not in self.acknowledged, "another start is another run", row.id)
            self.acknowledged[row.id] = payload
        return f"{name} was started as run {row.no}"

    def _place(self, dice: Random) -> InQueue:
        """Where a start waits for its turn, if there are queues."""
        if not self._queues or dice.random() >= QUEUED:
            return {}
        lane, priority = dice.choice("abc"), dice.choice((0, 0, 0, 5))
        return {"queue": dice.choice(self._queues), "lane": lane, "priority": priority}

    def _at_most_one_more(self, before: dict[Status, int]) -> None:
        more = sum(self._base.count(RunQuery()).values()) - sum(before.values())
        claim(more in {0, 1}, "a start makes at most one run", more)

    # --- answers

    def answer(self, client: Client, pick: int, dice: Random) -> str:
        """Answer some question, open or closed, with a key that may have been used before."""
        questions = self._base.questions(QuestionQuery(open_only=False, limit=1000))
        questions = [q for q in questions if q.state != "kept"]
        if not questions:
            return "there is nothing to answer"
        fresh = [q for q in questions if q.state == "open"]
        late = [q for q in fresh if q.due is not None and q.due <= self._ledger.clock.wall()]
        if late and dice.random() < 0.7:  # noqa: PLR2004 - a share of all draws
            fresh = late
        if fresh and dice.random() < 0.7:  # noqa: PLR2004 - a share of all draws
            questions = fresh
        question = questions[pick % len(questions)]
        return self.answer_to(client, question, f"answer {dice.randrange(KEYS)}", dice)

    def answer_to(self, client: Client, question: QuestionRow, key: str, dice: Random) -> str:
        """Answer that question, and hold the reply against the facts."""
        schema = self._taken.schema(question.definition, question.position, question)
        value = self.subject(question.flow).answer(question.tag, dice, schema)
        payload = encode(value, client.registry.types)
        token = f"{question.run}.{question.tag}.{question.occurrence}"
        told = self.told[question.no, question.tag, question.occurrence]
        run = self._base.rows([question.no])[0]
        before = set(told.sent)
        told.sent[key].add(payload)
        said = f"{token} answered with {payload} ({key})"
        try:
            reply = client.answer(token, value, key=key)
        except StoreError as error:
            return f"{said}: unclear, {error.code}"
        except CallerError as error:
            self._check_ended(error, run)
            return f"{said}: {error.code}"
        self._check_reply(reply, told, question, run, key, before)
        if reply is Reply.ANSWERED:
            told.accept(key, run.generation)
            claim(len(told.accepted) == 1, "a suspension takes one answer", token)
        return f"{said}: {reply}"

    def _check_reply(
        self,
        reply: Reply,
        told: Told,
        question: QuestionRow,
        run: RunRow,
        key: str,
        before: set[str],
    ) -> None:
        where = (question.run, question.tag, question.occurrence, reply, question.state)
        if reply is Reply.ANSWERED:
            holds = key in before or (question.state == "open" and may_answer(run))
            claim(holds, "an answer is accepted only while its question is open", where)
        elif reply is Reply.ALREADY_ANSWERED:
            others = [other for other in before if other != key]
            early = self.tagged[question.no, question.tag].sent
            claim(bool(others or early), "already answered is told only if another was", where)
        elif reply is Reply.EXPIRED:
            claim(question.state == "expired" and not told.accepted, "expired is true", where)
        else:
            gone = question.state == "cancelled" or run.cancel or run.status is Status.CANCELLED
            claim(gone and not told.accepted, "cancelled is true", where)

    def answer_early(self, client: Client, pick: int, dice: Random) -> str:
        """Answer by tag, before the question or when it is open, some with a key used before."""
        rows = self._base.runs(RunQuery(limit=1000))
        rows = [row for row in rows if self.subject(row.flow).early]
        if not rows:
            return "there is nothing to answer early"
        run = rows[pick % len(rows)]
        subject = self.subject(run.flow)
        tag = dice.choice(list(subject.early))
        value = subject.answer(tag, dice, self._taken.table(run.definition).get(tag))
        key = f"early {dice.randrange(KEYS)}"
        told = self.tagged[run.no, tag]
        before = set(told.sent)
        rows_of_tag = self._base.questions(QuestionQuery(no=run.no, tag=tag, open_only=False))
        told.sent[key].add(encode(value, client.registry.types))
        said = f"{tag} of run {run.no} answered by tag with {value!r} ({key})"
        try:
            reply = client.resume(run.id, value, tag=tag, key=key)
        except StoreError as error:
            return f"{said}: unclear, {error.code}"
        except CallerError as error:
            self._check_ended(error, run)
            return f"{said}: {error.code}"
        self._check_by_tag(reply, told, rows_of_tag, key, before)
        return f"{said}: {reply}"

    def _check_by_tag(
        self, reply: Reply, told: Told, rows: list[QuestionRow], key: str, before: set[str]
    ) -> None:
        """A key is accepted once for its tag, and one answer at most is kept."""
        keys = [row.key for row in rows if row.key is not None]
        states = [row.state for row in rows]
        where = (key, reply, keys, states)
        if reply is Reply.ANSWERED:
            claim(states.count("open") <= 1 or key in keys, "no question is guessed at", where)
            claim("kept" not in states or key in keys, "one early answer is kept", where)
            claim(key in keys or key not in told.accepted, "an accepted key is remembered", where)
            told.accepted.add(key)
        elif reply is Reply.ALREADY_ANSWERED:
            claim("kept" in states or bool(before), "already answered is true", where)
            claim(key not in told.accepted, "the same key gets the same reply", where)

    # --- cancels

    def cancel(self, client: Client, pick: int) -> str:
        """Cancel some run, ended or not."""
        rows = self._base.runs(RunQuery(limit=1000))
        if not rows:
            return "there is nothing to cancel"
        run = rows[pick % len(rows)]
        try:
            client.cancel(run.id)
        except StoreError as error:
            return f"the cancel of run {run.no} is unclear: {error.code}"
        except CallerError as error:
            self._check_ended(error, run)
            return f"run {run.no} can't be cancelled: {error.code}"
        claim(
            run.status not in OUTCOMES or run.status is Status.CANCELLED,
            "a cancel that comes too late is told so",
            (run.no, run.status),
        )
        self._ledger.cancelled.add(run.no)
        return f"run {run.no} was cancelled"

    def _check_ended(self, error: CallerError, run: RunRow) -> None:
        """A refusal names what is so."""
        told = {AlreadyDone: Status.DONE, RunFailed: Status.FAILED}.get(type(error))
        if told is not None:
            claim(run.status is told, "a refusal is true", (run.no, error.code, run.status))
        if isinstance(error, RunCancelled):
            gone = run.cancel or run.status is Status.CANCELLED
            claim(gone, "a refusal is true", (run.no, error.code, run.status))

    # --- at the end

    def check_kept(self) -> None:
        """Everything that was acknowledged is in the journals, once."""
        for run, payload in self.acknowledged.items():
            row = self._base.find(run)
            claim(row is not None, "an acknowledged start is never lost", run)
            if row is not None:
                first = self._ledger.journals[row.no][0]
                claim(first.payload == payload, "a run has the input it was started with", run)
        for address, told in self.told.items():
            self._check_answer(address, told)
        for (no, tag), told in self.tagged.items():
            self._check_tag(no, tag, told)

    def _check_tag(self, no: int, tag: str, told: Told) -> None:
        """Each key of a tag is one question's at most, and what was accepted is nowhere lost."""
        rows = self._base.questions(QuestionQuery(no=no, tag=tag, open_only=False))
        keys = [row.key for row in rows if row.key in told.sent]
        claim(len(keys) == len(set(keys)), "an answer by tag is taken once", (no, tag, keys))
        claim(told.accepted <= set(keys), "an acknowledged answer is never lost", (no, tag, keys))

    def _check_answer(self, address: Address, told: Told) -> None:
        no, tag, occurrence = address
        found = self._base.questions(
            QuestionQuery(no=no, tag=tag, occurrence=occurrence, open_only=False)
        )
        if not found:
            return
        row = self._base.rows([no])[0]
        if row.generation and found[0].state == "answered":
            return  # a retry asks the same op anew, under another occurrence
        entries = [e for e in self._ledger.journals[no] if e.op == found[0].op]
        answers = [e.payload for e in entries if e.kind == "answer"]
        claim(len(answers) <= 1, "an answer is applied once", address)
        tagged = self.tagged[no, tag].sent.get(found[0].key or "", ())
        for payload in answers:
            known = payload in told.possible() or payload in tagged
            claim(known, "the accepted answer is the applied one", (address, payload))
        if told.accepted and not answers:
            closer = self._ledger.closers.get((no, found[0].op))
            arrivals = self._base.load([no])[0].arrivals  # of a paused run, they wait
            if closer is None and any(_is_for(a.message, tag, occurrence) for a in arrivals):
                return
            claim(closer is not None, "an acknowledged answer is never lost", address)
            if closer is not None:
                own = closer.op == found[0].op.replace("@question", "@deadline")
                claim(not own, "a deadline never beats an accepted answer", (address, closer))


def _is_for(message: object, tag: str, occurrence: int) -> bool:
    """Whether it answers that question."""
    return isinstance(message, Answer) and (message.tag, message.occurrence) == (tag, occurrence)
