"""How a question is told to the store, so that it can be listed, shown and answered."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from everflow.core.flow import Site
from everflow.core.ops import QuestionOp
from everflow.core.program import Program
from everflow.store import QuestionOpened

__all__ = ["opened"]

_text = msgspec.json.Encoder()


def opened(
    no: int, op: QuestionOp, program: Program, sites: Mapping[str, Site], *, early: bool = False
) -> QuestionOpened:
    """The row of a question. What a body asks stands in no definition, so its schema goes along."""
    schema = None
    if op.position not in program.sites and op.position in sites:
        schema = getattr(sites[op.position].flow, "schema", None)
    return QuestionOpened(
        no,
        op.tag,
        op.occurrence,
        op.id,
        op.position,
        op.at,
        op.due,
        _text.encode(op.prompt).decode(),
        early,
        _text.encode(schema).decode() if schema else "",
    )
