"""Options that commands share, each with one meaning everywhere.

``command`` makes a click command of a function: it gets ``here`` (store, modules, settings, whether
output is for machines) as its first argument, and whatever it raises of Everflow's own is told and
becomes an exit code. ``--help`` ends with examples.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from copy import copy
from functools import wraps
from typing import Any, NoReturn, TypeVar

import click

from everflow.cli.exits import EXITS, Exit, of_error
from everflow.cli.inputs import moment, seconds
from everflow.cli.output import hush, report
from everflow.cli.settings import here
from everflow.clock import SystemClock
from everflow.errors import ConfigurationError, EverflowError, MissingDependency

__all__ = ["BY", "Command", "Group", "as_length", "as_time", "command", "leave", "plain_command"]

Body = TypeVar("Body", bound=Callable[..., Any])


def as_length(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """A length of time, in seconds; a callback for options."""
    try:
        return None if value is None else seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def as_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """A time, in microseconds since the epoch; a callback for options."""
    try:
        return None if value is None else moment(value, SystemClock().wall())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


BY = click.option(
    "--by", metavar="NAME", help="Who says so, for the journal.  [default: the user's name]"
)
STORE = click.option(
    "--store",
    metavar="PLACE",
    help="The store: a file, or postgresql://USER@HOST/DATABASE.  "
    "[default: EVERFLOW_STORE, pyproject.toml, or everflow.db]",
)
IMPORT = click.option(
    "--import",
    "imports",
    metavar="MODULE",
    multiple=True,
    help="A module (package.module or FILE.py) to import besides; may be repeated.",
)
SIGNING = click.option(
    "--signing-keys",
    metavar="FOLDER",
    help="Where private keys lie.  "
    "[default: EVERFLOW_SIGNING_KEYS, pyproject.toml, or beside the store's file]",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print for machines: JSON lines.")


class Command(click.Command):
    """A command whose help ends with examples, one a line."""

    examples: str = ""

    def under(self, name: str) -> Command:
        """The same command under another name."""
        other = copy(self)
        other.name = name
        other.examples = self.examples.replace(f" {self.name} ", f" {name} ")
        other.short_help = f"The same as {self.name}."
        return other

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's own signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the examples as they stand."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class Group(click.Group):
    """Commands about one thing, in the order in which one meets them."""

    def list_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's own signature
    ) -> list[str]:
        """The names of its commands."""
        return list(self.commands)


def leave(code: Exit) -> NoReturn:
    """End the command with that code."""
    click.get_current_context().exit(int(code))


def command(
    name: str, examples: str, *, imports: bool = True, signs: bool = False
) -> Callable[[Body], Command]:
    """Make a command: shared options, the settings as ``here``, errors told.

    ``imports``: it loads the user's modules. ``signs``: it works with private keys.
    """
    chosen = [IMPORT] * imports + [SIGNING] * signs
    return _maker(name, examples, (STORE, *chosen, AS_JSON))


def plain_command(name: str, examples: str) -> Callable[[Body], Command]:
    """Make a command that has no store of the user's to work with."""
    return _maker(name, examples, (AS_JSON,))


def _maker(
    name: str, examples: str, shared: Sequence[Callable[[Any], Any]]
) -> Callable[[Body], Command]:
    def decorate(body: Body) -> Command:
        @wraps(body)
        def run(*, as_json: bool, **given: Any) -> None:
            store, modules = given.pop("store", None), given.pop("imports", ())
            signing = given.pop("signing_keys", None)
            try:
                place = here(store, modules, as_json=as_json, signing_keys=signing)
                body(place, **given)
            except EverflowError as error:
                if isinstance(error, MissingDependency):
                    error.hint = "write a dict provide = {Type: make_it} into the node's module"
                report(error, as_json=as_json)
                leave(of_error(error))
            except KeyboardInterrupt:
                click.echo(f"everflow: {EXITS[Exit.INTERRUPTED]}", err=True)
                leave(Exit.INTERRUPTED)
            except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
                raise
            except OSError as error:
                hush()
                report(ConfigurationError(f"the system refuses: {error}"), as_json=as_json)
                leave(Exit.STORE)
            except Exception:  # noqa: BLE001 - whatever it is, it is ours, and has its own code
                traceback.print_exc()
                click.echo(f"everflow: {EXITS[Exit.FAULT]}", err=True)
                leave(Exit.FAULT)

        decorated: Callable[..., Any] = run
        for option in reversed(shared):
            decorated = option(decorated)
        made = click.command(name, cls=Command)(decorated)
        # Options of the command's own come first in its help.
        count = len(shared)
        made.params = made.params[count:] + made.params[:count]
        made.examples = examples
        return made

    return decorate
