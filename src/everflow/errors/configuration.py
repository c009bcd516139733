"""Errors of the configuration, found before anything is run."""

from __future__ import annotations

from everflow.errors.base import EverflowError

__all__ = [
    "ConfigurationError",
    "MissingDependency",
]


class ConfigurationError(EverflowError, ValueError):
    """A setting that can't work; found before anything is run."""

    code = "configuration_error"
    blame = "configuration"


class MissingDependency(ConfigurationError):
    """A node needs something that the engine wasn't given."""

    code = "missing_dependency"
