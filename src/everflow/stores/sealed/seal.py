"""Sealing texts with a run's data key: AES-SIV (RFC 5297), a name for the place as its header.

The same text at the same place gives the same ciphertext, by which a batch that is sent again is
the same batch and an import finds that it has a history already; nothing else is shown by that,
since no place is written twice with one key. A text moved to another run, or to another place of
its run, doesn't open.
"""

from __future__ import annotations

import base64
import binascii
from zlib import crc32

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from everflow.core.entries import Kind, body_of, decode_body
from everflow.core.journal import BASES
from everflow.core.marks import ASIDE, SEALED, is_marked, marked, unmarked
from everflow.core.refs import FAILURE_PREFIX
from everflow.errors import EverflowError, StoreDamaged
from everflow.store import EntryRow

__all__ = ["Seal", "has_seal"]

_ALWAYS = frozenset({Kind.START, *BASES})  # by these a sealed run is known
_NOTHING = "null"


class Seal:
    """Seals and opens the texts of one run."""

    __slots__ = ("_cipher", "_run", "run")

    def __init__(self, run: str, key: bytes) -> None:
        self.run = run
        self._run = run.encode()
        self._cipher = AESSIV(key)

    def seal(self, text: str, *place: str) -> str:
        """The text sealed for that place; one that is sealed already stays as it is."""
        if is_marked(SEALED, text):
            return text
        data = self._cipher.encrypt(text.encode(), [self._run, *(part.encode() for part in place)])
        failure = text.startswith(FAILURE_PREFIX)
        return marked(SEALED, base64.b64encode(data).decode(), failure=failure)

    def open(self, text: str, *place: str) -> str:
        """The text that was sealed for that place; one that isn't sealed stays as it is."""
        if not is_marked(SEALED, text):
            return text
        try:
            data = base64.b64decode(unmarked(text), validate=True)
            header = [self._run, *(part.encode() for part in place)]
            return self._cipher.decrypt(data, header).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise StoreDamaged(
                f"what is sealed as {' '.join(place)} doesn't open with the run's key",
                run=self.run,
                hint="it was changed, moved or sealed with another key; restore a backup",
            ) from error

    def seal_body(self, seq: int, body: str) -> str:
        """An entry with its payload sealed; a text that isn't an entry is sealed whole."""
        try:
            entry = decode_body(body)
            whole = body_of(entry) != body
        except (ValueError, KeyError, EverflowError):
            whole = True
        if whole:
            return self.seal(body, "body", str(seq))
        if entry.payload == _NOTHING and entry.kind not in _ALWAYS:
            return body
        entry.payload = self.seal(entry.payload, "entry", str(seq))
        return body_of(entry)

    def open_body(self, seq: int, body: str) -> str:
        """The entry as it was written. What wasn't sealed with the run was put there later."""
        if is_marked(SEALED, body):
            return self.open(body, "body", str(seq))
        entry = decode_body(body)
        payload = entry.payload
        if is_marked(SEALED, payload):
            entry.payload = self.open(payload, "entry", str(seq))
            return body_of(entry)
        if is_marked(ASIDE, payload) or (payload == _NOTHING and entry.kind not in _ALWAYS):
            return body
        raise StoreDamaged(
            f"entry {seq} isn't sealed, though its run is",
            run=self.run,
            hint="somebody else wrote it; restore a backup",
        )

    def seal_row(self, row: EntryRow) -> EntryRow:
        """The same for a row; a checksum that doesn't hold still doesn't."""
        no, seq, body, checksum = row
        return no, seq, *_summed(body, checksum, self.seal_body(seq, body))

    def open_row(self, row: EntryRow) -> EntryRow:
        """The same back."""
        no, seq, body, checksum = row
        return no, seq, *_summed(body, checksum, self.open_body(seq, body))


def _summed(body: str, checksum: int, other: str) -> tuple[str, int]:
    return other, crc32(other.encode()) ^ crc32(body.encode()) ^ checksum


def has_seal(body: str) -> bool:
    """Whether an entry, as a store keeps it, is sealed."""
    if f'"$":"{SEALED}"' not in body:
        return False
    if is_marked(SEALED, body):
        return True
    try:
        return is_marked(SEALED, decode_body(body).payload)
    except (ValueError, EverflowError):
        return False
