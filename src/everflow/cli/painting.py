"""Runs, questions and entries in words for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from everflow.cli.examples import example
from everflow.cli.places import shown_command
from everflow.cli.settings import Here
from everflow.cli.words import ago, clipped, local, one_line, pretty
from everflow.core.entries import Kind
from everflow.store import RunRow, Status

if TYPE_CHECKING:
    from everflow.cli.terminal import Screen

__all__ = ["paint_outcome", "paint_questions", "paint_run", "told"]

View = Mapping[str, Any]
SHOWN_PROMPT = 30  # lines
SEALED = "sealed: its key isn't here"


def paint_run(screen: Screen, row: RunRow, view: View, now: int) -> None:
    """A run as fields under each other."""
    cancelling = ", a cancel was accepted" if row.cancel and row.ended is None else ""
    blocked = f" until {row.until}" if row.until else ""
    if row.status is Status.HANDED_OFF:
        blocked = f" to {row.until}" if row.until else ""
    screen.fields(
        (
            ("run", row.id),
            ("flow", row.flow),
            ("status", f"{row.status}{blocked}{cancelling}"),
            ("why", view["reason"]),
            ("erased", str(view.get("erased") or "")),
            ("started", f"{local(row.created)} ({ago(row.created, now)})"),
            ("ended", f"{local(row.ended)} ({ago(row.ended, now)})" if row.ended else ""),
            ("due", f"{local(row.due)} ({ago(row.due, now)})" if row.due else ""),
            ("leased", "everflow handoff list names from whom" * row.leased),
            ("queue", _queued(row)),
            ("called by", row.parent or ""),
            ("called", _children(view.get("children") or {}, row.id)),
            ("receives", ", ".join(_received(signal) for signal in view.get("receives", ()))),
            ("asks", "\n".join(_asked(each) for each in view.get("asks", ()))),
            ("accepted", _accepted(view)),
            ("worker", "none is running: everflow worker FILE.py" * view.get("unattended", False)),
            ("key", row.key or ""),
            ("labels", ", ".join(f"{name}={value}" for name, value in row.labels.items())),
            ("from", f"store {row.origin}" if row.origin else ""),
            ("result", _result(view)),
            ("error", error_words(view["error"]) if view["error"] else ""),
        )
    )


def _received(signal: View) -> str:
    due = f" until {signal['due']}" if signal["due"] else ""
    return f"{signal['name']} at {signal['position']}{due}"


def _asked(call: View) -> str:
    """What is asked of a peer, and how that stands."""
    stands = "which has begun it" if call["accepted"] else call["trouble"] or "not yet heard of"
    return f"{call['function']} of {call['peer']}: {stands}"


def _accepted(view: View) -> str:
    """What came in and waits for a worker to take it up."""
    number = view.get("accepted", 0)
    return f"{number:,} for a worker to take up" if number else ""


def _result(view: View) -> str:
    if view["status"] != "done" or view.get("erased"):
        return ""
    return f"({SEALED})" if "erased" in view else pretty(view["result"])


def _children(counted: Mapping[str, int], run: str) -> str:
    """How many runs a run called, by status, and where they are listed."""
    words = ", ".join(f"{count:,} {status}" for status, count in sorted(counted.items()))
    return f"{words} (everflow list --parent {run})" if words else ""


def _queued(row: RunRow) -> str:
    """Which queue a run is in, and whether it waits there."""
    lane = f", lane {row.lane}" if row.lane else ""
    waits = row.admitted is None and row.status is Status.QUEUED
    return f"{row.queue}{lane}{', waits for its place' if waits else ''}" if row.queue else ""


def paint_outcome(screen: Screen, notes: Screen, view: View) -> None:
    """What came of a run: its result alone on the output, all else beside."""
    status, run = view["status"], view["id"]
    if status == "done":
        if "erased" in view:
            at = view["erased"]
            notes.line(f"run {run} is done; {f'its data was erased at {at}' if at else SEALED}")
            return
        screen.lines(pretty(view["result"]))
        notes.line(f"run {run} is done", "dim")
        return
    about = view["reason"] or (f"due {view['due']}" if view["due"] else "")
    until = f" until {view['until']}" if view["until"] else ""
    notes.line(f"run {run} is {status}{until}" + (f": {about}" if about else ""))
    if status == "waiting" and view["children"]:
        notes.line(f"it called {_children(view['children'], run)}")
    for call in view["asks"]:
        notes.line(f"it asks {_asked(call)}; a server on the store carries that: everflow serve")
    if view["error"]:
        notes.lines(error_words(view["error"]), "red")


def error_words(error: View, *, full: bool = False) -> str:
    """A recorded error; its trace only in full."""
    at = f" at {error['position']}" if error["position"] not in {"", "."} else ""
    words = f"{error['type']}: {error['message']}{at}"
    return f"{words}\n{error['trace']}" if full and error["trace"] else words


def paint_questions(screen: Screen, questions: Sequence[View], here: Here) -> None:
    """Open questions: what they show, until when, and the command that answers each."""
    for question in questions:
        due = f", until {question['due']}" if question["due"] else ""
        screen.line()
        screen.line(f"question {question['tag']} at {question['position']}{due}", "bold yellow")
        lines = pretty(question["prompt"]).split("\n")
        for line in lines[:SHOWN_PROMPT]:
            screen.line(f"  {line}")
        if len(lines) > SHOWN_PROMPT:
            screen.line(f"  … {len(lines) - SHOWN_PROMPT} more lines: everflow show", "dim")
        answer = json.dumps(example(question["schema"]), ensure_ascii=False)
        screen.line(f"  {shown_command(here, 'answer', question['token'], answer)}", "green")


def _place(view: View) -> str:
    attempt = f", attempt {view['attempt']}" if view["attempt"] > 1 else ""
    return f"{view['op']}{attempt}"


def _by(view: View) -> str:
    return f" by {view['note']}" if view["note"] else ""


def _node(view: View) -> str:
    return str(view["node"]).rpartition(":")[2]


_ENDED = {"error": "its run failed", "cancelled": "its run was cancelled"}
_TOLD: dict[str, Callable[[View], str]] = {
    Kind.START: lambda _: "started",
    Kind.RESULT: _node,
    Kind.ERROR: lambda view: f"{_node(view)} failed",
    Kind.STOPPED: lambda view: f"{_node(view)} stopped",
    Kind.FIRED: lambda _: "time came",
    Kind.ANSWER: lambda view: f"answered{_by(view)}",
    Kind.EARLY: lambda view: f"answered {view['tag']} early{_by(view)}",
    Kind.CHILD: lambda view: _ENDED.get(view["note"], "its run is done"),
    Kind.SIGNAL: lambda view: f"signal {view['tag']}{_by(view)}",
    Kind.WANTED: lambda view: f"asked {view['tag']}",
    Kind.CANCEL: lambda view: f"cancel{_by(view)}",
    Kind.MOVED: lambda _: "moved to new settings",
    Kind.UPGRADED: lambda _: "upgraded to a new shape",
    Kind.BASE: lambda _: "snapshot",
    Kind.RETRIED: lambda view: f"retried{_by(view)}",
    Kind.FORKED: lambda view: f"forked from {view['note']}",
}
_VALUELESS = frozenset(
    {
        Kind.FIRED,
        Kind.CANCEL,
        Kind.MOVED,
        Kind.UPGRADED,
        Kind.BASE,
        Kind.RETRIED,
        Kind.FORKED,
        Kind.STOPPED,
    }
)


def told(view: View, *, full: bool = False) -> tuple[str, str]:
    """What an entry tells: a few words, and where and with what."""
    known = _TOLD.get(view["kind"])
    words = known(view) if known else str(view["kind"])
    if view["error"]:
        value = error_words(view["error"], full=full)
    elif view["kind"] in _VALUELESS:
        value = ""
    else:
        value = pretty(view["value"]) if full else one_line(view["value"])
    about = "  ".join(part for part in (_place(view), value) if part)
    return words, about if full else clipped(about, 200)
