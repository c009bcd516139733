"""Errors of the store: its bytes, its disk, or who may write to it."""

from __future__ import annotations

from everflow.errors.base import EverflowError

__all__ = [
    "Fenced",
    "KeyMissing",
    "StoreCopied",
    "StoreDamaged",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreReadOnly",
    "StoreRefused",
    "StoreTooNew",
    "StoreUnavailable",
]


class StoreError(EverflowError):
    """The store can't do what it was asked."""

    code = "store_error"
    blame = "store"


class StoreUnavailable(StoreError):
    """For now the store can't be written or reached; runs pause and go on by themselves."""

    code = "store_unavailable"


class StoreFull(StoreUnavailable):
    """The disk is full."""

    code = "store_full"


class StoreReadOnly(StoreError):
    """The store can't be written by this user or on this file system."""

    code = "store_read_only"


class StoreRefused(StoreError):
    """The store refuses what it was given, each time: nothing of that is written, nor will be."""

    code = "store_refused"


class StoreDamaged(StoreError):
    """The store's bytes aren't what was written; nothing was changed."""

    code = "store_damaged"


class KeyMissing(StoreDamaged):
    """A run's data is sealed and its key isn't here: nothing is lost, and nothing can be read."""

    code = "key_missing"


class StoreForeign(StoreError):
    """The file isn't a store of Everflow's."""

    code = "store_foreign"


class StoreCopied(StoreError):
    """The store is a copy of another one, and mustn't act beside it until it is adopted."""

    code = "store_copied"


class StoreTooNew(StoreError):
    """The store was written by a newer release than this one."""

    code = "store_too_new"


class Fenced(StoreError):
    """This worker was taken for dead and its runs belong to another; nothing was written."""

    code = "fenced"
