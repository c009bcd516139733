"""Errands: what a run asks of other servers, written down for whoever carries it there.

The engine knows no peers. A call of one is a record that rides in the batch of the entry that
opened it, due at once; whoever carries errands moves it on, and tells the run by a message as a
child's end is told. A wish to stop is a record of its own, since the other one may be in use.

A carrier deletes an errand only after it told the run the end. So where there is none, and no end
in the run's inbox either, nobody was asked yet.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from everflow.core.ops import CallOp
from everflow.store import Put, Record, Store

__all__ = [
    "ERRAND",
    "STOP",
    "Errand",
    "erase_errands",
    "errand_put",
    "errands_of",
    "read_errand",
    "stop_put",
]

PAGE = 500
ERRAND, STOP = "errand", "errand-stop"  # kinds of records, both by the id of the run that is asked


class Errand(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is asked: ``peer`` is to run ``function`` on ``input``, and ``run`` waits at ``op``.

    ``at`` is when it was asked and ``patience`` how long the peer has to accept it, in
    microseconds; ``depth`` counts the runs that wait for one another. The rest is for who carries
    it: ``carrier``, the worker of the process that has it in hand, or 0; how many ``tries`` there
    were since something was heard, ``accepted`` when the peer took it, ``told`` when the run was
    told the end, ``trouble``, the last that went wrong, ``since``, when a peer that had taken it
    began to know nothing of it, and ``heirs``, who may go on with it, as the peer was told.
    """

    peer: str
    function: str
    input: msgspec.Raw
    run: str
    op: str
    at: int
    patience: int
    depth: int = 1
    carrier: int = 0
    tries: int = 0
    accepted: int | None = None
    told: int | None = None
    since: int | None = None
    trouble: str = ""
    heirs: list[str] = []


def errand_put(child: str, run: str, op: CallOp, payload: str, *, at: int, depth: int) -> Put:
    """The record for a call that was just opened."""
    errand = Errand(
        peer=op.peer,
        function=op.flow,
        input=msgspec.Raw(payload.encode()),
        run=run,
        op=op.id,
        at=at,
        patience=op.patience,
        depth=depth,
    )
    return Put(kind=ERRAND, key=child, body=msgspec.json.encode(errand).decode(), due=at)


def stop_put(child: str, *, at: int) -> Put:
    """The record of the wish that it ends; its body is the time of the wish."""
    return Put(kind=STOP, key=child, body=str(at), due=at)


def read_errand(body: str) -> Errand:
    """The errand that a record holds. ``msgspec.DecodeError`` for anything else."""
    return msgspec.json.decode(body, type=Errand)


def erase_errands(store: Store, run: str, *, at: int) -> None:
    """Take all values out of the errands of an ended run.

    What is left is what their carrier needs to tell the peers that they may forget them, too.
    """
    for found in errands_of(store, run):
        record: Record | None = found
        while record is not None:
            errand = replace(read_errand(record.body), input=msgspec.Raw(b"null"), trouble="")
            body = msgspec.json.encode(errand).decode()
            put = Put(kind=ERRAND, key=record.key, body=body, expect=record.version, due=record.due)
            if store.write([put], at=at) is not None:
                break
            record = next(iter(store.records(ERRAND, keys=[record.key])), None)  # it was moved on


def errands_of(store: Store, run: str) -> Iterator[Record]:
    """The errands of one run, found by looking at all."""
    after = ""
    while page := store.records(ERRAND, after=after, limit=PAGE):
        yield from (record for record in page if read_errand(record.body).run == run)
        after = page[-1].key
