"""``demo``: the publish example, played to its end while its worker is killed twice."""

from __future__ import annotations

import click

from everflow.cli.options import command
from everflow.cli.settings import Here

__all__ = ["demo"]


@command("demo", "everflow demo", imports=False)
@click.argument("folder", default="everflow-demo")
def demo(here: Here, *, folder: str) -> None:
    """Play."""
