"""How messages about runs go over the wire: letters, many in one envelope, and large ones in parts.

Three rules hold. A letter names its run, so that one envelope carries those of many. What is in it
was written by another instance: it is read by its type and checked whole before anybody acts on
it, as an import is. And nothing of a store's own is sent: numbers of runs and workers stay here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from everflow.core.marks import ASIDE, SEALED
from everflow.engine.given.ids import is_run_id
from everflow.errors import ValueMismatch
from everflow.federation.protocol.lineage import Extent, Lineage
from everflow.federation.protocol.messages import Cut, Handover, Message, Segment
from everflow.store import SIGNALS, EntryRow, Imported, RunRow, Status
from everflow.store.foreign import LARGEST, is_definition, number_beyond, points_away
from everflow.store.handing import Slice

__all__ = [
    "Letter",
    "Reply",
    "caller_of",
    "cut_of",
    "encode",
    "envelope",
    "heaviness",
    "opened",
    "slice_of",
    "uncalled",
    "weight",
]

MOST_LETTERS = 10_000


class Letter(msgspec.Struct, frozen=True):
    """A message about a run, by its public id."""

    run: str
    message: Message


class Beside(msgspec.Struct, frozen=True):
    """What is beside a run's entries, and the definitions that it needs."""

    whole: Imported
    definitions: list[tuple[str, str]]


class Envelope(msgspec.Struct, frozen=True):
    """Letters of one instance to another."""

    letters: list[Letter]


class Declined(msgspec.Struct, frozen=True):
    """A letter that isn't heard, and why."""

    run: str
    why: str


class Reply(msgspec.Struct, frozen=True):
    """What is said at once to an envelope or a part; all else is a letter of its own.

    ``have``: how many bytes of a letter in parts are here.
    """

    declined: list[Declined] = []
    have: int = 0


def cut_of(read: Slice) -> Cut:
    """A reading as the protocol knows it."""
    beside = Beside(replace(read.whole, entries=[]), read.definitions)
    upto = Extent(read.seq, read.rev)
    return Cut(after=read.after, entries=tuple(read.whole.entries), side=beside, upto=upto)


def slice_of(cut: Cut) -> Slice:
    """The same back, as it was sent or as it was read."""
    if not isinstance(cut.side, Beside):
        raise ValueMismatch("what is beside the entries wasn't read yet")
    entries: Any = list(cut.entries)
    whole = replace(cut.side.whole, entries=entries)
    definitions = cut.side.definitions
    return Slice(
        after=cut.after, whole=whole, definitions=definitions, seq=cut.upto.seq, rev=cut.upto.rev
    )


def caller_of(cut: Cut) -> str:
    """The run that called the one that was sent, as its row says; empty where none did."""
    return slice_of(cut).whole.row.parent or ""


def uncalled(cut: Cut) -> Cut:
    """The same of a run that nobody called: its end is told to no other."""
    beside: Any = cut.side
    row = replace(beside.whole.row, parent=None)
    return replace(cut, side=replace(beside, whole=replace(beside.whole, row=row)))


def weight(cut: Cut) -> tuple[int, int]:
    """The bytes of entries, and of what is beside them, about."""
    part: Any = cut.entries
    entries = sum(len(body) for _, _, body, _ in part)
    return entries, len(_encoder.encode(cut.side))


def heaviness(lineage: Lineage) -> int:
    """The bytes of a lineage, about."""
    return len(_encoder.encode(lineage))


def encode(run: str, message: Message) -> bytes:
    """A letter as it is sent."""
    return _encoder.encode(Letter(run, message))


def envelope(letters: Iterable[bytes]) -> bytes:
    """Letters that are encoded, together."""
    return b'{"letters":[' + b",".join(letters) + b"]}"


def opened(body: bytes) -> list[Letter]:
    """The letters of an envelope, each checked; msgspec's errors or ValueMismatch otherwise."""
    letters = _decoder.decode(body).letters
    if len(letters) > MOST_LETTERS:
        raise ValueMismatch(f"{len(letters)} letters are too many for one envelope")
    return [_checked(letter) for letter in letters]


def _checked(letter: Letter) -> Letter:
    message = letter.message
    if not is_run_id(letter.run):
        raise ValueMismatch("a letter names no run")
    if not isinstance(message, Segment | Handover):
        return letter
    return replace(letter, message=replace(message, cut=_whole(letter.run, message.cut)))


def _whole(run: str, cut: Cut) -> Cut:
    """A cut whose parts are what they must be; ValueMismatch otherwise."""
    try:
        entries = msgspec.convert(cut.entries, tuple[EntryRow, ...])
        beside = msgspec.convert(cut.side, Beside)
    except msgspec.ValidationError as error:
        raise ValueMismatch(f"what was sent of the run {run} isn't one: {error}") from error
    numbers = (cut.after, cut.upto.seq, cut.upto.rev)
    if min(numbers) < 0 or max(numbers) > LARGEST or not beside.whole.row.id == run:
        raise ValueMismatch(f"what was sent of the run {run} contradicts itself")
    _check_entries(run, cut, entries)
    _check_beside(beside.whole)
    if not all(is_definition(name, body) for name, body in beside.definitions):
        raise ValueMismatch(f"a definition that the run {run} needs isn't the one of its name")
    if points_away(entries, beside.whole.arrivals, (SEALED, ASIDE)):
        raise ValueMismatch(f"what was sent of the run {run} refers to another store")
    return replace(cut, entries=entries, side=beside)


def _check_entries(run: str, cut: Cut, entries: tuple[EntryRow, ...]) -> None:
    last = cut.after - 1
    for _, seq, body, checksum in entries:
        if not last < seq < cut.upto.seq or zlib.crc32(body.encode()) != checksum:
            raise ValueMismatch(f"the entry {seq} of the run {run} isn't as it was written")
        last = seq
    if last != cut.upto.seq - 1:
        raise ValueMismatch(f"the last entries of the run {run} are missing")


def _check_beside(whole: Imported) -> None:
    run = whole.row.id
    places = {(question.tag, question.occurrence) for question in whole.questions}
    strange = [question for question in whole.questions if question.run != run]
    if strange or len(places) != len(whole.questions):
        raise ValueMismatch(f"the questions of the run {run} aren't its own")
    if len(whole.heard) > SIGNALS or len(set(whole.heard)) != len(whole.heard):
        raise ValueMismatch(f"the keys of the signals of the run {run} aren't as they must be")
    for row in (whole.row, *whole.questions, *whole.arrivals):
        field = number_beyond(row)
        if field:
            raise ValueMismatch(f"{field} of the run {run} is more than 64 bits")
    _check_row(whole.row)


def _check_row(row: RunRow) -> None:
    if row.status is Status.HANDED_OFF:
        raise ValueMismatch(f"the run {row.id} isn't its sender's")


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Envelope] = msgspec.json.Decoder(Envelope)
