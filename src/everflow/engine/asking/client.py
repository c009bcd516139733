"""The client: everything that a process may ask of a store without executing anything.

Every call is a transaction on the caller's thread (see ``intake``). An engine is a client that
executes too: it gives its worker as the owner of what it starts, and is told of what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import msgspec

from everflow.clock import Clock
from everflow.config import Config
from everflow.core.definition import Definition
from everflow.core.entries import Entry, Kind, row_of
from everflow.core.flow import Flow
from everflow.core.queueing import Turn
from everflow.core.registry import Registry
from everflow.core.schemas import check
from everflow.core.values import parse, untagged
from everflow.engine.asking.signalling import Signals
from everflow.engine.cells.loader import Definitions
from everflow.engine.cells.tenures import Leases
from everflow.engine.given.ids import Random, new_key, new_run_id
from everflow.engine.given.inputs import (
    durable_names,
    input_readers,
    payload_given,
    read_today,
    require_taken,
)
from everflow.engine.given.replies import REPLIES, Reply, not_asked, split_token
from everflow.engine.given.taken import Taken
from everflow.engine.operating.erasing import erase
from everflow.engine.operating.intake import Group
from everflow.engine.operating.operator import Operator
from everflow.engine.records.currents import input_checks, require_current
from everflow.engine.records.debounce import dropped
from everflow.engine.records.queues import InQueue, Queues
from everflow.errors import (
    AmbiguousAnswer,
    AnswerRefused,
    NoSuchFlow,
    NotAFlow,
    NotWaiting,
    StoreUnavailable,
    WrongArgument,
)
from everflow.store import (
    Answer,
    Cancel,
    Early,
    Message,
    NewRun,
    QuestionRow,
    RunRow,
    Status,
    Store,
    Verdict,
)

__all__ = ["Client", "Started"]

LONGEST_KEY = 512
NOWHERE = 0  # occurrences count from 1
Started = tuple[RunRow, Definition, NewRun, str]


class Client(Operator):
    """Starts, answers, cancels and looks. ``owner`` gives (worker, next run number) or zeros.

    ``admit`` raises for a definition that can't be run here.
    """

    def __init__(  # noqa: PLR0913 - the seams of a process
        self,
        store: Store,
        registry: Registry,
        config: Config,
        clock: Clock,
        random: Random,
        *,
        durable: bool = True,
        admit: Callable[[Definition], None] = lambda _: None,
        owner: Callable[[], tuple[int, int]] = lambda: (0, 0),
        started: Callable[[Sequence[Started]], None] | None = None,
        nudge: Callable[[], None] | None = None,
        unclear: Callable[[], None] | None = None,
        leases: Leases | None = None,
    ) -> None:
        super().__init__(store, nudge, registry, config, clock, random, leases)
        self.definitions = Definitions(store, registry)
        self._durable = durable
        self._admit = admit
        self._owner = owner
        self._started = started
        self._unclear = unclear
        self.queues = Queues(store, clock, nudge)
        self._known: set[str] = set()  # definitions that this client wrote
        self._checked: dict[str, Sequence[Callable[[str], object]]] = {}  # what may be started
        self._taken = Taken(store)
        self._start = Group(self._send_starts, config.batch)
        self.accept = Group[Message, Verdict](self._send_messages, config.batch)
        self._signals = Signals(store, clock, self.accept, self._fitting)

    # --- starting

    def start(
        self,
        flow: Flow[Any, Any] | str,
        value: Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> RunRow:
        """Start a run; it is durable when this returns. The same key gives the same run."""
        debounce = place.pop("debounce", None)
        prepared = self.prepare(*self.known_as(flow), value, key, labels, place)
        row = self._start(prepared) if debounce is None else self._put_off(prepared, debounce)
        return self.safe(row)

    def start_all(
        self,
        flow: Flow[Any, Any] | str,
        values: Sequence[Any],
        *,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> list[RunRow]:
        """Start a run with these labels for each value, in few transactions."""
        if not values:
            return []
        known = self.known_as(flow)
        prepared = [self.prepare(*known, value, None, labels, place) for value in values]
        return [self.safe(row) for row in self._start.all(prepared)]

    def definition(self, flow: Flow[Any, Any] | str) -> Definition:
        """The definition that a start takes, that which a worker last had where none is known here.

        Checks that another process could run it.
        """
        return self.known_as(flow)[0]

    def known_as(self, flow: Flow[Any, Any] | str) -> tuple[Definition, str]:
        """The same, and the queue in which runs of the flow wait if their start says none."""
        if isinstance(flow, str) and flow not in self.registry.flows:
            return self._recorded(flow)
        if isinstance(flow, str):
            name, given = flow, self.registry.flow(flow)
        elif isinstance(flow, Flow):
            name, given = flow.name_of_flow, flow
        else:
            raise NotAFlow(
                f"{flow!r:.80} isn't a flow", hint='make one: flow("name", first >> second)'
            )
        if not name:
            raise NoSuchFlow("a flow needs a name to be started", hint='name it: flow("name", ...)')
        definition = self.definitions.of_flow(name, given)
        if definition.hash not in self._checked:
            if self._durable:
                durable_names(definition)
            self._admit(definition)
            self._checked[definition.hash] = input_readers(definition, self.registry.types)
        return definition, given.queue_of_flow

    def _recorded(self, name: str) -> tuple[Definition, str]:
        current = require_current(self.store, name, self.registry.flows)
        definition = self.definitions.pinned(current.definition)
        if not definition.missing:
            self._admit(definition)
        self._checked[definition.hash] = input_checks(current)
        return definition, current.queue

    def prepare(
        self,
        definition: Definition,
        queue: str,
        value: Any,
        key: str | None,
        labels: Mapping[str, str] | None,
        place: Turn,
    ) -> tuple[NewRun, Definition, str]:
        """A run that is to be started, its definition, and its input."""
        payload = payload_given(value, self.registry.types, self._config.value_limit)
        self.check_input(definition, payload)
        now = self.clock.wall()
        run_id = new_run_id(now, self.random)
        entry = Entry(0, now, Kind.START, "", payload, definition.hash, note=run_id)
        _, _, body, checksum = row_of(0, entry)
        new = NewRun(
            id=run_id,
            flow=definition.program.name,
            definition=definition.hash,
            body=body,
            sum=checksum,
            at=now,
            key=None if key is None else self._key(key),
            labels=dict(labels or {}),
            leased=self.is_leased(definition.program.name),
        )
        if place or queue:
            self.queues.put_in(new, place, queue)
        return new, definition, payload

    def check_input(self, definition: Definition, payload: str) -> None:
        """InputRefused for an input that the first nodes don't take."""
        require_taken(payload, self._checked[definition.hash], definition.program.name)

    def _send_starts(self, items: Sequence[tuple[NewRun, Definition, str]]) -> list[RunRow]:
        owned = []
        for new, definition, _ in items:
            if not (new.no or new.queue or new.leased or definition.missing):
                new.owner, new.no = self._owner()
                new.status = Status.RUNNING if new.owner else Status.QUEUED
            owned.append(new)
        fresh = {d.hash: d.body for _, d, _ in items if d.hash not in self._known}
        try:
            rows = self.store.start(owned, list(fresh.items()))
        except StoreUnavailable:
            if self._unclear is not None:  # they may be there, and this worker's own
                self._unclear()
            raise
        self._known.update(fresh)
        if self._started is not None:
            given = zip(rows, items, strict=True)
            self._started([(row, d, new, p) for row, (new, d, p) in given if row.id == new.id])
        return rows

    # --- answers and cancels

    def answer(self, token: str, value: Any, *, key: str | None = None, by: str = "") -> Reply:
        """Answer one question by its token; say truthfully what became of that."""
        row, question = self._asked([token])[0]
        return self._reply(row, self.accept(self._answer(row, question, value, key, by)))

    def answer_all(self, answers: Sequence[tuple[str, Any]], *, by: str = "") -> list[Reply]:
        """Answer the question of each token, in few transactions; say what became of each.

        Raises as ``answer`` does for the first that can't be answered, and then accepts none; but
        for a run that ends meanwhile, of which is told after the others were accepted.
        """
        asked = self._asked([token for token, _ in answers])
        messages = [
            self._answer(row, question, value, None, by)
            for (row, question), (_, value) in zip(asked, answers, strict=True)
        ]
        verdicts = self.accept.all(messages)
        return [
            self._reply(row, verdict) for (row, _), verdict in zip(asked, verdicts, strict=True)
        ]

    def _asked(self, tokens: Sequence[str]) -> list[tuple[RunRow, QuestionRow]]:
        """The runs and questions of tokens; raises for the first that isn't there."""
        asked, size = [], self._config.batch
        places = [split_token(token) for token in tokens]
        for first in range(0, len(places), size):
            group = places[first : first + size]
            for place, (row, question) in zip(group, self.store.asked(group), strict=True):
                run, tag, occurrence = place
                if row is None or question is None:
                    self._refuse_if_ended(self.row(run))
                    raise not_asked(run, tag, occurrence)
                asked.append((row, question))
        return asked

    def resume(
        self, run: str, value: Any, *, tag: str | None = None, key: str | None = None, by: str = ""
    ) -> Reply:
        """Answer the run's only open question, or its only one of that tag.

        An answer by tag that comes before its question is kept for it, where the definition has the
        tag; one at most is. The same key again gets the same reply, whatever was asked since.
        Raises AmbiguousAnswer when several questions match, NotWaiting when none can.
        """
        row = self.row(run)
        found = self.open_questions(row.no, tag)
        undoing = row.status is Status.CANCELLING and bool(found)
        if tag is None or key is None:
            self._refuse_if_ended(row, undoing=undoing)
        alone = found[0] if len(found) == 1 else None
        if tag is None and alone is None:
            if not found and row.status is Status.SUSPENDED:
                return Reply.ALREADY_ANSWERED  # all it asked is answered, and not applied yet
            raise self._unplaced(row, tag)
        message = self._by_tag(row, alone, str(tag), value, key, by)
        verdict = self.accept(message)
        if verdict is not Verdict.REPEATED:
            self._refuse_if_ended(row, undoing=undoing)
        if verdict in {Verdict.AMBIGUOUS, Verdict.NOT_WAITING}:
            raise self._unplaced(row, message.tag)
        return self._reply(row, verdict)

    def _by_tag(
        self, row: RunRow, seen: QuestionRow | None, tag: str, value: Any, key: str | None, by: str
    ) -> Early:
        """An answer by tag: to the question that was seen, or for one that is still to come."""
        kept = None if tag in self._taken.tags(row.definition) else NOWHERE
        return Early(
            no=row.no,
            tag=seen.tag if seen else tag,
            payload=self._fitting(row, seen.position if seen else tag, value, seen),
            key=self._key(key),
            at=self.clock.wall(),
            by=by,
            seen=seen.occurrence if seen else kept,
        )

    def _unplaced(self, row: RunRow, tag: str | None) -> AmbiguousAnswer | NotWaiting:
        """Why an answer has no question, or has several."""
        found = self.open_questions(row.no, tag)
        if len(found) > 1:
            tokens = ", ".join(f"{row.id}.{q.tag}.{q.occurrence}" for q in found[:10])
            said = f"{len(found)} questions of the run match"
            return AmbiguousAnswer(said, run=row.id, hint=f"name one: {tokens}")
        return NotWaiting(
            f"the run doesn't wait for {'an answer' if tag is None else repr(tag)} now",
            run=row.id,
            flow=row.flow,
            hint=f"the tags of its flow: {self._taken.told(row.definition)}; it is {row.status}",
        )

    def cancel(self, run: str, *, by: str = "") -> None:
        """Have a run end; once this returns no other outcome is possible. Repeating is no error."""
        row = self.row(run)
        if row.no == 0 and dropped(self.store, run, self.clock.wall()):
            return  # it was still to begin
        verdict = self.accept(Cancel(no=row.no, at=self.clock.wall(), by=by))
        self._reply(row, verdict)
        if by and verdict is Verdict.ACCEPTED:
            self.record("cancel", row, by)

    def erase(self, run: str, *, by: str = "") -> bool:
        """Destroy an ended run's key, and so its data; False when that was done already."""
        return erase(self.store, self.row(run), at=self.clock.wall(), by=by)

    def signal(
        self, run: str, name: str, value: Any = None, *, key: str | None = None, by: str = ""
    ) -> None:
        """Send a named message to a run, which takes it when it comes to ``receive(name)``."""
        self.safe(self._signals.send(self.row(run), name, value, self._key(key), by))

    def _answer(
        self, row: RunRow, question: QuestionRow, value: Any, key: str | None, by: str
    ) -> Answer:
        return Answer(
            no=row.no,
            tag=question.tag,
            occurrence=question.occurrence,
            payload=self._fitting(row, question.position, value, question),
            key=self._key(key),
            at=self.clock.wall(),
            by=by,
        )

    def _reply(self, row: RunRow, verdict: Verdict) -> Reply:
        self.safe(row)
        reply = REPLIES.get(verdict)
        if reply is None:
            self._refuse_if_ended(self.row(row.id))
            raise NotWaiting("the run doesn't wait for that answer", run=row.id)
        return reply

    def _key(self, key: str | None) -> str:
        if key is not None and not 0 < len(key) <= LONGEST_KEY:
            raise WrongArgument(f"a key has 1 to {LONGEST_KEY} characters, not {len(key)}")
        return key if key is not None else new_key(self.random)

    def _send_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        try:
            verdicts = self.store.accept(messages)
        except StoreUnavailable:
            if self._unclear is not None:
                self._unclear()
            raise
        if self._nudge is not None:
            self._nudge()
        return verdicts

    def _fitting(
        self, row: RunRow, place: str, value: Any, question: QuestionRow | None = None
    ) -> str:
        """The payload of an answer that fits the question's schema; ``place``: position or tag."""
        payload = payload_given(value, self.registry.types, self._config.value_limit)
        schema = self._taken.schema(row.definition, place, question)
        problem = check(untagged(parse(payload)), schema) if schema else None
        today = self.definitions.today(row.flow) if problem is not None else None
        if problem is not None and not read_today(today, place, payload, self.registry.types):
            raise AnswerRefused(
                f"the answer doesn't fit the question: {problem}",
                run=row.id,
                flow=row.flow,
                hint=f"it must fit {msgspec.json.encode(schema).decode()[:500]}",
            )
        return payload
