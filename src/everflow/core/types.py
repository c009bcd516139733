"""The registry of value types: names in data to types, and types to the names that are written.

Data names a type by its registered name and never by an import path, so that data can't make a
process import anything. One type has one name that is written, with its version; every name it ever
got is still read. A name whose type is gone may have an upcast, which gives what takes its place.
"""

from __future__ import annotations

from typing import Any

from everflow.core.annotations import classes_in
from everflow.core.kinds import EnumKind, RecordKind, is_kind, make_kind
from everflow.core.marks import ASIDE, SEALED
from everflow.core.naming import module_name
from everflow.core.unfit import Unfit, short
from everflow.core.upcasts import Upcast, run_upcast, split_tag
from everflow.errors import NameTaken, ValueRefused, WrongArgument

__all__ = ["BUILT_IN", "Types"]

BUILT_IN = frozenset(
    {"int", "bytes", "datetime", "date", "time", "timedelta", "decimal", "uuid", "map"}
    | {"tuple", "set", "frozenset", SEALED, ASIDE}
)


class Types:
    """Type names to types. Whoever encodes or decodes passes one; none is global here."""

    __slots__ = ("_by_name", "_by_tag", "_by_type", "retired")

    def __init__(self) -> None:
        self._by_name: dict[str, EnumKind | RecordKind] = {}
        self._by_tag: dict[str, EnumKind | RecordKind] = {}  # of today's versions
        self.retired: dict[tuple[str, int], Upcast] = {}  # names and versions without a type
        self._by_type: dict[type, EnumKind | RecordKind] = {}

    def add(self, kind: type, name: str | None = None) -> None:
        """Registers a type, under its ``__name__`` unless another name is given.

        A second name given later is the one written from then on; the first one is still read. A
        type of the same module and qualified name takes the place of the one before (a module
        reload); any other type under a taken name is NameTaken.
        """
        if name is None:
            if isinstance(kind, type) and kind in self._by_type:
                return
            name = str(getattr(kind, "__name__", ""))
        made = make_kind(kind, name)
        for former in made.history.was:
            self._put(former, make_kind(kind, former))
        self._put(name, made)
        self._by_type[kind] = made

    def _put(self, name: str, made: EnumKind | RecordKind) -> None:
        kind = made.type
        if not name or name in BUILT_IN or "@" in name:
            raise NameTaken(
                f"the type name {name!r} belongs to the codec itself",
                hint="Register the type under another name.",
            )
        holder = self._by_name.get(name)
        if holder is not None and holder.type is not kind and not _same_place(holder.type, kind):
            raise NameTaken(
                f"the type name {name!r} belongs to {_place(holder.type)}"
                f" and {_place(kind)} asks for it too",
                hint="Rename one of the two: a type stands in data under its bare name.",
            )
        if holder is not None:
            self._by_tag.pop(holder.tag, None)  # the version before a reload
        self._by_name[name] = self._by_tag[made.tag] = made

    def retire(self, name: str, version: int, upcast: Upcast) -> None:
        """Let an upcast give what takes the place of values of a type that is gone."""
        if (name, version) in self.retired:
            raise WrongArgument(f"{name} has an upcast from version {version} already")
        self.retired[name, version] = upcast

    def older(self, tag: str, content: Any) -> tuple[EnumKind | RecordKind | None, Any]:
        """The kind and today's content of what another version recorded.

        No kind where the type is gone: the content is the value then. Unfit where no code here
        knows the name, or the chain of upcasts is broken.
        """
        name, version = split_tag(tag)
        known = self._by_name.get(name) if version else None
        if known is not None:
            return known, known.history.raised(name, version, content)
        upcast = self.retired.get((name, version))
        if upcast is None:
            raise Unfit(
                f"no type named {short(repr(tag))} is registered here",
                "Import the module that defines it, or register it with everflow.value.",
            )
        return None, run_upcast(name, version, upcast, content)

    def add_from(self, annotation: object) -> None:
        """Registers every such class that an annotation mentions, through all their fields too.

        What can't be resolved or registered is left out: it is refused where it is used.
        """
        for kind in classes_in(annotation, is_kind):
            if kind not in self._by_type:
                try:
                    self.add(kind)
                except ValueRefused:
                    continue

    def named(self) -> list[tuple[str, type]]:
        """All types by their names, in the order in which they were registered."""
        return [(name, found.type) for name, found in self._by_name.items()]

    def name_of(self, kind: type) -> str | None:
        """The name that stands for a type in data, or None."""
        found = self._by_type.get(kind)
        return None if found is None else found.name

    def by_name(self, name: str) -> type | None:
        """The type of that name, or None."""
        found = self._by_name.get(name)
        return None if found is None else found.type

    def kind_of(self, kind: type) -> EnumKind | RecordKind | None:
        """What the codec knows of a type, or None."""
        return self._by_type.get(kind)

    def kind_tagged(self, tag: str) -> EnumKind | RecordKind | None:
        """The same by the tag that today's code writes, under any name that the type had."""
        return self._by_tag.get(tag)


def _place(kind: type) -> str:
    return f"{module_name(kind.__module__)}.{kind.__qualname__}"


def _same_place(one: type, other: type) -> bool:
    """Whether two classes come from the same lines of code."""
    return _place(one) == _place(other)
