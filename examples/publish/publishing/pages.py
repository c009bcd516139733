"""Putting a post online: its page, the index and the feed.

Laws: a post is online when its entry (a JSON file) is there; the index and the feed are derived
from all entries, whoever was first, under one lock; publishing the same post again leaves the same
bytes, its `updated` included.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from publishing.feed import atom
from publishing.files import locked, replace_file
from publishing.markdown import links, local_path, render
from publishing.model import Draft, Entry, Published, Verb
from publishing.reviewing import instant, reading_minutes
from publishing.site import Site


def put_online(
    draft: Draft, site: Site, *, key: str, now: datetime, progress: Callable[[float, str], None]
) -> Published:
    """Write page, entry, index and feed, in this order: nothing leads to a page that isn't there.

    `key` is the node's idempotency key. `now` (UTC) becomes the post's `updated` unless its content
    was online before. Raises ValueError where the front matter has no date.
    """
    content = render(draft.text, site.base_url)
    entries = site.folders.entries
    with locked(entries), locked(site.folders.public):
        entry = _entry(draft, site, content, key, now)
        progress(0.2, "page")
        _write_page(draft, entry, site)
        replace_file(entries / f"{draft.slug}.json", _as_json(entry))
        progress(0.6, "index and feed")
        _write_lists(site)
    verb: Verb = "Create" if entry.first_key == key else "Update"
    return Published(
        slug=entry.slug,
        url=site.page_url(entry.slug),
        title=entry.title,
        author=entry.author,
        description=entry.description,
        tags=entry.tags,
        html=entry.html,
        published=entry.published,
        updated=entry.updated,
        verb=verb,
    )


def read_entries(folder: Path) -> list[Entry]:
    """Every post that is online, the newest first."""
    found = [
        msgspec.json.decode(path.read_bytes(), type=Entry) for path in folder.glob("[!.]*.json")
    ]
    return sorted(found, key=lambda entry: (entry.published, entry.slug), reverse=True)


def rfc3339(moment: datetime) -> str:
    """An aware instant in UTC, to the second, such as 2025-03-14T09:30:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(draft: Draft, site: Site, content: str, key: str, now: datetime) -> Entry:
    front = draft.front
    told = [front.title, front.date, front.author, front.description, list(front.tags), content]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    path = site.folders.entries / f"{draft.slug}.json"
    before = msgspec.json.decode(path.read_bytes(), type=Entry) if path.exists() else None
    published = instant(front.date)
    updated = before.updated if before and before.digest == digest else rfc3339(max(now, published))
    return Entry(
        slug=draft.slug,
        title=front.title,
        author=front.author,
        description=front.description,
        tags=front.tags,
        minutes=reading_minutes(draft.text),
        html=content,
        published=rfc3339(published),
        updated=updated,
        digest=digest,
        first_key=before.first_key if before else key,
    )


def _write_page(draft: Draft, entry: Entry, site: Site) -> None:
    public = site.folders.public
    for link in links(draft.text):
        path = local_path(link.target)
        if path is not None and not path.endswith(".md"):
            _copy_beside(site.folders.posts, path, public)
    page = _templates(site.folders.templates).get_template("post.html")
    html = page.render(site=site, entry=entry, content=Markup(render(draft.text)))
    replace_file(public / f"{entry.slug}.html", html.encode())


def _copy_beside(posts: Path, path: str, public: Path) -> None:
    source, target = (posts / path).resolve(), (public / path).resolve()
    inside = source.is_relative_to(posts.resolve()) and target.is_relative_to(public.resolve())
    if inside and source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, source.read_bytes())


def _write_lists(site: Site) -> None:
    public, entries = site.folders.public, read_entries(site.folders.entries)
    index = (
        _templates(site.folders.templates)
        .get_template("index.html")
        .render(site=site, entries=entries)
    )
    replace_file(public / "index.html", index.encode())
    replace_file(public / "feed.xml", atom(site, entries))
    replace_file(public / "style.css", (site.folders.templates / "style.css").read_bytes())


def _as_json(entry: Entry) -> bytes:
    return (json.dumps(asdict(entry), ensure_ascii=False, indent=1) + "\n").encode()


@cache
def _templates(folder: Path) -> Environment:
    """Templates compiled once per worker: compiling them takes longer than rendering a page."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
