"""The release that is installed. It is asked of the installation, not of the public package."""

from __future__ import annotations

from importlib.metadata import version as _installed

__all__ = ["version"]


def version() -> str:
    """The release, as ``0.1.0``."""
    return _installed("everflow")
