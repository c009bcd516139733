"""``demo``: the publish example, played to its end while its worker is killed twice."""

from __future__ import annotations

import click

from everflow.cli.options import leave, plain_command
from everflow.cli.settings import Here

__all__ = ["demo"]


@plain_command(
    "demo",
    """
    everflow demo
    everflow demo /tmp/publishing
    """,
)
@click.argument("folder", required=False)
def demo(here: Here, *, folder: str | None) -> None:
    """See six posts through a publishing pipeline whose worker is killed twice.

    Copies the example into FOLDER (a new one, everflow-demo unless named), starts a run for each
    post, kills its own worker with SIGKILL in the middle, twice, answers as the editor, and counts
    what ran. Takes about ten seconds, asks nothing, needs no network. Exit code 0 only if all that
    was promised was found to be so.
    """
    from everflow.cli.demo.telling import perform  # noqa: PLC0415 - mailboxes and XML start slowly

    leave(perform(here, folder))
