"""What peers asked of this instance: a promise for each call, beside the run that keeps it.

Three rules hold. A promise and the start of its run are one write, and both ids follow from the
caller's own, so that a call that comes twice, at once or years apart, is one run. What was asked
is kept until its caller acknowledges the answer, however long that takes. A call that was
acknowledged, or given up before it came, is remembered until it has expired, and past its expiry
nothing is begun: so whatever the network still holds of it can't start it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from everflow.clock import Clock
from everflow.core.combine.call import DEEPEST, child_run
from everflow.core.entries import Entry, Kind, row_of
from everflow.core.faults import make_error
from everflow.core.journal import read_outcome
from everflow.core.state import Done, Failed
from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import payload_of
from everflow.engine.cells.tenures import may_tell
from everflow.engine.given.replies import require_here
from everflow.engine.records.erasures import require_readable
from everflow.errors import (
    CallerError,
    InputRefused,
    NoSuchFlow,
    NoSuchRun,
    ValueMismatch,
)
from everflow.federation.peers import Peer
from everflow.federation.together import Reads, Together
from everflow.federation.words import (
    BUSY,
    DIFFERS,
    EXPIRED,
    NO_CALL,
    NO_FUNCTION,
    REFUSED,
    Answer,
    Ask,
    Standing,
    payload_of_peer,
    problem,
    sent_error,
)
from everflow.net.freshness import WINDOW
from everflow.store import OUTCOMES, NewRun, Put, Record, RunRow

__all__ = ["KEPT", "LABEL", "PROMISE", "Promise", "Promises"]

PROMISE, KEPT = (
    "promise",
    "promise-kept",
)  # kinds of records: open, and remembered until they are due
LABEL = "peer"  # of the runs, by the peer's name
CALLER = "@peer"  # the op that such a run names as its caller's
FARTHEST = 400 * 86_400_000_000  # microseconds that an expiry may be ahead
SECOND = 1_000_000
PAGE = 1_000
TRIES = 3


class Promise(msgspec.Struct, kw_only=True):
    """An open call. ``digest`` is of what was asked; ``run`` is the run's id.

    ``heirs``: the ids of instances that go on with it where the caller's run becomes theirs.
    """

    function: str
    digest: str
    run: str
    expires: int
    at: int
    heirs: list[str] = []


class Promises:
    """The calls of peers, as transactions on the caller's thread; ``limit``: bytes of a value."""

    def __init__(self, client: Client, clock: Clock, limit: int) -> None:
        self._client = client
        self._store = client.store
        self._now = clock.wall  # what callers share with us; runs have a time of their own
        self._limit = limit
        self._written = Together(self._store, client.clock.wall)
        self._records = Reads(self._store)
        self._counted: dict[str, tuple[int, int]] = {}  # by peer: its open calls, and as of when

    # --- the verbs, an answer each

    def take(self, peer: Peer, call: str, ask: Ask, *, busy: bool = False) -> Answer:
        """Begin a call, or say how it stands where it was begun already.

        ``busy``: the peer has called too often within a short time.
        """
        key, digest = _key(peer, call), _digest(ask)
        record = self._records(PROMISE, key)
        if record is not None:
            return self._same(self._with_heirs(record, ask, digest), digest)
        other = self._of_another(peer, call, ask.before)
        if other is not None:
            return self._handed_on(peer, key, ask, other)
        refusal = self._refusal(peer, key, ask, busy=busy)
        return refusal or self._begin(peer, call, ask, digest)

    def _with_heirs(self, record: Record, ask: Ask, digest: str) -> Promise:
        """A promise, with the heirs that its caller names by now."""
        promise = _read(record.body)
        if ask.heirs == promise.heirs or digest != promise.digest:
            return promise
        promise = replace(promise, heirs=ask.heirs)
        body = msgspec.json.encode(promise).decode()
        self._written([Put(kind=PROMISE, key=record.key, body=body, expect=record.version)])
        return promise

    def _of_another(self, peer: Peer, call: str, before: Sequence[str]) -> Record | None:
        """The promise of a call that another instance made, whose run is this peer's now."""
        for former in before:
            record = self._records(PROMISE, f"{former}/{call}") if former != peer.id else None
            if record is not None:
                return record
        return None

    def _handed_on(self, peer: Peer, key: str, ask: Ask, other: Record) -> Answer:
        """Let an heir go on with a call: it is its own from now on, and isn't begun again."""
        promise = _read(other.body)
        if peer.id not in promise.heirs or not peer.may_call(ask.function):
            return problem(REFUSED, "another instance made that call, and named this one no heir")
        puts = [
            Put(kind=PROMISE, key=key, body=other.body, expect=0),
            Put(kind=PROMISE, key=other.key, body=None, expect=other.version),
        ]
        digest = _digest(ask)
        if digest == promise.digest:
            self._written(puts)  # or it was written at the same time
        return self._same(promise, digest)

    def _same(self, promise: Promise, digest: str) -> Answer:
        """How a call stands that was begun before, unless it asks for something else now."""
        if promise.digest != digest:
            return problem(DIFFERS, "that call was made before, and asked something else")
        return self._standing(promise)

    def look(self, peer: Peer, call: str) -> Answer:
        """How a call stands."""
        promise = self._promise(_key(peer, call))
        if promise is None:
            return problem(NO_CALL, "no such call was made, or it was acknowledged already")
        return self._standing(promise)

    def stop(self, peer: Peer, call: str) -> Answer:
        """Have a call end; one that never came won't be begun when it does."""
        key = _key(peer, call)
        promise = self._promise(key)
        if promise is None:
            self._keep(key, None)
            promise = self._promise(key)
        if promise is None:
            return _said(Standing(state="cancelled"))
        self._cancel(peer, promise)
        return self._standing(promise)

    def forget(self, peer: Peer, call: str) -> Answer:
        """The caller needs no more: a call that goes on is cancelled, and its promise is over."""
        key = _key(peer, call)
        for _ in range(TRIES):
            promise = self._promise(key)
            if promise is not None:
                self._cancel(peer, promise)
            if self._keep(key, promise) or self._promise(key) is None:
                break
        return Answer(204)

    # --- for who tells the callers

    def open(self) -> list[tuple[str, str, int]]:
        """All open calls: the peer's id, the call, the number of the run."""
        found: list[tuple[str, str, int]] = []
        after = ""
        while True:
            page = self._store.records(PROMISE, after=after, limit=PAGE)
            for record in page:
                peer, _, call = record.key.partition("/")
                row = self._store.find(_read(record.body).run)
                found.append((peer, call, 0 if row is None else row.no))
            if len(page) < PAGE:
                return found
            after = page[-1].key

    # --- inside

    def _promise(self, key: str) -> Promise | None:
        record = self._records(PROMISE, key)
        return None if record is None else _read(record.body)

    def _refusal(self, peer: Peer, key: str, ask: Ask, *, busy: bool) -> Answer | None:
        """Why a call isn't begun, if it isn't."""
        now, name = self._now(), f"{ask.function!r:.200}"
        late = ask.expires <= now or self._records(KEPT, key) is not None
        refusals = (
            (late, EXPIRED, "the call came too late, or was given up; it isn't begun"),
            (ask.function not in self._client.registry.exposed, NO_FUNCTION, f"no {name} exposed"),
            (not peer.may_call(ask.function), REFUSED, f"{name} isn't allowed to this peer"),
            (ask.depth > DEEPEST, REFUSED, f"{DEEPEST} runs wait for one another already"),
            (ask.expires > now + FARTHEST, REFUSED, "the call expires in more than 400 days"),
            (busy or not self._has_room(peer), BUSY, "too many calls; come again later"),
        )
        return next((problem(code, said) for holds, code, said in refusals if holds), None)

    def _has_room(self, peer: Peer) -> bool:
        """Whether one more of its calls may be open.

        They are counted at most once a second while there is room, with what begins here added:
        what other processes of this instance begin within that second may be too many.
        """
        now = self._now()
        count, since = self._counted.get(peer.id, (peer.calls, 0))
        if count >= peer.calls or not since <= now < since + SECOND:
            count, since = self._open_of(peer), now
        self._counted[peer.id] = (count + 1, since)
        return count < peer.calls

    def _open_of(self, peer: Peer) -> int:
        """How many of its calls are open; no more than it may have are counted."""
        count, after = 0, ""
        while count < peer.calls:
            most = min(PAGE, peer.calls - count)
            page = self._store.records(PROMISE, prefix=f"{peer.id}/", after=after, limit=most)
            count += len(page)
            if len(page) < most:
                break
            after = page[-1].key
        return count

    def _begin(self, peer: Peer, call: str, ask: Ask, digest: str) -> Answer:
        client, now = self._client, self._client.clock.wall()
        try:
            payload = payload_of_peer(bytes(ask.input), self._limit)
            definition = client.definition(ask.function)
            client.check_input(definition, payload)
        except (InputRefused, ValueMismatch) as error:
            return problem(REFUSED, f"the value isn't taken: {error.message:.500}")
        except NoSuchFlow:
            return problem(NO_FUNCTION, f"nothing of the name {ask.function!r:.200} is exposed")
        run = child_run(call, 0, peer.id)
        entry = Entry(
            0, now, Kind.START, CALLER, payload, definition.hash, ticks=ask.depth, note=run
        )
        _, _, body, checksum = row_of(0, entry)
        new = NewRun(
            id=run,
            flow=ask.function,
            definition=definition.hash,
            body=body,
            sum=checksum,
            at=now,
            labels={LABEL: peer.name},
        )
        queue = client.registry.flow(ask.function).queue_of_flow
        if queue:
            client.queues.put_in(new, {}, queue)
        key = _key(peer, call)
        promise = Promise(
            function=ask.function,
            digest=digest,
            run=run,
            expires=ask.expires,
            at=now,
            heirs=ask.heirs,
        )
        puts = [
            Put(kind=PROMISE, key=key, body=msgspec.json.encode(promise).decode(), expect=0),
            Put(kind=KEPT, key=key, body=None, expect=0),
        ]
        bodies = [(definition.hash, definition.body)]
        written = self._written(puts, starts=[new], definitions=bodies)
        if written is None:  # somebody else took it, or gave it up, at the same time
            there = self._promise(key)
            late = problem(EXPIRED, "the call was given up; it isn't begun")
            return late if there is None else self._same(there, digest)
        client.nudge()
        return self._stands(written[0])

    def _standing(self, promise: Promise) -> Answer:
        row = self._store.find(promise.run)
        if row is None:
            gone = make_error(NoSuchRun, "the peer deleted its run")
            return _said(Standing(state="failed", run=promise.run, error=gone))
        return self._stands(row)

    def _stands(self, row: RunRow) -> Answer:
        if row.status not in OUTCOMES or not may_tell(row, self._client.leases):
            return _said(Standing(state="going", run=row.id), no=row.no)
        return _said(self._ended(row))

    def _ended(self, row: RunRow) -> Standing:
        # Trouble of the store is none of the run's: it goes outward, and the caller asks again.
        try:
            require_here(row)
            require_readable(self._store, row)
            outcome = read_outcome(row.outcome) if row.outcome else None
            if isinstance(outcome, Done):
                value = payload_of(self._store, row.no, outcome.value)
                return Standing(state="done", run=row.id, value=msgspec.Raw(value.encode()))
        except CallerError as error:
            erased = make_error(type(error), error.message)
            return Standing(state="failed", run=row.id, error=erased)
        if isinstance(outcome, Failed):
            return Standing(state="failed", run=row.id, error=sent_error(outcome.error))
        return Standing(state="cancelled", run=row.id)

    def _cancel(self, peer: Peer, promise: Promise) -> None:
        row = self._store.find(promise.run)
        if row is None or row.status in OUTCOMES:
            return
        try:
            self._client.cancel(promise.run, by=f"peer {peer.name}")
        except CallerError:
            return  # it has ended meanwhile

    def _keep(self, key: str, promise: Promise | None) -> bool:
        """Remember that a call is over; False where it is remembered, or was begun meanwhile."""
        now = self._now()
        # A message is fresh for a window either way: what is still on its way dies out by then.
        due = max(promise.expires if promise else 0, now + 2 * WINDOW)
        puts = [
            Put(kind=KEPT, key=key, body="{}", expect=0, due=due),
            Put(kind=PROMISE, key=key, body=None, expect=None if promise else 0),
        ]
        return self._written(puts) is not None


def _key(peer: Peer, call: str) -> str:
    return f"{peer.id}/{call}"


def _digest(ask: Ask) -> str:
    text = ask.function.encode() + b"\0" + bytes(ask.input)
    return hashlib.sha256(text).hexdigest()


def _said(standing: Standing, *, no: int = 0) -> Answer:
    status = 202 if standing.state == "going" else 200
    return Answer(status, msgspec.json.encode(standing), no=no)


def _read(body: str) -> Promise:
    return msgspec.json.decode(body, type=Promise)
