"""The release of this code. Said here and nowhere else: what is installed is named by it, too."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
