"""The quick way to read a record of scalars: msgspec decodes a shadow of it, whole, in one call.

A record whose fields msgspec can decode by itself, and whose payload has no tag but its own, is the
commonest value between two nodes. Its shadow is a Struct of the same fields that refuses unknown
and missing ones. Whatever the shadow can't take is left to the thorough way, which gives the same
value or says what is wrong: the shadow decides nothing.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import msgspec

from everflow.core.annotations import hints_of, is_union, unwrapped
from everflow.core.fitting import Fitting
from everflow.core.kinds import EnumKind, ModelKind, RecordKind, is_kind, make_kind
from everflow.core.types import Types
from everflow.core.unfit import Unfit
from everflow.errors import ValueRefused

__all__ = ["Shadow", "shadow_of"]


class Shadow:
    """Reads payloads of one record type, where they are as simple as most are."""

    __slots__ = ("_decode", "_known")

    def __init__(self, known: RecordKind, decode: Callable[[str], Any]) -> None:
        self._known = known
        self._decode = decode

    def read(self, payload: str, types: Types) -> object:
        """The record, or None where the thorough way has to be gone."""
        registered = types.kind_of(self._known.type)
        if registered is None:
            return None
        prefix = registered.prefix
        start = len(prefix)
        if not (payload.startswith(prefix) and payload.endswith("}")):
            return None
        if payload.find('"$"', start) >= 0 or "\\u0024" in payload:
            return None
        try:
            fields = msgspec.structs.astuple(self._decode(payload[start:-1]))
            return self._known.restore(dict(zip(self._known.keys, fields, strict=True)))
        except (ValueError, RecursionError, Unfit):
            return None


def shadow_of(annotation: Any) -> Shadow | None:
    """The shadow for an annotation that is such a record, or that or None."""
    asked = unwrapped(annotation)
    if is_union(asked):
        members = [arg for arg in typing.get_args(asked) if arg is not type(None)]
        asked = unwrapped(members[0]) if len(members) == 1 else None
    if not is_kind(asked):
        return None
    try:
        known = make_kind(asked, asked.__name__)
    except ValueRefused:
        return None
    if isinstance(known, EnumKind | ModelKind):
        return None
    hints = hints_of(asked)
    fields = [(name, hints[name]) for name in known.attributes]
    if not all(Fitting().plan(annotated).native for _, annotated in fields):
        return None
    renamed = dict(zip(known.attributes, known.keys, strict=True))
    shadow = msgspec.defstruct(
        "Shadow", fields, forbid_unknown_fields=True, rename=renamed, kw_only=True
    )
    return Shadow(known, msgspec.json.Decoder(shadow).decode)
