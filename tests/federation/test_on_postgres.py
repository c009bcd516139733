"""An instance on PostgreSQL among others: its key lies in a folder, its runs are any worker's.

B100, B107; reliability 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from everflow import Config, Engine, Run, remote_node, suspend
from everflow.activitypub import Actors
from everflow.errors import ConfigurationError
from everflow.federation import Federation, create_identity, identity_of
from everflow.federation.identity import pending_key, take_pending
from everflow.federation.protocol.standing import Role
from everflow.net.keys import key_word, private_pem, save_key
from everflow.stores.postgres import PostgresStore
from tests.activitypub.support import KEYS
from tests.engine.support import PATIENT, QUICK, plus_one, until
from tests.federation.support import Instance, errands, quiet
from tests.federation.test_handing import everywhere, friends, role

HERE = "https://flows.example"


@contextmanager
def opened(url: str) -> Iterator[PostgresStore]:
    """A store in PostgreSQL."""
    store = PostgresStore.open(url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def mixed(url: str, folder: Path) -> Iterator[tuple[Instance, Instance]]:
    """West, on PostgreSQL, and east, in memory, who know each other and take each other's runs."""
    with (
        opened(url) as store,
        friends("west", "east", stores={"west": store}, folder=str(folder)) as (west, east),
    ):
        yield west, east


def test_calls_go_both_ways(fresh_url: str, tmp_path: Path) -> None:
    """B100: of a worker of the fleet, too, that has neither server nor key: west's carries it."""
    with mixed(fresh_url, tmp_path) as (west, east):
        for each, other in ((west, east), (east, west)):
            each.expose("add", plus_one)
            each.flow("ask", remote_node(other.name, "add") >> plus_one)
            each.peers.change(other.name, allowed=("add",))
            each.up()
        config = Config(poll_s=QUICK)
        with Engine(fresh_url, registry=west.registry, config=config, clock=west.clock) as worker:
            runs: list[Run[int]] = [of.start("ask", 1) for of in (worker, west.engine, east.engine)]
            assert [run.result(PATIENT) for run in runs] == [3, 3, 3]
        quiet(west, east)
        assert len(east.executed("add")) == 2


def test_a_file_of_another_key_costs_time_alone(fresh_url: str, tmp_path: Path) -> None:
    """B100: what was to be sent meanwhile is sent once the file is there that a rotation made."""
    with mixed(fresh_url, tmp_path) as (west, east):
        east.expose("add", plus_one)
        east.peers.change("west", allowed=("add",))
        for each in (west, east):
            each.up()
        (place,) = tmp_path.iterdir()
        former = place.read_text()
        word = key_word(pending_key(west.store, at=1, folder=str(tmp_path)).public_key())
        take_pending(west.store, at=2, folder=str(tmp_path))
        east.peers.change("west", keys=(word,))
        now = place.read_text()
        place.write_text(former)  # this machine wasn't given the new one yet
        run = west.engine.start(west.flow("ask", remote_node("east", "add")), 1)
        until(lambda: any("isn't that" in errand.trouble for errand in errands(west)))
        place.write_text(now)
        assert run.result(PATIENT) == 2


@contextmanager
def another(of: Instance, url: str) -> Iterator[tuple[Engine, Federation]]:
    """A second process that executes and carries for an instance."""
    settings = Config(**{"poll_s": QUICK, **of.settings})
    with Engine(url, registry=of.registry, config=settings, clock=of.clock) as engine:
        federation = Federation(engine, pace=of.pace, clock=of.clock)
        of.loop.run(federation.__aenter__())
        try:
            yield engine, federation
        finally:
            of.loop.run(federation.__aexit__(None, None, None))


def tags(of: Instance) -> set[str]:
    return {question.tag for question in of.engine.questions()}


def test_runs_go_into_the_database_and_out_of_it(fresh_url: str, tmp_path: Path) -> None:
    """B107: with their questions, whichever of the fleet's servers has them, or is asked."""
    with mixed(fresh_url, tmp_path) as (west, east):
        everywhere(west, east, name="two", body=suspend("one") >> plus_one >> suspend("other"))
        with another(west, fresh_url) as (engine, federation):
            runs: list[Run[int]] = [west.engine.start("two", 1), engine.start("two", 1)]
            until(lambda: len(west.engine.questions()) == len(runs))
            for run, by in zip(runs, (federation, west.federation), strict=True):
                west.loop.run(by.hand_off(run.id, "east", wait=PATIENT))
            until(lambda: len(east.engine.questions()) == len(runs))
            for run in runs:
                east.engine.resume(run.id, 1, tag="one")
            until(lambda: tags(east) == {"other"})
            for run in runs:
                east.loop.run(east.federation.hand_off(run.id, "west", wait=PATIENT))
                assert role(east, run.id) is Role.HANDED_OFF
            until(lambda: len(west.engine.questions()) == len(runs))
            for run in runs:
                engine.resume(run.id, 9, tag="other")
            assert [run.result(PATIENT) for run in runs] == [9, 9]


def test_a_key_lies_in_the_folder_that_is_named(fresh_url: str, tmp_path: Path) -> None:
    """By the schema's name; not a byte of it in the database. It changes there, too."""
    folder, schema = str(tmp_path), fresh_url.rpartition("=")[2]
    with opened(fresh_url) as store:
        made = create_identity(store, HERE, at=1, folder=folder)
        place = tmp_path / f"{schema}.peer-key"
        assert place.stat().st_mode & 0o777 == 0o600
        pem = private_pem(made.key).splitlines()[1]
        assert pem in place.read_text()
        assert pem not in "".join(record.body for record in store.records("identity"))
        following = pending_key(store, at=2, folder=folder)
        take_pending(store, at=3, folder=folder)
        now = identity_of(store, folder=folder)
        assert (now.id, private_pem(now.key)) == (made.id, private_pem(following))


def test_a_database_without_a_folder_for_keys_is_told_of(fresh_url: str, tmp_path: Path) -> None:
    """What to set; that there is no such folder; which file another machine lacks."""
    with opened(fresh_url) as store:
        with pytest.raises(ConfigurationError, match="never lie in a database") as caught:
            create_identity(store, HERE, at=1)
        assert "EVERFLOW_SIGNING_KEYS" in caught.value.hint
        with pytest.raises(ConfigurationError, match="there is no folder") as caught:
            create_identity(store, HERE, at=1, folder=f"{tmp_path}/none")
        assert "mkdir -m 700" in caught.value.hint
        create_identity(store, HERE, at=1, folder=str(tmp_path))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        with pytest.raises(ConfigurationError, match=r"elsewhere/t_\d+\.peer-key can't be read"):
            identity_of(store, folder=str(elsewhere))


def test_actors_sign_with_keys_of_the_folder(fresh_url: str, tmp_path: Path) -> None:
    """Theirs are beside the identity's; they are gone with the actor."""
    schema = fresh_url.rpartition("=")[2]
    save_key(tmp_path / f"{schema}.actor-ines.rsa-key", KEYS.rsa)
    save_key(tmp_path / f"{schema}.actor-ines.ed25519-key", KEYS.ed25519)
    with opened(fresh_url) as store:
        actors = Actors(store, lambda: 1, str(tmp_path))
        ines = actors.create("ines", address=HERE)
        assert actors.keys(ines).public == KEYS.public
        with pytest.raises(ConfigurationError, match="never lie in a database"):
            Actors(store, lambda: 1).keys(ines)
        assert actors.remove("ines").gone
        assert list(tmp_path.iterdir()) == []
