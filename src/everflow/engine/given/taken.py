"""What a flow takes from outside, by its definition alone: no code is needed to check an answer."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from everflow.core.combine.saga import UNDO_ANSWERS, UNDO_TAG
from everflow.store import QuestionRow, Store

__all__ = ["Taken", "bears_bodies", "table_of"]

BODIES = "@body"
DECLARE = ' (what its body will ask is known where that says so: @flow(asks={"tag": type}))'


class Taken:
    """The schemas of answers and signals, read from a store's definitions once each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: dict[str, dict[str, Any]] = {}

    def tags(self, definition: str) -> set[str]:
        """The tags that a definition names."""
        return {name[1:] for name in self.table(definition) if name.startswith("#")}

    def told(self, definition: str) -> str:
        """The tags as a hint lists them; a body's own are known where it declares or asks them."""
        known = ", ".join(sorted(self.tags(definition))) or "none"
        return known + DECLARE if BODIES in self.table(definition) else known

    def schema(self, definition: str, place: str, question: QuestionRow | None) -> Any:
        """What an answer at a place must fit: as its question says, else as the definition does."""
        if question is not None and question.schema:
            return msgspec.json.decode(question.schema)
        return self.table(definition).get(place)

    def table(self, definition: str) -> dict[str, Any]:
        """Schemas by position, by tag and by "!" and a signal's name; "#tag" for each tag."""
        known = self._tables.get(definition)
        if known is None:
            known = table_of(self._store.definition(definition) or '{"rows":[]}')
            self._tables[definition] = known
        return known


@lru_cache(maxsize=256)
def bears_bodies(body: str | None) -> bool:
    """Whether a definition's text has a body in it, whose awaits it doesn't hold."""
    return body is not None and BODIES in table_of(body)


def table_of(body: str) -> dict[str, Any]:
    """The same, of a definition's text."""
    known: dict[str, Any] = {}
    for position, kind, shape, settings, _ in msgspec.json.decode(body)["rows"]:
        if kind == "saga":
            known[position] = known[UNDO_TAG] = UNDO_ANSWERS
        elif kind == "body":
            known[BODIES] = True
            for tag, schema in settings.get("asks", {}).items():
                known.setdefault(tag, schema)
                known["#" + tag] = True
        elif kind == "receive":
            known[f"!{shape['name']}"] = settings.get("schema")
        elif kind in {"ask", "suspend"}:
            schema = settings.get("schema")
            known[position] = known[shape["tag"]] = schema
            known["#" + shape["tag"]] = True
    return known
