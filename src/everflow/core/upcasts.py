"""Types that changed: how what an older version of a type recorded becomes today's fields.

Three rules hold. A value is recorded with the version of its type (none is written for the first),
and nothing recorded is ever changed: upcasts are applied when a value is read. Each upcast leads
from one version to the next, so that an old value goes through all that came since, in order. A
chain with a gap, and a version that this code doesn't know, are errors that say so: nothing is
guessed at.

What a class says of its past is kept on the class itself, so that it is the same in every registry.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from everflow.core.unfit import Unfit, kind_name, short
from everflow.errors import WrongArgument

__all__ = [
    "FIRST",
    "History",
    "Upcast",
    "add_step",
    "declare",
    "fields_of",
    "history_of",
    "run_upcast",
    "split_tag",
    "tag_of",
]

FIRST = 1
_MARK = "@"
_PLACE = "__everflow_history__"
Upcast = Callable[[Any], Any]


class History:
    """A type's version, the names it had, and its upcasts by the version that they lead from."""

    __slots__ = ("steps", "version", "was")

    def __init__(self, version: int = FIRST, was: tuple[str, ...] = ()) -> None:
        self.version = version
        self.was = was
        self.steps: dict[int, Upcast] = {}

    def raised(self, name: str, version: int, content: Any) -> Any:
        """What the content of that version is in today's. Unfit where the chain is broken."""
        if version > self.version:
            raise Unfit(
                f"the value is of version {version} of {name}, and this code has {self.version}",
                "Newer code wrote it: the run goes on where that code, or newer one, is.",
            )
        for step in range(version, self.version):
            upcast = self.steps.get(step)
            if upcast is None:
                raise Unfit(
                    f"no upcast leads {name} from version {step} to {step + 1}",
                    f"Define it: @upcast({name}, {step}).",
                )
            content = run_upcast(name, step, upcast, content)
        return content

    def read_plain(self, name: str, plain: Any, read: Callable[[Any], Any]) -> Any:
        """What plain JSON, which bears no version, is read as: the newest version that it fits.

        The fault is today's version's where none does.
        """
        try:
            return read(plain)
        except Unfit:
            for version in range(self.version - 1, FIRST - 1, -1):
                try:
                    return read(self.raised(name, version, copy.deepcopy(plain)))
                except Unfit:
                    continue
            raise


_NONE = History()


def run_upcast(name: str, version: int, upcast: Upcast, content: Any) -> Any:
    """What an upcast makes of a content; Unfit says which one refused it, and why."""
    try:
        return upcast(content)
    except Exception as error:
        said = short(f"{type(error).__name__}: {error}")
        raise Unfit(f"the upcast of {name} from version {version} raised {said}") from error


def declare(kind: type, version: int, was: tuple[str, ...]) -> None:
    """Note a type's version and its former names on the class. WrongArgument for bad ones."""
    if type(version) is not int or version < FIRST:
        raise WrongArgument(f"a version is a whole number from {FIRST} on, not {version!r:.40}")
    for name in was:
        if type(name) is not str or not name or _MARK in name:
            raise WrongArgument(f"{name!r:.60} is no former name of a type")
    setattr(kind, _PLACE, History(version, was))


def history_of(kind: type) -> History:
    """What a class says of its own past; a subclass has none of its base's."""
    found: History = vars(kind).get(_PLACE, _NONE)
    return found


def add_step(kind: type, version: int, upcast: Upcast) -> None:
    """Let an upcast lead a type from that version to the next. WrongArgument where none can."""
    history = history_of(kind)
    if type(version) is not int or not FIRST <= version < history.version:
        raise WrongArgument(
            f"{kind.__name__} is of version {history.version}, so no upcast leads from"
            f" {version!r:.40}",
            hint=f"say which version it is by now: @value(version=...) above {kind.__name__}",
        )
    if version in history.steps:
        raise WrongArgument(f"{kind.__name__} has an upcast from version {version} already")
    history.steps[version] = upcast


def tag_of(name: str, version: int) -> str:
    """How a version of a type is named in data: ``Order``, later ``Order@2``."""
    return name if version == FIRST else f"{name}{_MARK}{version}"


def split_tag(tag: str) -> tuple[str, int]:
    """The name and version of a tag; version 0 for text that ``tag_of`` never gives."""
    name, mark, version = tag.rpartition(_MARK)
    if not mark:
        return tag, FIRST
    known = version.isascii() and version.isdecimal() and len(version) < 10  # noqa: PLR2004 - more digits than any history has
    return name, int(version) if known and tag_of(name, int(version)) == tag else 0


def fields_of(name: str, content: Any) -> dict[str, Any]:
    """The content as the fields of a record; Unfit where an upcast gave anything else."""
    if type(content) is not dict:
        raise Unfit(
            f"the upcasts of {name} gave {kind_name(content)}, not a dict",
            "An upcast takes a dict of fields and gives one.",
        )
    return content
