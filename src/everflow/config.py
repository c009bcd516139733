"""Configuration's contract: one frozen, checked value that is passed down.

Every setting has a unit in its name or its docstring. A setting that can't work is refused when the
value is made, before anything is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Self

from everflow.errors import ConfigurationError

__all__ = ["Config"]

_TEXTS = {"fleet": "a name", "signing_keys": "the path of a folder"}


@dataclass(frozen=True, kw_only=True)
class Config:
    """An engine's settings.

    threads: sync nodes that run at once. max_unrecorded: nodes with effects begun and not yet
    recorded, at most. batch: entries a commit, about. live_runs: runs in memory at once;
    further ones wait in the store. warm_runs: resting runs that stay in memory. lease_s: a worker
    whose heartbeat stands for so long is taken for dead. poll_s: how often an idle worker looks for
    what other processes wrote. grace_s: how long a cancel waits for async nodes. value_limit: the
    largest value, in bytes of its JSON. watchdog_s: an inline node that holds the scheduler longer
    is named in the log. alone_deaths: a run that killed its worker so often while it alone was
    running is set aside. base_floor: bytes of a resting run's entries since its latest snapshot
    under which no new one is written; of a running one, 16 times as many. aside_over: a value of
    more characters of JSON is kept aside in the store, by its content. acknowledge_s: how long
    a call for a leased run waits until the server that it is leased from has it, too. fleet: who
    works here; a store in PostgreSQL that is another fleet's is refused. drain_s: how long what was
    begun may take to end when the engine closes. signing_keys: the folder in which private keys of
    peers and actors lie; beside the store's file if none is named, and a store in a database has
    none. queues: the engine executes runs of these queues
    alone, "" standing for runs of no queue; None for all.
    """

    threads: int = 64
    processes: int = 2
    max_unrecorded: int = 64
    batch: int = 1000
    live_runs: int = 20_000
    warm_runs: int = 1_000
    lease_s: float = 5.0
    poll_s: float = 0.05
    grace_s: float = 5.0
    value_limit: int = 16 * 1024 * 1024
    watchdog_s: float = 1.0
    alone_deaths: int = 3
    base_floor: int = 4096
    aside_over: int = 1024 * 1024
    acknowledge_s: float = 10.0
    fleet: str = ""
    drain_s: float = 5.0
    signing_keys: str = ""
    queues: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _TEXTS:
                if not isinstance(value, str):
                    what = _TEXTS[field.name]
                    raise ConfigurationError(f"{field.name} is {what}, not {value!r:.60}")
                continue
            if field.name == "queues":
                object.__setattr__(self, "queues", _queues(value))
                continue
            wanted = float if field.name.endswith("_s") else int
            if isinstance(value, bool) or not isinstance(value, (int, wanted)) or not value > 0:
                kind = "a number of seconds" if wanted is float else "a whole number"
                raise ConfigurationError(f"{field.name} is {kind} above 0, not {value!r:.60}")

    def serves(self, queue: str) -> bool:
        """Whether runs of that queue are executed here; "" is none."""
        return self.queues is None or queue in self.queues

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """The configuration of a mapping, such as a table of ``pyproject.toml``."""
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                close = get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"known are: {', '.join(known)}"
                raise ConfigurationError(f"there is no setting {name!r:.60}", hint=hint)
        return cls(**settings)


def _queues(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    listed = tuple(given) if isinstance(given, (list, tuple)) else ()
    if not listed or not all(isinstance(name, str) for name in listed):
        raise ConfigurationError(
            f'queues is a list of names of queues, "" for runs of none, not {given!r:.60}',
            hint='queues = ["mails", ""]; leave it out to execute the runs of all',
        )
    return tuple(dict.fromkeys(listed))
