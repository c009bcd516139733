"""Flows as text and pictures, and where a run stands in them."""

from __future__ import annotations

from everflow.core.drawing.dot import dot
from everflow.core.drawing.elision import MOST
from everflow.core.drawing.mermaid import mermaid
from everflow.core.drawing.outline import GLYPHS, outline
from everflow.core.drawing.standing import Mark, Standing, stand

__all__ = ["GLYPHS", "MOST", "Mark", "Standing", "dot", "mermaid", "outline", "stand"]
