"""``handoff`` and its commands: which instance has a run, and who has copies of it."""

from __future__ import annotations

from typing import Any

import click

from everflow.cli.commands.peer import peering
from everflow.cli.options import Group, as_length, as_time, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import local, many
from everflow.clock import SystemClock
from everflow.engine.faces.connect import Connection
from everflow.errors import CallerError

__all__ = ["handoff"]

RUN = click.argument("run")
PEER = click.argument("peer")
_ROLES = {
    "none": "nothing of it",
    "replica": "a copy",
    "owner": "runs here",
    "offering": "runs here, offered",
    "fenced": "given, not adopted yet",
    "handed_off": "handed off",
}


@click.group("handoff", cls=Group)
def handoff() -> None:
    """Have runs copied to peers, handed to them, or taken over.

    What is ordered is carried out while a server runs on the store.
    """


@command("list", "everflow handoff list\neverflow handoff list --peer east --json", imports=False)
@click.option("--peer", metavar="NAME", help="Only copies of runs that this peer has.")
def list_(here: Here, *, peer: str | None) -> None:
    """Runs that other instances have, too: who has each, and what is here of it."""
    with connected(here) as flows:
        office = _office(flows)
        found = office.holdings() if peer is None else office.copies(peer)
        names = _names(flows)
    for one in found if here.json else ():
        emit(_view(one))
    if found and not here.json:
        heads = ("RUN", "FLOW", "STANDS", "EPOCH", "WITH", "ENTRIES", "COPIED TO")
        screen().table(heads, [_row(one, names) for one in found])
    elif not here.json:
        notes().line("no run ever moved", "dim")


@command("give", "everflow handoff give 01k3v9…xw3 east", imports=False)
@RUN
@PEER
def give(here: Here, *, run: str, peer: str) -> None:
    """Hand a run to a peer, which goes on with it, if it accepts. Nothing is lost or done twice."""
    _done(here, run, lambda office: office.give(run, peer))


@command("back", "everflow handoff back 01k3v9…xw3", imports=False)
@RUN
def back(here: Here, *, run: str) -> None:
    """Take back a run that was offered, or given and not adopted yet."""
    _done(here, run, lambda office: office.call_back(run))


@command(
    "take",
    """
    everflow handoff take 01k3v9…xw3
    everflow handoff take --from east --yes
    """,
    imports=False,
)
@click.argument("run", required=False)
@click.option("--from", "peer", metavar="PEER", help="All runs of that peer whose copies are here.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def take(here: Here, *, run: str | None, peer: str | None, yes: bool) -> None:
    """Go on here with the copy of a run, whoever else may. It may execute twice.

    That is for an instance that is gone for good. What it had and the copy lacks is lost, or set
    aside there if it comes back.
    """
    if (run is None) == (peer is None):
        raise CallerError("handoff take takes either a RUN or --from PEER")
    with connected(here) as flows:
        office = _office(flows)
        runs = [run] if peer is None else [one.run for one in office.copies(peer) if one.whole]
        if not runs:
            raise CallerError(
                f"there is no whole copy here of a run that {peer} has",
                hint="everflow handoff list shows what there is",
            )
        if not yes:
            click.confirm(
                f"{many(len(runs), 'run')} may execute twice if the owner lives; go on?",
                abort=True,
                err=True,
            )
        taken = [office.take_over(one) for one in runs]
    for one in taken:
        emit(_view(one)) if here.json else screen().line(f"{one.run} goes on here")


@command("copy", "everflow handoff copy east\neverflow handoff copy east 01k3v9…xw3", imports=False)
@PEER
@click.argument("runs", metavar="[RUN]...", nargs=-1)
def copy(here: Here, *, peer: str, runs: tuple[str, ...]) -> None:
    """Copy runs to a peer now: all that are here, if none are named."""
    with connected(here) as flows:
        wanted = _office(flows).copy(peer, runs or None)
    emit({"copied": [*wanted]}) if here.json else screen().line(
        f"{many(len(wanted), 'run')} will be copied to {peer}"
    )


@command(
    "replicate",
    """
    everflow handoff replicate publish east --when commit
    everflow handoff replicate publish --stop
    """,
    imports=False,
)
@click.argument("flow")
@click.argument("peer", required=False)
@click.option(
    "--when",
    type=click.Choice(["commit", "suspension", "manual"]),
    default="commit",
    show_default=True,
    help="At every commit, at each suspension and end, or when `copy` says so.",
)
@click.option(
    "--lease",
    callback=as_length,
    metavar="LENGTH",
    help="Run them only while the peer grants it, for so long each time.",
)
@click.option("--stop", is_flag=True, help="New runs aren't copied any more.")
def replicate(
    here: Here, *, flow: str, peer: str | None, when: Any, lease: float | None, stop: bool
) -> None:
    """Have each run of a flow copied to a peer from when it starts, and those that go on."""
    if stop == (peer is not None):
        raise CallerError("handoff replicate takes a FLOW and a PEER, or a FLOW and --stop")
    with connected(here) as flows:
        office = _office(flows)
        if peer is None:
            gone = office.replicate_no_more(flow)
            said = f"runs of {flow} aren't copied from their start" + ("" if gone else " anyway")
        else:
            office.replicate(flow, peer, when, lease or 0.0)
            said = f"runs of {flow} are copied to {peer}: {when}"
            said += f", and run while it grants {lease:g} s" if lease else ""
    told = {"flow": flow, "to": peer or "", "when": when, "lease": lease or 0.0}
    emit(told) if here.json else screen().line(said)


@command("lease", "everflow handoff lease 01k3v9…xw3 east --span 20s", imports=False)
@RUN
@PEER
@click.option(
    "--span",
    callback=as_length,
    default="20s",
    show_default=True,
    metavar="LENGTH",
    help="How long the peer waits for word before it takes the run.",
)
def lease(here: Here, *, run: str, peer: str, span: float) -> None:
    """Run it only while a peer grants it so; without word from here, the peer takes it over."""
    _done(here, run, lambda office: office.lease(run, peer, span))


@command("unlease", "everflow handoff unlease 01k3v9…xw3", imports=False)
@RUN
def unlease(here: Here, *, run: str) -> None:
    """End a lease, once the peer has said that it won't take the run."""
    _done(here, run, lambda office: office.end_lease(run))


@command("believe", "everflow handoff believe 01k3v9…xw3 north", imports=False)
@RUN
@PEER
def believe(here: Here, *, run: str, peer: str) -> None:
    """Hear a peer of a run from now on, although nobody who had the run named it."""
    _done(here, run, lambda office: office.believe(run, peer))


@command("branches", "everflow handoff branches 01k3v9…xw3", imports=False)
@RUN
def branches(here: Here, *, run: str) -> None:
    """What was set aside of a run when another instance turned out to have it."""
    with connected(here) as flows:
        found = _office(flows).branches(run)
    for one in found if here.json else ():
        emit(_branch(one))
    for one in () if here.json else found:
        whole = one.whole
        last = one.first + len(whole.entries) - 1
        entries = f"entries {one.first} to {last}" if whole.entries else "no entries"
        screen().line(f"{local(one.at)}  {one.label}: {entries}, {whole.row.status}")
        for _, seq, body, _ in whole.entries:
            screen().line(f"  {seq}  {body[:WIDTH]}", "dim")
    if not (found or here.json):
        notes().line("nothing was set aside", "dim")


@command(
    "forget",
    """
    everflow handoff forget 01k3v9…xw3
    everflow handoff forget 01k3v9…xw3 --branches
    everflow handoff forget --from east --before 30d
    """,
    imports=False,
)
@click.argument("run", required=False)
@click.option("--branches", "aside", is_flag=True, help="Only what was set aside of it.")
@click.option("--from", "peer", metavar="PEER", help="All copies of runs that peer has.")
@click.option(
    "--before", callback=as_time, metavar="TIME", help="Of these, those that grew last before."
)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def forget(
    here: Here, *, run: str | None, aside: bool, peer: str | None, before: int | None, yes: bool
) -> None:
    """Delete copies of runs that other instances have, and what was set aside of them.

    Who has each stays known; what its owner ships later is a copy again.
    """
    if (run is None) == (peer is None) or (peer is None) != (before is None):
        raise CallerError("handoff forget takes either a RUN or --from PEER --before TIME")
    with connected(here) as flows:
        office = _office(flows)
        runs = [run] if run is not None else office.forgettable(peer, before)
        if runs and not yes:
            what = "what was set aside" if aside else "what is here"
            click.confirm(
                f"{what} of {many(len(runs), 'run')} is deleted; go on?", abort=True, err=True
            )
        gone = {one: office.forget(one, aside=aside) for one in runs}
    for one, branches in gone.items() if here.json else ():
        emit({"run": one, "copy": not aside, "branches": branches})
    if not here.json:
        told = many(sum(gone.values()), "branch", "branches")
        copies = "" if aside else f"{many(len(gone), 'copy', 'copies')} and "
        screen().line(f"forgotten: {copies}{told}")


WIDTH = 100  # characters of an entry that is shown

for _command in (
    list_, give, back, take, copy, replicate, lease, unlease, believe, branches, forget,
):  # fmt: skip
    handoff.add_command(_command)


def _office(flows: Connection) -> Any:
    return peering().office_of(flows.client, SystemClock())


def _names(flows: Connection) -> dict[str, str]:
    federation = peering()
    found = {one.id: one.name for one in federation.Peers(flows.store, SystemClock().wall).all()}
    return {**found, federation.described(flows.store).id: "here"}


def _done(here: Here, run: str, order: Any) -> None:
    with connected(here) as flows:
        found = order(_office(flows))
        names = _names(flows)
    if here.json:
        emit(_view(found))
        return
    offered = f" to {names.get(found.offered, found.offered)}" if found.offered else ""
    screen().line(f"{run}: {_ROLES[found.role]}{offered}")


def _row(one: Any, names: dict[str, str]) -> tuple[str, ...]:
    lag = "" if not one.lag else f", {one.lag} behind"
    return (
        one.run,
        one.flow,
        _ROLES[one.role],
        str(one.epoch),
        names.get(one.owner, one.owner[:12]),
        f"{one.entries:,}" + ("" if one.whole else " (not whole)"),
        f"{names.get(one.to, one.to)} ({one.when}{lag})" if one.to else "",
    )


def _view(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _branch(one: Any) -> dict[str, Any]:
    return {
        "run": one.run,
        "label": one.label,
        "at": one.at,
        "first": one.first,
        "whole": one.sides,
        "status": str(one.whole.row.status),
        "entries": [[seq, body] for _, seq, body, _ in one.whole.entries],
    }
