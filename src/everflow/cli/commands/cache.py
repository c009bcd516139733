"""``cache``: the results that ``cached`` flows share."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import asdict

from everflow.cli.exits import Exit
from everflow.cli.options import as_length, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import local, many
from everflow.engine.records.caches import CacheLine, cache_lines, check_cache, prune_cache
from everflow.errors import CallerError
from everflow.views import instant

__all__ = ["cache"]

SHOWN = 12  # characters of a key in a list, which name it as well


@command(
    "cache",
    """
    everflow cache list
    everflow cache show 5f0c2a91d4e7
    everflow cache verify
    everflow cache prune --older 30d
    """,
    imports=False,
)
@click.argument("what", type=click.Choice(["list", "show", "verify", "prune"]))
@click.argument("key", required=False)
@click.option("--older", callback=as_length, metavar="LENGTH", help="prune: kept longer ago.")
def cache(here: Here, *, what: str, key: str | None, older: float | None) -> None:
    """Look at cached results, check them against their runs' journals, and delete them.

    KEY is the beginning of a key. Without KEY and --older, prune deletes all of them.
    """
    if older is not None and what != "prune":
        raise CallerError("--older is for cache prune")
    with connected(here) as flows:
        lines = list(cache_lines(flows.store, key or ""))
        if what == "show" and len(lines) != 1:
            raise CallerError(f"{len(lines)} results have a key that begins with {key or ''!r:.40}")
        wrong = {}
        if what == "verify":
            told = ((line.key, check_cache(flows.store, line)) for line in lines)
            wrong = {name: why for name, why in told if why}
        if what == "prune":
            at = flows.client.clock.wall()
            before = None if older is None else at - round(older * 1_000_000)
            keys = [line.key for line in lines]
            pruned = prune_cache(flows.store, at=at, before=before, keys=keys)
            if here.json:
                emit({"pruned": pruned})
            else:
                screen().line(f"{many(pruned, 'result')} deleted")
    if what == "verify":
        _tell(here, len(lines), wrong)
    elif what != "prune":
        _show(here, lines, one=what == "show")


def _tell(here: Here, count: int, wrong: dict[str, str]) -> None:
    if here.json:
        emit({"checked": count, "wrong": wrong})
    else:
        for key, why in wrong.items():
            screen().line(f"{key[:SHOWN]}  {why}")
        screen().line(f"{many(count, 'result')} checked, {len(wrong):,} wrong")
    if wrong:
        leave(Exit.FAILED)


def _show(here: Here, lines: list[CacheLine], *, one: bool) -> None:
    for line in lines if here.json else ():
        emit(_view(line, one=one))
    if here.json:
        return
    if one:
        screen().fields([(name, str(found)) for name, found in _view(lines[0], one=True).items()])
    elif lines:
        heads = ("key", "kept", "size", "version", "run", "nodes")
        screen().table(heads, [_row(line) for line in lines])
    else:
        notes().line("nothing is cached")


def _view(line: CacheLine, *, one: bool) -> dict[str, Any]:
    found = {} if line.result is None else asdict(line.result)
    if not one:
        found.pop("value", None)
    sound = line.result is not None
    return {"key": line.key, "kept": instant(line.at), "size": line.size, "sound": sound, **found}


def _row(line: CacheLine) -> tuple[str, ...]:
    found = line.result
    told = ("", "", "") if found is None else (found.version, found.run, ", ".join(found.nodes))
    return line.key[:SHOWN], local(line.at), f"{line.size:,}", *told
