"""A process whose files may not grow for a while, so that its engine is refused by the kernel.

``python -m tests.faults.limited STORE`` says how a start was refused, then ``healed`` once all runs
went on.
"""

from __future__ import annotations

import resource
import sys

from everflow import Config, Engine, RunQuery, Status, flow, node
from everflow.errors import StoreUnavailable
from tests.faults.outside import until

LIMIT = 1 << 20


@node
def swell(x: int) -> str:
    return "x" * 50_000


@node(inline=True)
def measure(text: str) -> int:
    return len(text)


swelling = flow("limited-swelling", swell >> measure)


def refusal(engine: Engine) -> str:
    """Start until that is refused; the refusal's name."""
    for number in range(10_000):
        try:
            engine.start(swelling, number)
        except StoreUnavailable as error:
            return type(error).__name__
    return "none"


def main(store: str) -> None:
    with Engine(store, config=Config(poll_s=0.01)) as engine:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
        print("refused", refusal(engine), flush=True)  # noqa: T201 - the parent reads it
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        until(lambda: set(engine.client.store.count(RunQuery())) == {Status.DONE}, 10.0)
        print("healed", flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
