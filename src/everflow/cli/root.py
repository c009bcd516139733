"""The program: its commands in the order in which one meets them, and what ends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import click

from everflow.cli.commands.activity import activity
from everflow.cli.commands.actor import actor
from everflow.cli.commands.answer import answer, cancel, resume, signal
from everflow.cli.commands.audit import audit
from everflow.cli.commands.cache import cache
from everflow.cli.commands.change import check, upgrade
from everflow.cli.commands.demo import demo
from everflow.cli.commands.erase import erase, rewrap
from everflow.cli.commands.graph import graph
from everflow.cli.commands.handoff import handoff
from everflow.cli.commands.keep import adopt, backup, export, import_
from everflow.cli.commands.look import list_, status
from everflow.cli.commands.move import move_
from everflow.cli.commands.operate import acknowledge, fork, label, pause, retry, unpause
from everflow.cli.commands.peer import peer
from everflow.cli.commands.prune import prune
from everflow.cli.commands.queue import queue
from everflow.cli.commands.retain import retain
from everflow.cli.commands.run import run, start
from everflow.cli.commands.schedule import schedule
from everflow.cli.commands.serve import serve
from everflow.cli.commands.show import show
from everflow.cli.commands.simulate import simulate
from everflow.cli.commands.store import store
from everflow.cli.commands.token import token
from everflow.cli.commands.trigger import trigger
from everflow.cli.commands.worker import worker
from everflow.cli.commands.workers import workers
from everflow.cli.exits import EXITS, Exit
from everflow.cli.output import hush, report
from everflow.cli.words import broken, plain
from everflow.errors import CallerError
from everflow.release import VERSION

__all__ = ["everflow"]


class Program(click.Group):
    """The commands by section; anything unforeseen ends with a code of its own."""

    sections: ClassVar[tuple[tuple[str, tuple[click.Command, ...]], ...]] = (
        ("Begin here", (demo,)),
        ("Runs", (run, start, answer, resume, signal, cancel, schedule, trigger, activity)),
        ("Operate", (retry, fork, pause, unpause, label, acknowledge)),
        ("Look", (status, list_, show, workers, graph, audit)),
        ("Try", (simulate,)),
        ("Change", (check, upgrade)),
        ("Serve", (serve, token, peer, handoff, actor)),
        ("Keep", (worker, queue, export, import_, adopt, move_, backup)),
        ("Forget", (prune, retain, cache, erase, rewrap)),
        ("Prepare", (store,)),
    )

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's own signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the commands by section."""
        width = max(len(found.name or "") for _, group in self.sections for found in group)
        for title, group in self.sections:
            with formatter.section(title):
                rows = [(f"{found.name:<{width}}", found.get_short_help_str(60)) for found in group]
                formatter.write_dl(rows)

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's own signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), words) for code, words in EXITS.items()])
        formatter.write("\nEach command teaches itself: everflow run --help\n")

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command and end with its code, also where it never began."""
        words = sys.argv[1:] if args is None else list(args)
        as_json = "--json" in words
        try:
            _refuse_broken(words)
            code = super().main(words, *rest, **{**extra, "standalone_mode": False})
        except click.ClickException as error:
            if as_json:
                report(CallerError(error.format_message()), as_json=True)
            else:
                error.show()
            sys.exit(error.exit_code)
        except click.Abort as abort:
            interrupted = isinstance(abort.__cause__, KeyboardInterrupt)
            click.echo("everflow: interrupted" if interrupted else "nothing was changed", err=True)
            sys.exit(int(Exit.INTERRUPTED if interrupted else Exit.USAGE))
        sys.exit(code or int(Exit.OK))

    def make_context(
        self, info_name: str | None, args: list[str], *rest: Any, **extra: Any
    ) -> click.Context:
        """Read the words; ``--help`` may be printed to a reader that went away."""
        with _readers_may_leave():
            return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that went away is no trouble."""
        with _readers_may_leave():
            return super().invoke(ctx)


@contextmanager
def _readers_may_leave() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        hush()
        sys.exit(int(Exit.OK))


def _refuse_broken(words: Sequence[str]) -> None:
    """Refuse words whose bytes were no UTF-8: no store can hold them."""
    for word in words:
        if broken(word):
            raise click.UsageError(f"{plain(word):.80} isn't UTF-8")


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, message="everflow %(version)s")
def everflow() -> None:
    """Durable workflows as plain data.

    A FLOW is named FILE.py:flow or package.module:flow, a RUN by its id, a question by its TOKEN.
    Values are JSON; @FILE reads one from a file and - from the standard input.
    A store is a file, or a schema in PostgreSQL.
    """


for _, _group in Program.sections:
    for _command in _group:
        everflow.add_command(_command)
