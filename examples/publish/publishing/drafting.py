"""Writing: a post file becomes a draft, and a draft becomes the next one when a person asks for it.

Laws: the author's file is read, never written; each draft after the first is a file of its own in
the drafts folder; the same draft and the same note give the same next draft.
"""

import re
from dataclasses import replace
from pathlib import PurePath

from publishing.files import locked, replace_file
from publishing.markdown import PostError, levels_repaired, paragraphs, read_post, write_post
from publishing.model import Brief, Checked, Decision, Draft, FrontMatter, Revision
from publishing.site import Site
from publishing.spelling import corrected

DESCRIPTION_LIMIT = 160
"""Characters; about what search engines show of a description."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SET = re.compile(r"\s*(title|description|date|author|tags|keep)\s*=\s*(\S.*?)\s*", re.IGNORECASE)
_SWAP = re.compile(r"\s*(\S.*?)\s*->\s*(.*?)\s*")


def write(brief: Brief, site: Site) -> Draft:
    """Read the post that the brief names. Raises PostError for one that can't be read."""
    name = PurePath(brief.post)
    if name.name != brief.post or name.suffix != ".md" or not _SLUG.fullmatch(name.stem):
        raise PostError(f"{brief.post!r} isn't the name of a post, such as 'leap-seconds.md'")
    try:
        source = (site.folders.posts / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise PostError(f"there is no {brief.post!r} in {site.folders.posts}") from error
    except UnicodeDecodeError as error:
        raise PostError(f"{brief.post!r} isn't UTF-8: {error}") from error
    return read_post(name.stem, source)


def redraft(checked: Checked, decision: Decision, site: Site) -> Draft:
    """Do what the note says, mend what the checks found, and file the result among the drafts.

    A line of the note may be `old -> new` (in the text), `title = …` (or description, date, author,
    `tags = a, b`), or `keep = word, word` (right as they are). Spellings with a suggestion, a
    missing description and heading levels are mended unasked. The note and every change go into the
    history in the front matter.
    """
    draft, changes = _noted(checked.draft, decision.note)
    draft, spelt = _spelt(draft, checked)
    draft, described = _described(draft)
    draft, nested = _nested(draft)
    number = draft.revision + 1
    entry = Revision(
        number, decision.by or "somebody", decision.note, (*changes, *spelt, *described, *nested)
    )
    front = replace(draft.front, revisions=(*draft.front.revisions, entry))
    draft = replace(draft, front=front, revision=number, status="open", decision=None)
    with locked(site.folders.drafts):
        replace_file(site.folders.drafts / f"{draft.slug}.r{number}.md", write_post(draft).encode())
    return draft


def _noted(draft: Draft, note: str) -> tuple[Draft, list[str]]:
    changes: list[str] = []
    for line in note.splitlines():
        setting, swap = _SET.fullmatch(line), _SWAP.fullmatch(line)
        if setting:
            draft = replace(draft, front=_with(draft.front, setting[1].lower(), setting[2]))
            changes.append(f"{setting[1].lower()} = {setting[2]}")
        elif swap and swap[1] in draft.text:
            draft = replace(draft, text=draft.text.replace(swap[1], swap[2]))
            changes.append(f"{swap[1]} -> {swap[2]}")
    return draft, changes


def _with(front: FrontMatter, key: str, value: str) -> FrontMatter:
    items = tuple(item.strip() for item in value.split(",") if item.strip())
    match key:
        case "tags":
            return replace(front, tags=items)
        case "keep":
            return replace(front, keep=tuple(dict.fromkeys((*front.keep, *items))))
        case "title":
            return replace(front, title=value)
        case "description":
            return replace(front, description=value)
        case "date":
            return replace(front, date=value)
        case _:
            return replace(front, author=value)


def _spelt(draft: Draft, checked: Checked) -> tuple[Draft, list[str]]:
    kept = {word.lower() for word in draft.front.keep}
    changes: list[str] = []
    for wrong in checked.spelling.misspellings:
        if wrong.word.lower() in kept:
            continue
        title, description = (
            corrected(draft.front.title, [wrong]),
            corrected(draft.front.description, [wrong]),
        )
        front = replace(draft.front, title=title, description=description)
        mended = replace(draft, front=front, text=corrected(draft.text, [wrong]))
        if mended != draft:
            changes.append(f"{wrong.word} -> {wrong.suggestion}")
        draft = mended
    return draft, changes


def _described(draft: Draft) -> tuple[Draft, list[str]]:
    if draft.front.description:
        return draft, []
    description = _shortened(next(iter(paragraphs(draft.text)), ""))
    changes = ["description from the first paragraph"] if description else []
    return replace(draft, front=replace(draft.front, description=description)), changes


def _shortened(paragraph: str) -> str:
    if len(paragraph) <= DESCRIPTION_LIMIT:
        return paragraph
    sentences = re.split(r"(?<=[.!?]) ", paragraph)
    if len(sentences[0]) <= DESCRIPTION_LIMIT:
        return sentences[0]
    return paragraph[: DESCRIPTION_LIMIT - 1].rpartition(" ")[0].rstrip(",;:") + "…"


def _nested(draft: Draft) -> tuple[Draft, list[str]]:
    mended = levels_repaired(draft)
    return mended, ["heading levels"] if mended != draft else []
