"""How much an import takes from a file that nobody vouches for."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Caps on an import; the defaults let through what a store of the usual size exports.

    line and run: bytes of one line, and of what is held in memory at once: all lines of one run;
    all definitions and the ids of all runs.
    total: bytes of the file once it is unpacked. ratio: how many times larger than itself a
    compressed file may unpack, its first megabyte aside (JSON packs 5 to 50 times; a bomb 1,000).
    runs, definitions, entries, questions, messages: how many lines of each.
    """

    line: int = 64 * MEGABYTE
    run: int = 128 * MEGABYTE
    total: int = 4096 * MEGABYTE
    ratio: int = 200
    runs: int = 1_000_000
    definitions: int = 100_000
    entries: int = 100_000_000
    questions: int = 10_000_000
    messages: int = 10_000_000
