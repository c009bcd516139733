"""``serve``: a process that executes runs, and takes requests about them over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import click

from everflow.cli.commands.actor import delivering, has_actors, publishing
from everflow.cli.commands.peer import peering
from everflow.cli.lasting import (
    as_member,
    end_of,
    load_executed,
    log_to_stderr,
    member,
    stop_at_signals,
    tune,
)
from everflow.cli.loading import provided, schedules_of, triggers_of
from everflow.cli.options import as_length, command
from everflow.cli.output import emit
from everflow.cli.places import created, encryption, shown_command
from everflow.cli.settings import Here
from everflow.cli.words import plain
from everflow.clock import SystemClock
from everflow.core.registry import default_registry
from everflow.engine.faces.engine import Engine
from everflow.errors import ConfigurationError
from everflow.triggers import Triggers

__all__ = ["serve", "serving"]

PORT = 8470


@command(
    "serve",
    """
    everflow serve flow.py
    everflow serve blog.flows shop.flows --port 9000 --store /var/lib/site/everflow.db
    everflow token create desk --scope operate && everflow serve flow.py --host 0.0.0.0
    """,
    signs=True,
)
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="The port to listen on; 0 takes any that is free.",
)
@click.option("--for", "length", callback=as_length, metavar="LENGTH", help="End after so long.")
@member
@click.option("-v", "--verbose", is_flag=True, help="Log what nodes and the engine say.")
def serve(
    here: Here,
    *,
    modules: tuple[str, ...],
    host: str,
    port: int,
    length: float | None,
    verbose: bool,
    **fleet: Any,
) -> None:
    """Execute the runs of a store, and take requests about them over HTTP, until SIGTERM or SIGINT.

    MODULE is as for worker. On a loopback address, and while the store never had a token, whoever
    is at this machine may do all; anywhere else it doesn't start without a token. At the first
    signal no request is taken any more, those that are begun are answered, and what nodes have
    begun is recorded; a second one ends the process at once, and nothing is lost then either.
    """
    http = serving()
    over = _over(length)
    loopback = http.is_loopback(host)
    if not loopback:
        _require_token(here, http, host)
    stop = stop_at_signals()
    loaded = load_executed(here, modules, "serve")
    log_to_stderr(verbose=verbose)
    tune()
    listening = http.bind(host, port)
    pub = publishing() if has_actors(here) else None
    engine = Engine(
        here.store,
        provide=delivering(here) | provided(loaded),
        config=as_member(here, fleet),
        encryption=encryption(here),
        schedules=schedules_of(loaded),
        name=fleet["name"],
    )
    with listening, engine, Triggers(engine, triggers_of(loaded)) as triggers:
        parts = _parts(http, engine) + _actors(http, pub, engine, triggers)
        app = http.create_app(engine, access=http.Access(open=loopback), parts=parts)
        server = http.Server(
            app,
            listening,
            ended=lambda: stop.is_set() or over() or engine.fault is not None or engine.draining,
        )
        client = engine.client
        _say_begun(here, host, server.port, open_=loopback and not _tokens_of(http, client).exist())
        asyncio.run(server.serve())
        fault = engine.fault
    end_of(engine, fault)


def _over(length: float | None) -> Callable[[], bool]:
    """Whether that many seconds have passed since now."""
    boot = SystemClock().boot
    end = None if length is None else boot() + round(length * 1_000_000)
    return lambda: end is not None and boot() >= end


def _parts(http: ModuleType, engine: Engine) -> list[Any]:
    """What peers ask, where this instance has an identity."""
    if not engine.client.store.records("identity", limit=1):
        return []
    federation = peering()
    folder = engine.config.signing_keys
    # A key that is missing is told before it serves.
    federation.identity_of(engine.client.store, folder=folder)
    opened = federation.Federation(engine)
    return [http.Part(path=federation.PREFIX, app=opened.app, lifespan=lambda: opened)]


def _actors(
    http: ModuleType, pub: ModuleType | None, engine: Engine, triggers: Triggers
) -> list[Any]:
    """What other servers ask of actors, where this store has some."""
    if pub is None:
        return []
    client = engine.client
    actors = pub.Actors(client.store, client.clock.wall, engine.config.signing_keys)
    for actor in actors.all():
        actors.keys(actor)  # keys that are missing are told before it serves
    opened = pub.ActivityPub(engine, triggers)
    return [
        http.Part(path=pub.PREFIX, app=opened.app, lifespan=lambda: opened),
        http.Part(path="/.well-known", app=opened.well_known),
    ]


def serving() -> ModuleType:
    """The package that speaks HTTP; ConfigurationError without its extra."""
    try:
        from everflow import server  # noqa: PLC0415 - it needs the extra that is named below
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"serving needs the module {error.name}",
            hint="install it: pip install 'everflow[server]'",
        ) from error
    return server


def _tokens_of(http: ModuleType, client: Any) -> Any:
    return http.Tokens(client.store, client.clock)


def _require_token(here: Here, http: ModuleType, host: str) -> None:
    with created(here) as flows:
        now = flows.client.clock.wall()
        if not any(token.valid(now) for token in _tokens_of(http, flows.client).all()):
            words = shown_command(here, "token", "create", "NAME", "--scope", "operate")
            raise ConfigurationError(
                f"{host} can be reached from other machines, and the store has no valid token",
                hint=f"make one: {words}, or listen on 127.0.0.1",
            )


def _say_begun(here: Here, host: str, port: int, *, open_: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    flows = sorted(default_registry().flows)
    if here.json:
        emit({"address": address, "store": here.shown, "flows": flows, "open": open_})
        return
    click.echo(plain(f"serving {here.shown} at {address}/api/v1, Ctrl-C ends it"), err=True)
    click.echo(plain(f"flows: {', '.join(flows)}"), err=True)
    if open_:
        words = shown_command(here, "token", "create", "NAME")
        click.echo(plain(f"open to whoever is at this machine; {words} ends that"), err=True)
    else:
        click.echo("requests need a token: Authorization: Bearer TOKEN", err=True)
