"""``demo``: the publish example, played to its end while its worker is killed twice."""

from __future__ import annotations

import click

from everflow.cli.exits import Exit
from everflow.cli.options import leave, plain_command
from everflow.cli.settings import Here
from everflow.errors import ConfigurationError

__all__ = ["demo"]


@plain_command(
    "demo",
    """
    everflow demo
    everflow demo /tmp/publishing
    everflow demo --federated
    """,
)
@click.argument("folder", required=False)
@click.option("--federated", is_flag=True, help="Play it with two servers, one of which dies.")
def demo(here: Here, *, folder: str | None, federated: bool) -> None:
    """See six posts through a publishing pipeline whose worker is killed twice.

    Copies the example into FOLDER (a new one, everflow-demo unless named), starts a run for each
    post, kills its own worker with SIGKILL in the middle, twice, answers as the editor, and counts
    what ran. Takes about ten seconds, asks nothing, needs no network. Exit code 0 only if all that
    was promised was found to be so.

    With --federated there are two servers: one publishes to the other by ActivityPub and copies its
    runs to it, is killed for good, and the other one goes on with them.
    """
    if federated:
        leave(_perform_federated(here, folder))
    from everflow.cli.demo.telling import perform  # noqa: PLC0415 - mailboxes and XML start slowly

    leave(perform(here, folder))


def _perform_federated(here: Here, folder: str | None) -> Exit:
    try:
        from everflow.cli.demo.federated.telling import perform  # noqa: PLC0415 - it needs extras
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the demo of two servers needs the module {error.name}",
            hint="install it: pip install 'everflow[demo,server,federation]'",
        ) from error
    return perform(here, folder)
