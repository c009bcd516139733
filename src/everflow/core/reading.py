"""Reading a payload as its consumer's annotation asks: checked, converted, and always fresh.

A ``Reader`` is made once per consumer. Where nothing in its annotation needs the registry and the
payload has no tags, msgspec's typed decoder does it all. Any other payload is first revived by its
tags and then fitted to the annotation, which turns plain JSON (typed at a prompt, sent by a form)
into the annotated types. An annotation that says nothing of use takes what was recorded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from everflow.core.decoding import decode, has_tags, mismatch, parse, revived
from everflow.core.fits import Fit
from everflow.core.fitting import Fitting
from everflow.core.shadows import shadow_of
from everflow.core.types import Types
from everflow.core.unfit import Unfit
from everflow.errors import ValueMismatch

__all__ = ["Reader"]


class Reader:
    """Decodes payloads for a consumer with this annotation.

    Calling it gives the value, or raises ValueMismatch, which says what was expected, what was
    found and where. Types are looked up in ``types`` when a payload names them, so that one may be
    registered after the reader was made.
    """

    __slots__ = ("_fit", "_quick", "_shadow", "_types", "annotation")

    def __init__(self, annotation: Any, types: Types) -> None:
        self.annotation = annotation
        self._types = types
        plan = Fitting().plan(annotation)
        self._fit = plan.fit
        self._shadow = shadow_of(annotation)
        self._quick = msgspec.json.Decoder(annotation).decode if plan.native else None

    def __call__(self, payload: str) -> Any:
        """The value, fresh."""
        fit = self._fit
        if fit is None:
            return decode(payload, self._types)
        if self._quick is not None and not has_tags(payload):
            try:
                return self._quick(payload)
            except (ValueError, RecursionError):
                pass  # the thorough way below says what is wrong, and where
        if self._shadow is not None:
            found = self._shadow.read(payload, self._types)
            if found is not None:
                return found
        return self._read(payload, fit)

    def _read(self, payload: str, fit: Fit) -> Any:
        value = parse(payload)
        try:
            if has_tags(payload):
                value = revived(value, self._types)
            return fit(value)
        except Unfit as unfit:
            raise mismatch(unfit) from None
        except RecursionError:
            raise ValueMismatch("the payload nests too deeply to be decoded") from None
