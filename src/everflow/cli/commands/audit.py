"""``audit``: who did what."""

from __future__ import annotations

import json
from typing import Any

import click
from msgspec.structs import asdict

from everflow.cli.options import as_time, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import local, many
from everflow.engine.records.audit import AuditLine, AuditQuery, audit_lines, prune_audit
from everflow.views import instant

__all__ = ["audit"]


@command(
    "audit",
    """
    everflow audit --since 1d
    everflow audit --run 01k3v9…xw3
    everflow audit --by Ines --action cancel --json
    everflow audit --prune --before 365d
    """,
    imports=False,
)
@click.option("--run", metavar="RUN", help="What was done to that run.")
@click.option("--by", metavar="NAME", help="What that person did.")
@click.option("--action", metavar="VERB", help="cancel, retry, fork, pause, label, adopt …")
@click.option("--since", callback=as_time, metavar="TIME", help="Since then: 2026-01-31, 2d ago.")
@click.option("--before", callback=as_time, metavar="TIME", help="Before then.")
@click.option("--prune", is_flag=True, help="Delete all lines from before --before.")
def audit(here: Here, *, prune: bool, **given: Any) -> None:
    """Who did what: one line for each thing that was done by a command or a call."""
    query = AuditQuery(**given)
    with connected(here) as flows:
        if prune:
            if given["before"] is None or any(given[name] for name in ("run", "by", "action")):
                raise click.UsageError("--prune goes with --before alone")
            at = flows.client.clock.wall()
            count = prune_audit(flows.store, before=given["before"], at=at)
            if here.json:
                emit({"pruned": count})
            else:
                screen().line(f"{many(count, 'line')} deleted")
            return
        lines = list(audit_lines(flows.store, query))
    if here.json:
        for line in lines:
            emit({**asdict(line), "at": instant(line.at)})
    elif lines:
        screen().table(("time", "by", "what", "to", "with"), [_row(line) for line in lines])
    else:
        notes().line("nothing was done")


def _row(line: AuditLine) -> tuple[str, ...]:
    detail = json.dumps(line.detail, ensure_ascii=False) if line.detail else ""
    return local(line.at), line.by, line.action, line.run or line.subject, detail
