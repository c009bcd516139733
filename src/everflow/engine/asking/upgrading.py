"""Upgrading: runs are asked to go on under another shape of their flow.

Two rules hold here. Who asks changes no run: a message in the run's inbox does, which its owner, or
the next one, applies and journals. A run that can't follow isn't asked; should it be able no longer
once the message is applied, it stays as it is, and the log and the audit say why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from everflow.core.definition import Definition, from_data
from everflow.core.matching import Fit
from everflow.engine.asking.client import Client
from everflow.engine.given.replies import require_here
from everflow.engine.operating.checking import Checked, Checker
from everflow.engine.records.audit import audit
from everflow.errors import NoSuchFlow, UnresolvedName
from everflow.store import UpgradeTo, Verdict

__all__ = ["Upgrader"]

MOVABLE = frozenset({Fit.MOVES, Fit.SETTINGS})


class Upgrader:
    """Looks at open runs with today's code, and asks for their upgrades."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store
        self._written: set[str] = set()

    def check(self, flow: str | None = None) -> Iterator[list[Checked]]:
        """The verdicts of all open runs, of one flow or of all, a page at a time."""
        return Checker(self._store, self._client.definitions).open_runs(flow)

    def upgrade(
        self,
        runs: Sequence[str] | None = None,
        *,
        flow: str | None = None,
        to: str | None = None,
        by: str = "",
        dry: bool = False,
    ) -> Iterator[list[Checked]]:
        """Ask that runs go on under today's shape, or under the definition of the hash ``to``.

        The runs named, else all open ones, of one flow or of all. Gives the verdicts a page at a
        time; those that ``moves`` or ``settings`` are asked, unless ``dry``.
        """
        definitions = self._client.definitions
        target = None if to is None else self._given(to)
        checker = Checker(self._store, definitions, target)
        if runs is None:
            pages = checker.open_runs(flow or (target.program.name if target else None))
        else:
            rows = [self._client.row(run) for run in runs]
            for row in rows:
                require_here(row)
            pages = iter([checker.runs(rows)])
        for page in pages:
            if not dry:
                asked = self._ask([found for found in page if found.fit in MOVABLE], checker, by)
                self._write_down(asked, checker, by, named=runs is not None)
            yield page

    def _given(self, hash_: str) -> Definition:
        body = self._store.definition(hash_)
        if body is None:
            raise NoSuchFlow(
                f"the store has no definition {hash_!r:.80}",
                hint="`everflow check --json` shows those of the open runs",
            )
        found = Definition(from_data(body, self._client.registry))
        if found.program.lineage is not None:
            raise UnresolvedName(
                f"{hash_} is the shape of upgraded runs alone",
                hint="name the one that they were upgraded to: the part before the last dash",
            )
        return found

    def _write_down(
        self, asked: Sequence[Checked], checker: Checker, by: str, *, named: bool
    ) -> None:
        """What was asked for, in the audit: by run where they were named, else how many by flow."""
        at, random = self._client.clock.wall(), self._client.random
        flows: dict[str, list[str]] = {}
        for found in asked:
            flows.setdefault(found.flow, []).append(found.run)
        puts = []
        for flow, runs in flows.items():
            target = checker.target(flow)
            to = "" if target is None else target.hash
            write = partial(audit, "upgrade", at=at, by=by, random=random, definition=to)
            if named:
                puts += [write(run=run) for run in runs]
            else:
                puts.append(write(subject=f"flow:{flow}", runs=len(runs)))
        if puts:
            self._store.write(puts, at=at)

    def _ask(self, movable: Sequence[Checked], checker: Checker, by: str) -> list[Checked]:
        """Those that were asked; a run that has ended meanwhile is told as such."""
        now = self._client.clock.wall()
        targets = {found.flow: checker.target(found.flow) for found in movable}
        known = {d.hash: d.body for d in targets.values() if d is not None}
        fresh = [pair for pair in known.items() if pair[0] not in self._written]
        if fresh:
            self._store.write([], at=now, definitions=fresh)
            self._written.update(known)
        messages = [
            UpgradeTo(no=found.no, definition=target.hash, at=now, by=by)
            for found in movable
            if (target := targets[found.flow]) is not None
        ]
        asked = []
        for found, verdict in zip(movable, self._client.accept.all(messages), strict=True):
            if verdict is Verdict.ACCEPTED:
                asked.append(found)
            else:
                gone = verdict is Verdict.HANDED_OFF
                why = "another instance has it" if gone else "it has ended meanwhile"
                found.fit, found.reason = Fit.SAME, why
        return asked
