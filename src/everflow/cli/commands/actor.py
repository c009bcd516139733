"""``actor`` and its commands: who publishes here, is followed, and follows others."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from everflow.cli.inputs import read_value
from everflow.cli.options import Group, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, created, encryption, shown_command
from everflow.cli.settings import Here
from everflow.cli.words import local
from everflow.clock import SystemClock
from everflow.engine.faces.connect import Connection
from everflow.errors import CallerError, ConfigurationError
from everflow.stores.urls import is_url
from everflow.views.times import instant

__all__ = ["actor", "delivering", "has_actors", "publishing"]

NAME = click.argument("name")
LIMIT = click.option(
    "--limit", default=100, type=click.IntRange(1), help="How many.  [default: 100]"
)
_KINDS = ("person", "service", "application", "group", "organization")


@click.group("actor", cls=Group)
def actor() -> None:
    """Actors of ActivityPub: other servers follow them, and what those write starts flows.

    `everflow serve` answers for them. What arrives is in the activity log: see activity, trigger.
    """


def publishing() -> ModuleType:
    """The package of ActivityPub; ConfigurationError without its extra."""
    try:
        from everflow import activitypub  # noqa: PLC0415 - it needs the extra that is named below
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"actors need the module {error.name}",
            hint="install it: pip install 'everflow[federation]'",
        ) from error
    return activitypub


def has_actors(here: Here) -> bool:
    """Whether the store has actors, or had some."""
    if not is_url(here.store) and not Path(here.store).is_file():
        return False
    # A database is asked by making what isn't there: whoever wants to know is about to execute.
    with created(here) if is_url(here.store) else connected(here) as flows:
        return bool(flows.store.records("actor", limit=1))


def delivering(here: Here) -> dict[type[Any], Any]:
    """What an engine needs to deliver what the store's actors say; nothing where there are none."""
    if not has_actors(here):
        return {}
    found: dict[type[Any], Any] = publishing().deliveries(
        here.store, encryption=encryption(here), keys=here.config.signing_keys
    )
    return found


@command(
    "create",
    """
    everflow actor create ines --address https://blog.example --title 'Ines writes'
    everflow actor create bot --kind service --summary 'It tells of new posts.'
    everflow actor create test --address http://127.0.0.1:8470 --inside 127.0.0.1
    """,
    imports=False,
    signs=True,
)
@NAME
@click.option("--address", metavar="URL", help="Where this server is, for others.")
@click.option("--title", metavar="TEXT", help="The name that people read.  [default: NAME]")
@click.option("--summary", metavar="TEXT", help="What is said of it, as HTML.")
@click.option("--kind", type=click.Choice(_KINDS), help="What it is.  [default: person]")
@click.option(
    "--inside",
    metavar="NETWORK",
    multiple=True,
    help="A network or host that may be reached although it isn't public; repeatable.",
)
def create(here: Here, *, name: str, inside: tuple[str, ...], **given: Any) -> None:
    """Make an actor, with keys in files that only you may read, never in the store.

    Its id is made of the address, and both stay for ever. Without --address it is that of the
    store's other actors, or of the identity of `everflow peer init`. A NAME has small letters,
    digits and _.
    """
    pub = publishing()
    texts = {key: given[key] for key in ("address", "title", "summary") if given[key] is not None}
    kind = (given["kind"] or "person").capitalize()
    with created(here) as flows:
        made = _actors(pub, here, flows).create(name, kind=kind, inside=inside, **texts)
    if here.json:
        emit(_view(made))
        return
    screen().line(f"{made.handle} is {made.id}")
    words = shown_command(here, "serve", "FILE.py")
    notes().line(f"{words} answers for it, once it is started anew", "dim")


@command("list", "everflow actor list", imports=False)
def list_(here: Here) -> None:
    """All actors of the store."""
    pub = publishing()
    with connected(here) as flows:
        circle = pub.Circle(flows.store)
        rows = [(each, circle.count_followers(each)) for each in _actors(pub, here, flows).all()]
    if here.json:
        for each, count in rows:
            emit({**_view(each), "followers": count})
    elif rows:
        shown = [(each.name, each.handle, each.kind, f"{count:,}") for each, count in rows]
        screen().table(("NAME", "HANDLE", "KIND", "FOLLOWERS"), shown)
    else:
        notes().line("no actors", "dim")


@command("show", "everflow actor show ines", imports=False)
@NAME
def show(here: Here, *, name: str) -> None:
    """An actor: its handle, its id, its keys, and how many it has around it."""
    pub = publishing()
    with connected(here) as flows:
        found, circle = _actors(pub, here, flows).require(name), pub.Circle(flows.store)
        counts = {
            "followers": circle.count_followers(found),
            "following": circle.count_following(found),
            "published": pub.Published(flows.store).count(found),
        }
    if here.json:
        emit({**_view(found), **counts})
        return
    told = [(key, str(value)) for key, value in _view(found).items() if key != "inside"]
    told += [(key, f"{count:,}") for key, count in counts.items()]
    screen().fields([*told, ("inside", ", ".join(found.inside) or "none")])


@command(
    "followers",
    """
    everflow actor followers ines
    everflow actor followers ines --json --limit 1000
    """,
    imports=False,
)
@NAME
@LIMIT
def followers(here: Here, *, name: str, limit: int) -> None:
    """Who follows an actor."""
    pub = publishing()
    with connected(here) as flows:
        found = _actors(pub, here, flows).require(name)
        rows = list(islice(pub.Circle(flows.store).followers(found), limit))
    if here.json:
        for each in rows:
            inbox = each.shared or each.inbox
            emit({"id": each.id, "inbox": inbox, "since": instant(each.at)})
    elif rows:
        screen().table(("SINCE", "ID"), [(local(each.at), each.id) for each in rows])
    else:
        notes().line("no followers", "dim")


@command("following", "everflow actor following ines", imports=False)
@NAME
@LIMIT
def following(here: Here, *, name: str, limit: int) -> None:
    """Whom an actor follows, and whom it asked to."""
    pub = publishing()
    with connected(here) as flows:
        found = _actors(pub, here, flows).require(name)
        rows = list(islice(pub.Circle(flows.store).following(found), limit))
    if here.json:
        for each in rows:
            emit(_followed(each))
    elif rows:
        heads = ("SINCE", "STANDS", "HANDLE", "ID")
        screen().table(heads, [(local(r.at), r.state, r.handle, r.id) for r in rows])
    else:
        notes().line(f"{name} follows nobody", "dim")


@command(
    "follow",
    """
    everflow actor follow ines @otto@birds.example
    everflow actor follow ines https://birds.example/users/otto
    """,
    imports=False,
    signs=True,
)
@NAME
@click.argument("who", metavar="HANDLE|ID")
def follow(here: Here, *, name: str, who: str) -> None:
    """Ask an actor elsewhere whether NAME may follow it; a worker or a server sends that.

    It is pending until the answer is there: `everflow actor following NAME` shows it.
    """
    pub = publishing()
    with connected(here) as flows:
        made = asyncio.run(_follow(pub, here, flows, name, who))
    if here.json:
        emit(_followed(made))
    else:
        screen().line(f"{made.handle or made.id} is asked: {made.state}")


@command("leave", "everflow actor leave ines @otto@birds.example", imports=False)
@NAME
@click.argument("who", metavar="HANDLE|ID")
def leave(here: Here, *, name: str, who: str) -> None:
    """Follow somebody no more, and have them told."""
    pub = publishing()
    with connected(here) as flows:
        asked = _actors(pub, here, flows).require(name)
        made = _following(pub, flows).leave(asked, who)
    if here.json:
        emit(_followed(made))
    else:
        screen().line(f"{name} doesn't follow {made.handle or made.id} any more")


@command(
    "post",
    """
    everflow actor post ines 'The swifts are back.'
    everflow actor post ines @article.json --key article-17
    everflow actor post ines 'Only for you.' --only https://birds.example/users/otto
    """,
    imports=False,
)
@NAME
@click.argument("thing", metavar="TEXT|JSON|@FILE|-")
@click.option("--to", metavar="ID", multiple=True, help="Tell this actor as well; repeatable.")
@click.option("--only", metavar="ID", multiple=True, help="Tell this actor alone; repeatable.")
@click.option("--key", metavar="TEXT", help="The same key again posts nothing new.")
def post(here: Here, *, name: str, thing: str, key: str | None, **named: tuple[str, ...]) -> None:
    """Publish a note, or an object of ActivityStreams, and deliver it to the actor's followers.

    It is durable once this ends; a worker or a server delivers it: `everflow list --flow
    activitypub-deliver` shows how far that is.
    """
    pub = publishing()
    to, only = named["to"], named["only"]
    if to and only:
        raise CallerError("--to tells more than the followers, --only nobody else: not both")
    value, _ = read_value(thing)
    if not isinstance(value, (str, dict)):
        raise CallerError("a post is a text, or a JSON object", hint=f"quote a text: '\"{thing}\"'")
    told = {"to": only, "cc": ()} if only else {"to": (pub.PUBLIC, *to)}
    with connected(here) as flows:
        said = pub.outbox_of(flows.client).publish(name, value, key=key, **told)
    emit({"id": said}) if here.json else screen().line(said)


@command(
    "withdraw",
    "everflow actor withdraw ines https://blog.example/ap/activities/01jd2k4v9b7gq4m0c8yz3w5h6n",
    imports=False,
)
@NAME
@click.argument("activity", metavar="ID")
def withdraw(here: Here, *, name: str, activity: str) -> None:
    """Take back what was posted, by the id that posting gave, and have all told who got it.

    What isn't delivered yet won't be; other servers are asked to delete it.
    """
    pub = publishing()
    with connected(here) as flows:
        said = pub.outbox_of(flows.client).withdraw(name, activity)
    emit({"id": said}) if here.json else screen().line(said)


@command("rotate", "everflow actor rotate ines", imports=False, signs=True)
@NAME
def rotate(here: Here, *, name: str) -> None:
    """Give an actor new keys, under the ids of the old ones, and tell its followers.

    The old ones are gone. Workers and servers sign by the new ones from then on.
    """
    pub = publishing()
    with connected(here) as flows:
        made = _actors(pub, here, flows).rotate(name)
        pub.outbox_of(flows.client).renewed(name)
    emit(_view(made)) if here.json else screen().line(f"{made.handle} has new keys")


@command(
    "change",
    """
    everflow actor change ines --title 'Ines writes' --summary 'About <b>birds</b>.'
    everflow actor change ines --inside 10.1.0.0/16
    """,
    imports=False,
)
@NAME
@click.option("--title", metavar="TEXT", help="The name that people read.")
@click.option("--summary", metavar="TEXT", help="What is said of it, as HTML.")
@click.option(
    "--inside", metavar="NETWORK", multiple=True, help="As for create, in the place of all others."
)
def change(
    here: Here, *, name: str, title: str | None, summary: str | None, inside: tuple[str, ...]
) -> None:
    """Change what an actor says of itself, and tell its followers; or what it may reach."""
    if title is None and summary is None and not inside:
        raise CallerError("nothing is to be changed", hint="--title, --summary or --inside")
    pub = publishing()
    with connected(here) as flows:
        actors = _actors(pub, here, flows)
        made = actors.change(name, title=title, summary=summary, inside=inside or None)
        if title is not None or summary is not None:
            pub.outbox_of(flows.client).renewed(name)
    emit(_view(made)) if here.json else screen().line(f"{made.handle} is changed")


@command("remove", "everflow actor remove ines", imports=False, signs=True)
@NAME
def remove(here: Here, *, name: str) -> None:
    """Have an actor be gone, and delete its keys. Its NAME isn't given again."""
    pub = publishing()
    with connected(here) as flows:
        gone = _actors(pub, here, flows).remove(name)
    emit(_view(gone)) if here.json else screen().line(f"{gone.handle} is gone")


_LOOKING = (list_, show, followers, following)
_DOING = (create, follow, leave, post, withdraw, change, rotate, remove)
for _command in (*_LOOKING, *_DOING):
    actor.add_command(_command)


async def _follow(pub: ModuleType, here: Here, flows: Connection, name: str, who: str) -> Any:
    actors, clock = _actors(pub, here, flows), SystemClock()
    asked = await asyncio.to_thread(actors.require, name)
    async with pub.Directory(flows.store, actors, clock) as directory:
        found = await pub.named(directory, who, asked)
        return await asyncio.to_thread(_following(pub, flows).ask, asked, found)


def _following(pub: ModuleType, flows: Connection) -> Any:
    tell = pub.outbox_of(flows.client).tell
    return pub.Following(flows.store, tell, SystemClock().wall)


def _actors(pub: ModuleType, here: Here, flows: Connection) -> Any:
    return pub.Actors(flows.store, SystemClock().wall, here.config.signing_keys)


def _followed(found: Any) -> dict[str, Any]:
    return {
        "id": found.id,
        "handle": found.handle,
        "state": found.state,
        "since": instant(found.at),
        "follow": found.follow,
    }


def _view(found: Any) -> dict[str, Any]:
    return {
        "name": found.name,
        "handle": found.handle,
        "id": found.id,
        "kind": found.kind,
        "title": found.title or found.name,
        "summary": found.summary,
        "address": found.address,
        "inbox": found.inbox,
        "inside": list(found.inside),
    }
