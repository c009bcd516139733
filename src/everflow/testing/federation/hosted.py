"""The simulated world with real hosts: sessions over stores, letters as they go over the wire.

Everything but the network, the clocks and the deaths is what an instance runs: the host, the
reception with its grants, the encoding of letters and the store's verbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from everflow.clock import RunClock
from everflow.config import Config
from everflow.core.registry import Registry
from everflow.engine.asking.client import Client
from everflow.errors import StoreUnavailable
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.letters import encode, envelope, opened
from everflow.federation.carrying.reception import Reception
from everflow.federation.carrying.setting import Instance as Hosting
from everflow.federation.peers import ANY, Peer
from everflow.federation.protocol.messages import Cut, Held, Message
from everflow.federation.protocol.standing import Settings, Standing
from everflow.federation.protocol.turns import (
    Event,
    Grew,
    Heard,
    Session,
    TakeOver,
    Tick,
    Turn,
)
from everflow.testing.federation.stored import RUN, HandedStore, StoredShelf
from everflow.testing.federation.world import DRIFT, Instance, Mail, World
from everflow.testing.simulator.plan import Fault
from everflow.testing.simulator.untrue import claim

__all__ = ["HostedWorld"]

_ROOM = 1 << 40


def _untied(_store: object, _run: str) -> tuple[()]:
    """The entries of the simulation are no journal: they tie the run to nobody."""
    return ()


class _Died(Exception):
    """The process is gone."""


@dataclass
class _Act:
    """What is going on at an instance, and what is to go wrong with it."""

    event: Event | None = None
    fault: Fault = Fault.NONE
    salt: int = 0
    wrote: bool = False


class _Time:
    """The clocks of an instance."""

    def __init__(self, world: World, one: Instance) -> None:
        self._world, self._one = world, one

    def wall(self) -> int:
        """As the simulation set it."""
        return self._world.time + self._one.wall + _EPOCH

    def boot(self) -> int:
        """Of this life."""
        return self._world.moment(self._one).at


_EPOCH = 1 << 50


class HostedWorld(World):
    """Some instances with one run, each with a host."""

    def __init__(self, dice: Random, names: tuple[str, ...]) -> None:
        super().__init__(dice, names)
        self._acts = {name: _Act() for name in names}
        self._stores: dict[str, HandedStore] = {}
        self._hosts: dict[str, Host] = {}
        self._receptions: dict[str, Reception] = {}
        for one in self.instances.values():
            store = self._stores[one.name] = HandedStore()
            one.shelf = StoredShelf(store)
            self._host(one)
        first = self.instances[names[0]].shelf
        if isinstance(first, StoredShelf):
            first.start()

    def _host(self, one: Instance) -> None:
        """A new process of an instance: all that it remembered is gone."""
        store, time = self._stores[one.name], _Time(self, one)
        client = Client(store, Registry(), Config(), RunClock(time), Random(0).randbytes)
        settings = Settings(drift=DRIFT)
        hosting = Hosting(lambda: one.name, str, self.moment(one).life, settings, _untied)
        saying = _Saying(self, one)
        self._hosts[one.name] = host = Host(client, time, hosting, saying)
        self._receptions[one.name] = Reception(host, client, saying, time.boot)

        def before() -> None:
            act = self._acts[one.name]
            if act.fault in {Fault.DIE_BEFORE, Fault.FAIL}:
                raise _Died if act.fault is Fault.DIE_BEFORE else StoreUnavailable("not done")

        def after(old: Standing, done: bool) -> None:  # noqa: FBT001 - as the store gives it
            if done:
                self._done(one, old)

        store.before, store.after = before, after

    def _done(self, one: Instance, old: Standing) -> None:
        act, new = self._acts[one.name], one.shelf.standing
        act.wrote = True
        if new != old:
            self.ledger.wrote(one.name, old, one.shelf, forced=isinstance(act.event, TakeOver))
        if (old.role, old.epoch) != (new.role, new.epoch):
            said = act.event.message if isinstance(act.event, Heard) else act.event
            # A host that hears that a run got on tells it the time, too.
            name = "Tick" if isinstance(said, Grew) else type(said).__name__
            self.changes.add((old.role, name, new.role))
        if act.fault is Fault.LIE:
            act.fault = Fault.NONE
            raise StoreUnavailable("done, and said not to be")

    def said(self, one: Instance, target: str, message: Message) -> None:
        """Something is said, if the instance lives so long."""
        act = self._acts[one.name]
        if act.fault is Fault.DIE_AFTER and act.wrote:
            if act.salt % 2:
                raise _Died
            act.salt += 1
        if isinstance(message, Held):
            true = one.shelf.have.covers(message.have)
            claim(true, "a replica says only what it has", (one.name, message))
        if frozenset((one.name, target)) not in self.cuts:
            self.mail.append(Mail(one.name, target, message))

    # --- what the world asks

    def session(self, one: Instance) -> Session:
        """The session as the instance would load it."""
        host = self._hosts[one.name]
        return host.session(host.read([RUN])[0])

    def tell(
        self, one: Instance, event: Event, *, fault: Fault = Fault.NONE, salt: int = 0
    ) -> Turn | None:
        """Have the host told, as whatever is around it does."""
        if not one.up:
            return None
        act = self._acts[one.name] = _Act(event, fault, salt)
        host = self._hosts[one.name]
        dead = False
        try:
            if isinstance(event, Tick):
                host.tick()
            elif isinstance(event, Grew):
                host.grew([RUN])
            elif isinstance(event, Heard):
                self._hear(one, event)
            elif not isinstance(event, Cut) and one.shelf.have.seq:
                host.order(RUN, event)
        except _Died:
            dead = True
        except StoreUnavailable:
            pass
        dead = dead or (fault is Fault.DIE_AFTER and act.wrote)
        self._acts[one.name] = _Act()
        if dead:
            self.die(one)
            return None
        one.memory, one.wake = self.session(one).memory, host.soonest
        self.acknowledge(one)
        return None

    def _hear(self, one: Instance, heard: Heard) -> None:
        (letter,) = opened(envelope([encode(RUN, heard.message)]))
        room = _ROOM if one.willing else 0
        takes = (ANY,) if one.willing else ()
        peer = Peer(id=heard.sender, name="", address="", keys=(), keep=room, adopt=takes)
        self._receptions[one.name].hear(peer, [letter])

    def hear(self, mail: Mail, fault: Fault = Fault.NONE, salt: int = 0) -> None:
        """Something arrives."""
        if not isinstance(mail.content, Cut):
            one = self.instances[mail.target]
            self.tell(one, Heard(mail.source, mail.content), fault=fault, salt=salt)

    def load(self, one: Instance) -> None:
        """Another process, which looks at what stands."""
        self._host(one)
        self.tell(one, Grew(rests=True))


class _Saying:
    """What a host says goes into the world's mail."""

    def __init__(self, world: HostedWorld, one: Instance) -> None:
        self._world, self._one = world, one

    def put(self, peer: str, run: str, message: Message) -> None:
        """Tell a peer of the run."""
        claim(run == RUN, "there is one run", run)
        self._world.said(self._one, peer, message)

    def carries(self, _run: str) -> bool:
        """Nothing is too large here."""
        return False
