"""Server-sent events: what is told of a run as it grows, and what is told again."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import pytest

from everflow.server import Limits, events
from tests.server.serving import GO_ON, PATIENT, Served, serving, until


class Event(NamedTuple):
    """One event as it came; ``kind`` "" for a comment."""

    kind: str
    data: Any
    id: str


@contextmanager
def stream(served: Served, path: str, **headers: str) -> Iterator[Iterator[Event]]:
    """The events of a path; the connection is closed at the end."""
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=PATIENT)
    with closing(connection):
        connection.request("GET", f"/api/v1{path}", headers=headers)
        reply = connection.getresponse()
        assert reply.status == 200, reply.read()
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield read(reply)


def read(reply: http.client.HTTPResponse) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in reply:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name or value:
            fields[name] = value
            continue
        if "retry" not in fields:
            data = json.loads(fields.get("data", "null"))
            yield Event(fields.get("event", ""), data, fields.get("id", ""))
        fields = {}


def start(served: Served, flow: str) -> str:
    return str(served.api("POST", "/runs", {"flow": flow, "input": "hi"}).json["id"])


def test_a_run_is_followed_to_its_end(served: Served) -> None:
    """Its entries with their numbers, how it stands, what changes, and the end."""
    run = start(served, "approved")
    with stream(served, f"/runs/{run}/events") as told:
        seen = [next(told)]
        while seen[-1].data.get("status") != "suspended":
            seen.append(next(told))
        assert served.api("POST", f"/runs/{run}/answers", {"value": True}).status == 200
        seen += told
    entries = [event for event in seen if event.kind == "entry"]
    assert [event.data["kind"] for event in entries] == ["start", "result", "answer"]
    assert [event.id for event in entries] == ["0", "1", "2"]
    assert seen[-2].data["status"] == "done"
    assert seen[-1] == Event("end", {"run": run}, "")


@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {"Last-Event-ID": "0"}), ("?after=0", {}), ("?after=5", {"Last-Event-ID": "0"})],
)
def test_whoever_comes_back_misses_nothing(
    served: Served, query: str, headers: dict[str, str]
) -> None:
    """The stream goes on behind the last event that was seen."""
    run = start(served, "shouted")
    assert served.api("GET", f"/runs/{run}?wait=20").json["status"] == "done"
    with stream(served, f"/runs/{run}/events{query}", **headers) as told:
        seen = list(told)
    assert [event.kind for event in seen] == ["entry", "run", "end"]
    assert seen[0].id == "1"


def test_a_long_journal_is_told_whole(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page at a time, each entry once, and the end after all of them."""
    monkeypatch.setattr(events, "PAGE", 1)
    run = start(served, "shouted")
    with stream(served, f"/runs/{run}/events") as told:
        seen = list(told)
    assert [event.id for event in seen if event.kind == "entry"] == ["0", "1"]
    assert seen[-1].kind == "end"


def test_all_runs_are_followed(served: Served) -> None:
    """Each change of standing of what this process executes."""
    with stream(served, "/events") as told:
        run = start(served, "approved")
        for event in told:
            if event.data["id"] == run and event.data["status"] == "suspended":
                break
        assert event.kind == "run"


@pytest.mark.parametrize("path", ["/runs/{run}/events", "/events"])
def test_how_far_a_node_is_is_told(served: Served, path: str) -> None:
    """As it says, and only that: neither its heartbeats nor each word of a quarter second."""
    GO_ON.clear()
    run = start(served, "slow")
    try:
        with stream(served, path.format(run=run)) as told:
            far = next(event for event in told if event.kind == "progress")
    finally:
        GO_ON.set()
    assert far.data == {"run": run, "position": ".", "fraction": 0.25, "message": "reading"}
    assert far.id == ""


def test_a_silent_stream_says_that_it_lives(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By comments, which no client takes for an event."""
    monkeypatch.setattr(events, "ALIVE", 0.0)
    run = start(served, "received")
    for path in (f"/runs/{run}/events", "/events"):
        with stream(served, path) as told:
            while next(told).kind:
                pass


def test_streams_end_when_the_server_does() -> None:
    """A server that is told to stop doesn't wait for who only listens, nor for who waits."""
    with serving() as server:
        run = start(server, "received")
        waited = list[int]()
        waiting = threading.Thread(
            target=lambda: waited.append(server.api("GET", f"/runs/{run}?wait=60").status)
        )
        with stream(server, f"/runs/{run}/events") as told, stream(server, "/events") as all_told:
            assert next(told).kind == "entry"
            waiting.start()
            server.server.stop()
            list(told)
            list(all_told)
        waiting.join(PATIENT)
        assert not waiting.is_alive()


def test_streams_are_counted() -> None:
    """No more than may are open; one that is closed makes room."""
    with serving(limits=Limits(streams=1)) as server:
        with stream(server, "/events"):
            until(lambda: server.api("GET", "/events").status == 429, "the one is counted")
        run = start(server, "shouted")
        until(lambda: server.api("GET", f"/runs/{run}/events").status == 200, "there is room")
