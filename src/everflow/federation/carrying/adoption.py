"""What a peer may have go on here: flows that this instance has, as it has them.

Three rules hold. Who may have only some flows go on here brings none of its own: the run's
definition is the one that the flow has here now, and what its bodies await, and whom it calls, are
of that flow or named beside it. It is judged by what the run would be loaded to, all of it, before
it may be run here. And a run that doesn't fit stays a copy, which a person may take over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from everflow.core.combine.call import Call
from everflow.core.combine.remote import Remote
from everflow.core.definition import Definition, from_data
from everflow.core.entries import decode_body
from everflow.core.flow import Flow
from everflow.core.journal import fold, in_force
from everflow.core.machine import Machine
from everflow.core.node import Node
from everflow.core.ops import CallOp
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.engine.asking.client import Client
from everflow.errors import NoSuchFlow, UnresolvedName
from everflow.federation.carrying.letters import slice_of
from everflow.federation.peers import ANY, Peer
from everflow.federation.protocol.lineage import Extent, within
from everflow.federation.protocol.standing import OWNING, Role, Standing
from everflow.federation.protocol.turns import Act, Event, Heard, Tick, Turn, Write
from everflow.store import EntryRow, Imported, Store, UpgradeTo
from everflow.store.handing import Tenure

__all__ = ["Coming", "Judge", "barred", "fences", "unfit", "unlike"]

PAGE = 1_000


@dataclass(frozen=True)
class Coming:
    """A run as it would be here: ``whole`` with ``entries``, and definitions that came with it."""

    whole: Imported
    entries: Sequence[EntryRow]
    definitions: Sequence[tuple[str, str]]


Judge = Callable[[Client, str, Coming], str]  # says why a run of that peer's can't go on here


def fences(was: Standing, turn: Turn) -> bool:
    """Whether the run is to be given away by that turn."""
    fenced = isinstance(turn.act, Write) and turn.act.standing.role is Role.FENCED
    return fenced and was.role is not Role.FENCED


def barred(
    client: Client, judge: Judge, tenure: Tenure, was: Standing, event: Event, turn: Turn
) -> str:
    """Why a run may not go on here as that turn has it; empty where it may, or doesn't."""
    giver = _giver(was, event, turn)
    return judge(client, giver, _coming(client.store, tenure, turn.act)) if giver else ""


def _giver(was: Standing, event: Event, turn: Turn) -> str:
    """Whose run goes on here by that turn: who hands it over, or who leased it; else nobody.

    A person's word, and a run that is here already, need nobody's leave.
    """
    act = turn.act
    if not isinstance(act, Write) or act.standing.role not in OWNING:
        return ""
    if isinstance(event, Heard):
        return event.sender if act.cut is not None else ""
    return was.epoch.owner if isinstance(event, Tick) and was.role not in OWNING else ""


def _coming(store: Store, tenure: Tenure, act: Act | None) -> Coming:
    """A run as it would be here after a write: what stays of what is here, and what is new."""
    written = act if isinstance(act, Write) else None
    keep = None if written is None else written.keep
    have = Extent(tenure.seq, tenure.rev)
    stays = (have if keep is None else within(have, keep)).seq
    cut = None if written is None else written.cut
    given = store.slice(tenure.run, 0) if cut is None else slice_of(cut)
    here = [row for row in _entries(store, tenure.run) if row[1] < stays] if stays else []
    new = [] if cut is None else [row for row in given.whole.entries if row[1] >= stays]
    return Coming(given.whole, [*here, *new], given.definitions)


def _entries(store: Store, run: str) -> Iterator[EntryRow]:
    row, first = store.find(run), 0
    while row is not None and (page := store.journal(row.no, first=first, limit=PAGE)):
        yield from page
        first = page[-1][1] + 1


def unlike(client: Client, peer: Peer | None, flow: str, definitions: Sequence[str]) -> str:
    """Why runs of that flow under these definitions don't go on here; empty where they do."""
    if peer is None:
        return "whose it was isn't known here any more"
    if ANY in peer.adopt:
        return ""
    if flow not in peer.adopt:
        return f"runs of {flow:.200} aren't adopted from {peer.name}"
    try:
        today = client.definition(flow).hash
    except NoSuchFlow:
        return f"there is no flow {flow:.200} here"
    same = all(name == today for name in definitions)
    return "" if same else f"its definition isn't the one that {flow:.200} has here"


def unfit(client: Client, peer: Peer | None, coming: Coming) -> str:
    """Why a run of that peer's doesn't go on here; empty where it does."""
    row = coming.whole.row
    orders = [one.definition for one in coming.whole.arrivals if isinstance(one, UpgradeTo)]
    why = unlike(client, peer, row.flow, [row.definition, *orders])
    if why or peer is None or ANY in peer.adopt:
        return why
    today = client.definition(row.flow)
    try:
        machine = _loaded(client, coming)
        mine = {_named(site.flow) for site in today.program.sites.values()}
        names = {_named(site.flow) for site in machine.sites.values()}
        false = [op for op in machine.state.ops.values() if not _is_meant(machine, op)]
        now = Definition(machine.program).hash
    except Exception as error:  # noqa: BLE001 - whatever a journal of others does, it doesn't fit
        return f"its journal can't be read here: {error!s:.200}"
    if now != today.hash or false:
        return f"its journal isn't one of {row.flow:.200} as it is here"
    strange = sorted(names - mine - {*peer.adopt, ""})
    return f"it is to run {strange[0]:.200}, which {row.flow:.200} has not" if strange else ""


def _loaded(client: Client, coming: Coming) -> Machine:
    """The run as an engine would load it."""
    given = dict(coming.definitions)

    def program_of(hash_: str) -> Program:
        body = given.get(hash_) or client.store.definition(hash_)
        if body is None:
            raise UnresolvedName(f"there is no definition {hash_:.80} here")
        return from_data(body, Registry())

    base = coming.whole.row.base
    bodies = [body for _, seq, body, _ in coming.entries if seq >= base]
    return fold(program_of(in_force(decode_body(bodies[0]))), bodies, program_of)


def _named(flow: Flow[Any, Any]) -> str:
    """What a flow has run by its name: a function, another flow, or what a peer exposes."""
    if isinstance(flow, Node):
        return flow.name
    if isinstance(flow, Call):
        return flow.flow
    return flow.function if isinstance(flow, Remote) else ""


def _is_meant(machine: Machine, op: object) -> bool:
    """Whether a call that is open is the one that stands at its position."""
    if not isinstance(op, CallOp):
        return True
    flow = machine.sites[op.position].flow
    peer = flow.peer if isinstance(flow, Remote) else ""
    return isinstance(flow, Call | Remote) and (op.flow, op.peer) == (_named(flow), peer)
