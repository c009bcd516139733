"""``peer``: who this instance is, the others that it knows, and what they may call."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import islice
from types import ModuleType
from typing import Any

import click

from everflow.cli.options import command
from everflow.cli.output import emit, screen
from everflow.cli.places import connected, created
from everflow.cli.settings import Here
from everflow.cli.words import local, shell_quoted
from everflow.clock import SystemClock
from everflow.engine.given.ids import system_random
from everflow.errors import CallerError, ConfigurationError
from everflow.store import Store

__all__ = ["peer", "peering"]

SHOWN = 20  # errands of a peer
LONGEST = 100  # characters of what went wrong
# How many words each takes, at least and at most.
_WORDS = {
    "init": (1, 1, "ADDRESS"),
    "show": (0, 1, "a NAME or nothing"),
    "add": (3, 3, "NAME ADDRESS KEY"),
    "list": (0, 0, "nothing more"),
    "allow": (1, 1_000, "NAME and what it may call"),
    "rotate": (0, 0, "nothing more"),
    "remove": (1, 1, "a NAME"),
}
_ONLY = (("known_as", "add"), ("inside", "add"), ("force", "rotate"), ("no_adopt", "allow"))
_QUOTAS = ("calls", "per_minute", "keep", "adopt")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def _as_bytes(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """A number of bytes: 500M, 2G; 0 for none."""
    if value is None:
        return None
    digits, unit = (value[:-1], value[-1]) if value[-1:] in {"k", "M", "G"} else (value, "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= LONGEST_NUMBER):
        raise click.BadParameter(f"{value!r} isn't a size: write 500M, 2G, or 0")
    return int(digits) * _UNITS[unit]


LONGEST_NUMBER = 12


@command(
    "peer",
    """
    everflow peer init https://flows.example
    everflow peer show
    everflow peer add east https://east.example ed25519:S9Cx1vWkGUdaAKOHYCkAgLX5bGNvIcCbV3WSrYaHj9E
    everflow peer allow east spell translate --calls 100
    everflow peer list
    everflow peer rotate
    everflow peer remove east
    """,
    imports=False,
    signs=True,
)
@click.argument("what", type=click.Choice([*_WORDS]))
@click.argument("words", nargs=-1)
@click.option(
    "--id", "known_as", metavar="ID", help="add: its id, where its key was changed since."
)
@click.option("--inside", is_flag=True, help="add: its address may be one that isn't public.")
@click.option("--calls", type=click.IntRange(0), metavar="N", help="allow: so many open at once.")
@click.option(
    "--per-minute", type=click.IntRange(0), metavar="N", help="allow: so many in a minute."
)
@click.option("--keep", callback=_as_bytes, metavar="SIZE", help="allow: copies that it may leave.")
@click.option(
    "--adopt",
    multiple=True,
    metavar="FLOW",
    callback=lambda _context, _option, names: names or None,
    help="allow: runs of that flow that it gives go on here; '*' for all.",
)
@click.option("--no-adopt", is_flag=True, help="allow: they don't.")
@click.option("--force", is_flag=True, help="rotate: also where a peer can't be told.")
def peer(here: Here, *, what: str, words: tuple[str, ...], **options: Any) -> None:
    """Look after the peers of a store: instances that call it, and that it calls.

    init gives this one its identity, and makes its key in a file beside the store, or in the folder
    of private keys. show tells what to type at a peer so that it knows this one. A peer may call
    nothing until it is allowed what is exposed by name, or '*' for all of it; allow says all that
    it may call. It may leave copies of its runs here, and have runs that it gives away go on here,
    where --keep and --adopt say so: of the flows named, as they are here; or of all, '*'.
    """
    least, most, wanted = _WORDS[what]
    if not least <= len(words) <= most:
        raise CallerError(f"peer {what} takes {wanted}")
    for option, verb in _ONLY:
        if options[option] and what != verb:
            said = option.replace("known_as", "id").replace("_", "-")
            raise CallerError(f"--{said} is for peer {verb}")
    if what != "allow" and any(options[name] is not None for name in _QUOTAS):
        raise CallerError("--calls, --per-minute, --keep and --adopt are for peer allow")
    federation = peering()
    with created(here) if what == "init" else connected(here) as flows:
        _DOING[what](here, federation, flows.store, words, options)


def peering() -> ModuleType:
    """The package of peers; ConfigurationError without its extra."""
    try:
        from everflow import federation  # noqa: PLC0415 - it needs the extra that is named below
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"peers need the module {error.name}",
            hint="install it: pip install 'everflow[federation]'",
        ) from error
    return federation


def _now() -> int:
    return SystemClock().wall()


def _peers(federation: ModuleType, store: Store) -> Any:
    return federation.Peers(store, _now)


def _init(
    here: Here, federation: ModuleType, store: Store, words: tuple[str, ...], _options: Any
) -> None:
    federation.create_identity(store, words[0], at=_now(), folder=here.config.signing_keys)
    _show_own(here, federation, store)


def _show(
    here: Here, federation: ModuleType, store: Store, words: tuple[str, ...], _options: Any
) -> None:
    if not words:
        _show_own(here, federation, store)
        return
    found = _peers(federation, store).require(words[0])
    errands = federation.errands_of(store, found)
    if here.json:
        emit({**_view(found), "errands": list(errands)})
        return
    rows = [(name, str(value)) for name, value in _told(found).items()]
    screen().table(("peer", found.name), rows)
    shown = list(islice(errands, SHOWN))
    if shown:
        heads = ("RUN", "ASKED FOR", "STANDS", "TRIES", "NEXT", "TROUBLE")
        screen().table(heads, [_errand(each) for each in shown])
        more = sum(1 for _ in errands)
        if more:
            screen().line(f"and {more:,} more: --json shows all", "dim")


def _show_own(here: Here, federation: ModuleType, store: Store) -> None:
    identity = federation.identity_of(store, folder=here.config.signing_keys)
    if here.json:
        emit({"id": identity.id, "address": identity.address, "key": identity.word})
        return
    rows = [("id", identity.id), ("address", identity.address), ("key", identity.word)]
    screen().table(("this instance", ""), rows)
    words = ("NAME", identity.address, identity.word, "--id", identity.id)
    screen().line("at a peer, to make it known there:", "dim")
    screen().line("  everflow peer add " + " ".join(map(shell_quoted, words)))


def _add(
    here: Here, federation: ModuleType, store: Store, words: tuple[str, ...], options: Any
) -> None:
    name, address, key = words
    known_as, inside = options["known_as"] or "", options["inside"]
    made = _peers(federation, store).add(name, address, key, id=known_as, inside=inside)
    _done(here, made, f"{name} is known; it may call nothing yet: everflow peer allow {name} …")


def _list(
    here: Here, federation: ModuleType, store: Store, _words: tuple[str, ...], _options: Any
) -> None:
    found = _peers(federation, store).all()
    if here.json:
        emit([_view(each) for each in found])
    elif not found:
        screen().line("there are no peers", "dim")
    else:
        rows = [(each.name, each.address, _allowed(each), each.id) for each in found]
        screen().table(("peer", "address", "may call", "id"), rows)


def _allow(
    here: Here, federation: ModuleType, store: Store, words: tuple[str, ...], options: Any
) -> None:
    name, *functions = words
    options["adopt"] = () if options["no_adopt"] else options["adopt"]
    quotas = {key: options[key] for key in _QUOTAS if options[key] is not None}
    if functions or ("keep" not in quotas and "adopt" not in quotas):
        quotas["allowed"] = tuple(functions)
    made = _peers(federation, store).change(name, **quotas)
    copies = f"{made.keep:,} bytes" if made.keep else "none"
    gives = "are taken" if made.adopt else "aren't taken"
    if made.adopt and "*" not in made.adopt:
        gives += f" if they are of {', '.join(made.adopt)}"
    _done(
        here,
        made,
        f"{made.name} may call {_allowed(made)}; copies of its runs that are kept: {copies};"
        f" runs that it gives away {gives}",
    )


def _rotate(
    here: Here, federation: ModuleType, store: Store, _words: tuple[str, ...], options: Any
) -> None:
    unheard = asyncio.run(_announce(here, federation, store, force=options["force"]))
    changed = options["force"] or not unheard
    if here.json:
        emit({"changed": changed, "unheard": unheard})
    elif changed:
        screen().line("this instance signs with a new key")
        if unheard:
            screen().line(f"to be told by hand: {', '.join(unheard)}; everflow peer show")
    else:
        screen().line(
            f"nothing is changed yet: {', '.join(unheard)} couldn't be told of the new key;"
            " try again, or use --force and tell them by hand"
        )


async def _announce(here: Here, federation: ModuleType, store: Store, *, force: bool) -> list[str]:
    folder, clock = here.config.signing_keys, SystemClock()
    own = federation.Own(store, folder=folder)
    async with federation.Wire(own, clock, system_random) as wire:
        peers = _peers(federation, store)
        unheard: list[str] = await federation.rotate(
            store, peers, wire, at=clock.wall(), folder=folder, force=force
        )
    return unheard


def _remove(
    here: Here, federation: ModuleType, store: Store, words: tuple[str, ...], _options: Any
) -> None:
    gone = _peers(federation, store).remove(words[0])
    _done(here, gone, f"{gone.name} isn't known any more")


_DOING = {
    "init": _init,
    "show": _show,
    "add": _add,
    "list": _list,
    "allow": _allow,
    "rotate": _rotate,
    "remove": _remove,
}


def _done(here: Here, found: Any, said: str) -> None:
    emit(_view(found)) if here.json else screen().line(said)


def _errand(told: dict[str, Any]) -> tuple[str, ...]:
    moment = datetime.fromisoformat(told["next"]) if told["next"] else None
    following = "" if moment is None else local(round(moment.timestamp() * 1_000_000))
    trouble = told["trouble"][:LONGEST]
    return told["run"], told["function"], told["stands"], str(told["tries"]), following, trouble


def _allowed(found: Any) -> str:
    return ", ".join(found.allowed) or "nothing"


def _left(found: Any) -> str:
    copies = f"{found.keep:,} bytes of copies" if found.keep else "no copies"
    runs = "runs that go on here" if found.adopt else "and no runs"
    names = f" ({', '.join(found.adopt)})" if found.adopt else ""
    return f"{copies}, {runs}{names}"


def _told(found: Any) -> dict[str, Any]:
    return {
        "id": found.id,
        "address": found.address + (" (may be inside)" if found.inside else ""),
        "keys": ", ".join(found.keys),
        "may call": _allowed(found),
        "calls": f"{found.calls:,} open at once, {found.per_minute:,} in a minute",
        "may leave": _left(found),
    }


def _view(found: Any) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "address": found.address,
        "keys": list(found.keys),
        "allowed": list(found.allowed),
        "calls": found.calls,
        "per_minute": found.per_minute,
        "keep": found.keep,
        "adopt": list(found.adopt),
        "inside": found.inside,
    }
