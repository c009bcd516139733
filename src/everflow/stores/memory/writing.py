"""Batches, starts and messages: everything that writes history.

What can be refused is looked at before the first write.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from msgspec.structs import asdict, replace

from everflow.errors import Fenced, StoreError
from everflow.store import (
    KEPT,
    ORDERS,
    OUTCOMES,
    SIGNALS,
    Answer,
    Batch,
    Cancel,
    ChildEnded,
    Early,
    Letter,
    Message,
    NewRun,
    Pause,
    Put,
    QuestionOpened,
    QuestionRow,
    Released,
    RunChange,
    RunRow,
    Settled,
    SideRow,
    Signal,
    Status,
    Unpause,
    UpgradeTo,
    Verdict,
    answer_of,
    judge_answer,
    judge_cancel,
    judge_child,
    judge_early,
    judge_pause,
    judge_settled,
    judge_signal,
    judge_unpause,
    judge_upgrade,
    kept_row,
    left_out,
    row_of_new,
    sameness,
    set_aside,
)
from everflow.stores.memory.records import Records
from everflow.stores.memory.tables import copied, locked, wake
from everflow.stores.memory.workers import waits

Plain = Signal | ChildEnded | Cancel | Pause | Unpause  # judged by the run alone, or nearly


class Writing(Records):
    """``append``, ``write``, ``start`` and ``accept``."""

    @locked
    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch, or say again what was refused of the last one."""
        worker = self._workers.get(batch.worker)
        if worker is None or worker.gone or worker.epoch != batch.epoch:
            raise Fenced(f"worker {batch.worker} was deposed", hint="enlist again")
        if batch.number == worker.number and batch.number:
            return list(self._refused[worker.id])
        if batch.number != worker.number + 1:
            raise Fenced(f"batch {batch.number} of worker {worker.id} came after {worker.number}")
        taken = self._taken.get(worker.id, {})
        kept, unwanted = left_out(batch, taken) if taken else (batch, [])
        refused = [*unwanted, *self._write(kept)]
        for released in batch.released:
            taken.pop(released.no, None)
        self.side.extend(copy.deepcopy(side_rows))
        worker.number = batch.number
        self._refused[worker.id] = refused
        self._info.highest = max(self._info.highest, batch.at)
        self._version += 1
        return list(refused)

    def _write(self, batch: Batch) -> list[int]:
        self._define(batch.definitions)
        for no, seq, body, checksum in batch.entries:
            if no in self._runs:
                self._entries[no][seq] = (no, seq, body, checksum)
        for opened in batch.opened:
            if opened.no in self._runs:
                self._open(opened)
        for closed in batch.closed:
            question = self._questions.get((closed.no, closed.tag, closed.occurrence))
            if question is not None and question.state == "open":
                question.state = closed.state
        applied = [self._inbox.pop(id_).message for id_ in batch.arrivals if id_ in self._inbox]
        for opened in batch.opened:
            self._meet(opened)
        seen = {message.no for message in applied if isinstance(message, Cancel)}
        refused = [c.no for c in batch.changes if not self._change(c, batch.at, seen)]
        self._put(batch.puts, batch.at)
        for new in batch.starts:
            if self._find(new) is None:
                self._insert(replace(new, no=0))
        self._deliver([letter for letter in batch.letters if letter.of not in refused])
        self._release(batch.worker, batch.released)
        return refused

    def _release(self, worker: int, released: Sequence[Released]) -> None:
        for given in released:
            run = self._runs.get(given.no)
            if run is not None and run.owner == worker:
                run.owner = 0
                self._bar(worker, given)

    def _bar(self, worker: int, given: Released) -> None:
        """Note that the worker's code doesn't fit the run, if that is why it was released."""
        known = self._unfit.pop(given.no, {})
        if given.code is None:
            self._unfit[given.no] = known
        elif not self._is_ordered(given):
            living = {} if given.anew else {w: code for w, code in known.items() if self._lives(w)}
            self._unfit[given.no] = living | {worker: given.code}

    def _is_ordered(self, given: Released) -> bool:
        """Whether there came an order that the run wasn't tried with."""
        later = (a for a in self._inbox.values() if a.no == given.no and a.id > given.seen)
        return any(isinstance(arrival.message, ORDERS) for arrival in later)

    def _change(self, change: RunChange, at: int, seen: set[int]) -> bool:
        """False when a cancel that the owner hasn't seen refuses the outcome."""
        run = self._runs.get(change.no)
        if run is None:
            return True
        is_end = change.status in OUTCOMES and change.status is not Status.CANCELLED
        if is_end and run.cancel and run.no not in seen:
            return False
        for field, value in asdict(change).items():
            setattr(run, field, value)
        run.updated = at
        if run.cancel:
            wake(run)
        return True

    def _open(self, opened: QuestionOpened) -> None:
        run = self._runs[opened.no]
        fields = asdict(opened)
        question = QuestionRow(
            state="answered" if fields.pop("early") else "open",
            **fields,
            run=run.id,
            flow=run.flow,
            definition=run.definition,
            key=None,
        )
        self._questions.setdefault((run.no, opened.tag, opened.occurrence), question)

    def _meet(self, opened: QuestionOpened) -> None:
        """Let a question that was opened meet the answer that is kept for it."""
        kept = self._questions.get((opened.no, opened.tag, KEPT))
        question = self._questions.get((opened.no, opened.tag, opened.occurrence))
        if kept is None or question is None:
            return
        waiting = self._waiting(opened.no, opened.tag)
        wanted = "answered" if opened.early else "open"
        if opened.early is bool(waiting) or (question.state, question.key) != (wanted, None):
            return
        question.state, question.key = "answered", kept.key
        del self._questions[kept.no, kept.tag, KEPT]
        for id_, early in waiting.items():
            del self._inbox[id_]
            self._post(answer_of(early, opened.occurrence))

    def _waiting(self, no: int, tag: str) -> dict[int, Early]:
        """The early answer of that tag that is still in the inbox, by its id."""
        return {
            arrival.id: arrival.message
            for arrival in self._inbox.values()
            if isinstance(arrival.message, Early)
            and (arrival.message.no, arrival.message.tag) == (no, tag)
        }

    @locked
    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        """Insert the runs that are new."""
        self._check_numbers(runs)
        self._define(definitions)
        self._version += 1
        return [copied(self._find(run) or self._insert(run)) for run in runs]

    def _check_numbers(self, runs: Sequence[NewRun]) -> None:
        taken: dict[int, str] = {}
        for run in (run for run in runs if run.no and self._find(run) is None):
            if run.no in self._runs or taken.setdefault(run.no, run.id) != run.id:
                raise StoreError(f"number {run.no} is another run's", run=run.id)

    def _find(self, run: NewRun) -> RunRow | None:
        no = self._ids.get(run.id)
        if no is None and run.key is not None:
            no = self._keys.get((run.flow, run.key))
        return None if no is None else self._runs[no]

    def _insert(self, new: NewRun) -> RunRow:
        row = row_of_new(new, new.no)
        self._add(row)
        self._entries[row.no][0] = (row.no, 0, new.body, new.sum)
        return row

    @locked
    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        """Judge each message and put the accepted into the inbox."""
        return [self._accept(message) for message in messages]

    @locked
    def write(
        self,
        puts: Sequence[Put],
        *,
        at: int,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        letters: Sequence[Letter] = (),
        admit: Sequence[int] = (),
    ) -> list[RunRow] | None:
        """Write records and what goes with them, if the records are as they are expected."""
        if not all(self._as_expected(put) for put in puts):
            return None
        started = self.start(starts, definitions)
        self._put(puts, at)
        for no in admit:
            run = self._runs.get(no)
            if run is not None and waits(run):
                run.admitted = at
        self._deliver(letters)
        return [copied(self._runs[row.no]) for row in started]

    def _deliver(self, letters: Sequence[Letter]) -> None:
        """Post the letters that their runs take, each judged before any is posted."""
        taken: dict[tuple[object, ...], Signal | ChildEnded | Cancel] = {}
        for letter in letters:
            run = self._runs.get(self._ids.get(letter.run, 0))
            message = copy.copy(letter.message)
            message.no = 0 if run is None else run.no
            verdict = self._judge(run, message)
            if verdict in {Verdict.ACCEPTED, Verdict.FULL}:
                taken.setdefault((letter.of, *sameness(message)), message)
        for message in taken.values():
            self._take(message)

    def _judge(self, run: RunRow | None, message: Plain) -> Verdict:
        if isinstance(message, Cancel):
            return judge_cancel(run)
        if isinstance(message, ChildEnded):
            return judge_child(run)
        if isinstance(message, Pause):
            return judge_pause(run)
        if isinstance(message, Unpause):
            return judge_unpause(run)
        heard = (message.name, message.key) in self._heard.get(message.no, ())
        inbox = (a.message for a in self._inbox.values() if a.no == message.no)
        waiting = sum(isinstance(waiting, Signal) for waiting in inbox)
        return judge_signal(run, heard=heard, waiting=waiting)

    def _take(self, message: Plain) -> None:
        if isinstance(message, Cancel):
            self._runs[message.no].cancel = True
            wake(self._runs[message.no])
        if isinstance(message, Signal):
            heard = self._heard[message.no]
            if (message.name, message.key) not in heard:
                heard.append((message.name, message.key))
            del heard[:-SIGNALS]
        self._post(message)

    def _accept(self, message: Message) -> Verdict:
        run = self._runs.get(message.no)
        if isinstance(message, Early):
            return self._accept_early(run, message)
        if isinstance(message, Answer):
            return self._accept_answer(run, message)
        if isinstance(message, UpgradeTo):
            return self._accept_upgrade(run, message)
        if isinstance(message, Settled):
            return judge_settled(run)
        verdict = self._judge(run, message)
        if verdict is not Verdict.ACCEPTED or run is None:
            return verdict
        if isinstance(message, Pause | Unpause) and set_aside(run, message):
            self._version += 1
        else:
            self._take(message)
        return verdict

    def _accept_upgrade(self, run: RunRow | None, message: UpgradeTo) -> Verdict:
        verdict = judge_upgrade(run)
        if verdict is Verdict.ACCEPTED:
            self._post(message)
        return verdict

    def _accept_answer(self, run: RunRow | None, message: Answer) -> Verdict:
        question = self._questions.get((message.no, message.tag, message.occurrence))
        verdict = judge_answer(run, question, message.key)
        if verdict is Verdict.ACCEPTED and question is not None:
            question.state = "answered"
            question.key = message.key
            self._post(message)
        return verdict

    def _accept_early(self, run: RunRow | None, early: Early) -> Verdict:
        place = early.no, early.tag
        questions = [q for q in self._questions.values() if (q.no, q.tag) == place]
        verdict, given = judge_early(run, questions, early)
        if verdict is Verdict.ACCEPTED and given is not None:
            return self._accept(given)
        if verdict is Verdict.ACCEPTED and run is not None:
            self._questions[early.no, early.tag, KEPT] = kept_row(run, early)
            self._post(early)
        return verdict
