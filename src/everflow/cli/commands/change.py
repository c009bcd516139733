"""``check`` and ``upgrade``: what imported code means for open runs, and moving them to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from everflow.cli.commands.workers import unserved_words
from everflow.cli.exits import Exit
from everflow.cli.inputs import user_name
from everflow.cli.loading import load_all
from everflow.cli.options import BY, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.core.matching import Fit
from everflow.engine.asking.upgrading import Upgrader
from everflow.engine.operating.checking import Checked
from everflow.errors import CallerError
from everflow.views import nobody_works
from everflow.views.fleet import unserved

__all__ = ["check", "upgrade"]

FITS = frozenset({Fit.SAME, Fit.SETTINGS, Fit.MOVES})
Group = tuple[str, Fit, str, str, str]


class _Tally:
    """Verdicts, counted by what they say: a table stays short however many runs there are."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._groups: Counter[Group] = Counter()
        self._examples: dict[Group, str] = {}
        self._seen = 0

    def add(self, pages: Iterable[list[Checked]]) -> None:
        """Take all pages in; for machines each run is told at once."""
        for page in pages:
            self._seen += len(page)
            if not self._here.json and notes().live:
                notes().line(f"{self._seen:,} runs", "dim")
            for found in page:
                self._one(found)

    def _one(self, found: Checked) -> None:
        if self._here.json:
            emit(msgspec.to_builtins(found))
        group = found.flow, found.fit, found.position, found.reason, found.hint
        self._groups[group] += 1
        self._examples.setdefault(group, found.run)

    @property
    def counts(self) -> dict[str, int]:
        """How many runs have each verdict."""
        counts: Counter[str] = Counter()
        for (_, fit, *_), number in self._groups.items():
            counts[str(fit)] += number
        return {str(fit): counts[fit] for fit in Fit if counts[fit]}

    @property
    def moves(self) -> bool:
        """Whether there is something to be moved."""
        return any(group[1] is Fit.MOVES for group in self._groups)

    @property
    def fits(self) -> bool:
        """Whether every run goes on with this code, or can be moved to it."""
        return all(group[1] in FITS for group in self._groups)

    def show(self) -> None:
        """The table, the reasons below it, and what to do."""
        if self._here.json:
            emit({"counts": self.counts, "fits": self.fits})
            return
        if not self._groups:
            notes().line("no open runs")
            return
        groups = sorted(self._groups.items())
        rows = [
            (f"{number:,}", flow, str(fit), position, self._examples[group])
            for group, number in groups
            for flow, fit, position, *_ in [group]
        ]
        screen().table(("runs", "flow", "verdict", "position", "such as"), rows)
        for group, _ in groups:
            self._explain(group)
        for hint in dict.fromkeys(group[4] for group, _ in groups if group[4]):
            notes().line(hint, "dim")

    def _explain(self, group: Group) -> None:
        """Why, in whole: below the table, where a narrow terminal cuts nothing."""
        flow, fit, position, reason, _ = group
        if not reason:
            return
        at = f" at {position}" if position else ""
        screen().line(f"{flow} {fit}{at}, such as {self._examples[group]}", "bold")
        for line in reason.split("\n"):
            screen().line(f"  {line}")


@command(
    "check",
    """
    everflow check --import blog.flows
    everflow check --import flow.py --flow publish --json
    """,
)
@click.option("--flow", metavar="NAME", help="Only runs of that flow.")
def check(here: Here, *, flow: str | None) -> None:
    """What the code that is imported means for every open run.

    `same`: nothing changes. `settings`: it takes the new counts, delays and constants by itself.
    `moves`: `everflow upgrade` takes it to the new shape. `cannot`: it stands where the new shape
    has nothing, and goes on in its old one. `missing`, `misfit`: functions are gone that it needs,
    or a value that it holds doesn't fit today's types, so that it would be parked.
    """
    load_all(here)
    tally = _Tally(here)
    with connected(here) as flows:
        if flow is not None:
            flows.client.require_flow(flow)
        tally.add(Upgrader(flows.client).check(flow))
        left = unserved(flows.store) if flow is None and flows.store.workers() else {}
    tally.show()
    for words in unserved_words(left):
        notes().line(words, "yellow")
    if not tally.fits:
        leave(Exit.FLOW)


@command(
    "upgrade",
    """
    everflow upgrade 01k3v9…xw3 --import blog.flows
    everflow upgrade --flow publish --dry-run --import blog.flows
    everflow upgrade --all --by ann --import blog.flows
    """,
)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--flow", metavar="NAME", help="All open runs of that flow.")
@click.option("--all", "everything", is_flag=True, help="All open runs of all flows.")
@click.option("--to", metavar="HASH", help="The definition to go to, if not today's.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would become of them.")
@BY
def upgrade(here: Here, *, by: str | None, **given: Any) -> None:
    """Move RUNs to the shape that their flow has in the code that is imported.

    Each goes on where it stands, under its op ids; who asked is in its journal. A worker does it,
    now or when the next one is there. Runs that can't be moved are left as they are.
    """
    runs, everything = given["runs"], given["everything"]
    if bool(runs) + bool(given["flow"]) + everything != 1:
        raise CallerError(
            "upgrade takes either RUNs, or a flow, or all",
            hint="name runs, or say --flow NAME, or --all",
        )
    load_all(here)
    tally = _Tally(here)
    with connected(here) as flows:
        if given["flow"] is not None:
            flows.client.require_flow(given["flow"])
        asked = Upgrader(flows.client).upgrade(
            runs or None, flow=given["flow"], to=given["to"], by=by or user_name(), dry=given["dry"]
        )
        tally.add(asked)
        idle = nobody_works(flows.store)
    tally.show()
    if idle and tally.moves and not (given["dry"] or here.json):
        notes().line("no worker is running: the next one moves them", "dim")
    if not tally.fits:
        leave(Exit.FLOW)
