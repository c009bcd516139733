"""Runs over HTTP: started, looked at, answered, ended."""

from typing import Any

import pytest

from everflow.store import Hand
from everflow.views import run_view
from tests.server.serving import Served, until


def start(served: Served, flow: str, value: Any = "hi", **more: Any) -> str:
    reply = served.api("POST", "/runs", {"flow": flow, "input": value, **more})
    assert reply.status == 201, reply.text
    return str(reply.json["id"])


def rested(served: Served, run: str) -> Any:
    """The run, once it rests."""
    return served.api("GET", f"/runs/{run}?wait=20").json


def test_a_run_is_started_and_waited_for(served: Served) -> None:
    """Its result stands in the answer of the request that waited."""
    run = start(served, "shouted", "swifts")
    found = rested(served, run)
    assert (found["status"], found["result"], found["error"]) == ("done", "SWIFTS", None)
    assert found["questions"] == []


def test_the_same_key_is_the_same_run(served: Served) -> None:
    """A client that sends a start again starts nothing new."""
    first = start(served, "shouted", key="once")
    assert start(served, "shouted", key="once") == first


def test_a_question_is_answered_by_its_token(served: Served) -> None:
    """The second answer is told that it is too late, and by what."""
    run = start(served, "approved")
    question = rested(served, run)["questions"][0]
    assert question["schema"] == {"type": "boolean"}
    answer = {"token": question["token"], "value": True, "by": "Ines"}
    assert served.api("POST", "/answers", answer).json == {"reply": "answered"}
    late = served.api("POST", "/answers", {"token": question["token"], "value": False})
    assert late.status == 409
    assert late.code in {"answer_too_late", "already_done"}
    assert rested(served, run)["result"] == ["HI", True]


def test_a_question_is_answered_by_its_run(served: Served) -> None:
    """One that doesn't fit is refused, and the question stays open."""
    run = start(served, "approved")
    rested(served, run)
    refused = served.api("POST", f"/runs/{run}/answers", {"value": "perhaps"})
    assert (refused.status, refused.code) == (422, "answer_refused")
    assert served.api("POST", f"/runs/{run}/answers", {"value": True}).json["reply"] == "answered"
    assert rested(served, run)["status"] == "done"


def test_a_signal_reaches_its_run(served: Served) -> None:
    """What the run received is its result."""
    run = start(served, "received", None)
    sent = served.api("POST", f"/runs/{run}/signals", {"name": "parcel", "value": {"at": "door"}})
    assert sent.json == {"changed": True}
    found = until(lambda: served.api("GET", f"/runs/{run}").json["result"], "it is received")
    assert found == {"at": "door"}


def test_a_run_is_cancelled(served: Served) -> None:
    """The body may be left away; a second cancel is no error, and a finished run says so."""
    run = start(served, "approved")
    for _ in range(2):
        assert served.api("POST", f"/runs/{run}/cancel").status == 200
    assert rested(served, run)["status"] == "cancelled"
    done = start(served, "shouted")
    rested(served, done)
    assert served.api("POST", f"/runs/{done}/cancel", {"by": "Ines"}).code == "already_done"


def test_a_run_that_another_instance_has_is_told_so(served: Served) -> None:
    """It is listed and shown; what is asked of it is refused, and who has it is named (B107)."""
    run = start(served, "approved")
    rested(served, run)
    store = served.engine.client.store

    def taken() -> bool:
        (seen,) = store.tenures([run])
        wish = Hand(
            run=run,
            version=seen.version,
            seq=seen.seq,
            rev=seen.rev,
            body="{}",
            here=False,
            holder="east",
        )
        return store.hand(wish, at=1)

    until(taken, "it is handed off")
    (listed,) = served.api("GET", "/runs?status=handed_off").json["runs"]
    shown = served.api("GET", f"/runs/{run}").json
    assert (listed["until"], shown["status"], shown["until"]) == ("east", "handed_off", "east")
    for act in ("cancel", "pause", "retry"):
        refused = served.api("POST", f"/runs/{run}/{act}", {"by": "Ines"})
        assert (refused.status, refused.code) == (409, "handed_off")
        assert "east" in refused.json["detail"]


def test_a_failed_run_tells_its_error_and_is_retried(served: Served) -> None:
    """The error is data of the run's; the retry is its next generation."""
    run = start(served, "failed")
    assert rested(served, run)["error"]["message"] == "no such luck"
    assert served.api("POST", f"/runs/{run}/retry", {"by": "Ines"}).json["id"] == run


def test_a_run_is_paused_and_goes_on(served: Served) -> None:
    """A repeated pause is told that it changed nothing."""
    run = start(served, "approved")
    rested(served, run)
    assert served.api("POST", f"/runs/{run}/pause").json == {"changed": True}
    until(lambda: served.api("GET", f"/runs/{run}").json["status"] == "paused", "it is paused")
    assert served.api("POST", f"/runs/{run}/unpause").status == 200
    until(lambda: served.api("GET", f"/runs/{run}").json["status"] == "suspended", "it goes on")
    assert served.api("POST", f"/runs/{run}/adopt").json == {"changed": False}


def test_runs_are_listed_by_filters_a_page_at_a_time(served: Served) -> None:
    """Each page says where the next one begins; counts have the same filters."""
    runs = [start(served, "shouted", labels={"of": "pages"}, key=f"p{n}") for n in range(5)]
    path, found = "/runs?flow=shouted&label=of=pages&limit=2", list[str]()
    after: str | None = ""
    while after is not None:
        page = served.api("GET", path + (f"&after={after}" if after else "")).json
        found += [run["id"] for run in page["runs"]]
        after = page["after"]
    assert found == runs
    newest = served.api("GET", "/runs?label=of=pages&newest=true&limit=1").json["runs"]
    assert newest[0]["id"] == runs[-1]
    for run in runs:
        rested(served, run)
    counted = served.api("GET", "/counts?label=of=pages&since=2020-01-01T00:00:00Z").json
    assert counted == {"counts": {"done": 5}}
    none = served.api("GET", "/runs?status=done&status=failed&before=2020-01-01T00:00:00Z").json
    assert none == {"runs": [], "after": None}


def test_open_questions_are_listed(served: Served) -> None:
    """Of one run or of all, a page at a time."""
    runs = [start(served, "approved") for _ in range(2)]
    tokens = [rested(served, run)["questions"][0]["token"] for run in runs]
    one = served.api("GET", f"/questions?run={runs[0]}").json["questions"]
    assert [question["token"] for question in one] == tokens[:1]
    page = served.api("GET", f"/questions?tag=approval&limit=1&after={tokens[0]}").json
    assert page["questions"][0]["token"] == tokens[1]
    assert page["after"] == tokens[1]


def test_a_journal_is_read_from_any_entry(served: Served) -> None:
    """And the run is shown as it stood after one."""
    run = start(served, "approved")
    rested(served, run)
    whole = served.api("GET", f"/runs/{run}/journal").json
    assert [entry["kind"] for entry in whole["entries"]] == ["start", "result"]
    page = served.api("GET", f"/runs/{run}/journal?first=1&limit=1").json
    assert (page["entries"], page["next"]) == (whole["entries"][1:2], 2)
    past = served.api("GET", f"/runs/{run}/journal?at=0").json["at"]
    assert past["status"] == "running"
    assert [op["node"] for op in past["outstanding"]] == ["tests.server.serving:shout"]


def test_a_run_is_exported(served: Served) -> None:
    """As the engine exports it, so that any store takes it in."""
    run = start(served, "shouted")
    rested(served, run)
    reply = served.api("GET", f"/runs/{run}/export")
    assert reply.headers["content-type"] == "application/jsonl"
    assert run.encode() in reply.text
    assert served.api("GET", "/runs/none/export").code == "no_such_run"


def test_flows_are_told_with_what_they_take(served: Served) -> None:
    """By name, with the JSON Schemas of their input."""
    found = {flow["name"]: flow for flow in served.api("GET", "/flows").json["flows"]}
    assert set(found) == {"shouted", "failed", "approved", "received", "slow"}
    assert found["shouted"]["inputs"] == [{"type": "string"}]


def test_what_is_told_is_what_the_command_line_tells(served: Served) -> None:
    """One promise for both faces."""
    run = start(served, "shouted")
    rested(served, run)
    row = served.engine.client.row(run)
    assert served.api("GET", f"/runs?after={run}").status == 200
    told = served.api("GET", f"/runs/{run}").json
    assert {name: told[name] for name in run_view(row)} == run_view(row)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/runs", {"flow": "none"}, 404, "no_such_flow"),
        ("/runs", {"flow": "shouted", "input": 5}, 422, "input_refused"),
        ("/runs", {"flow": "shouted", "input": "x", "queue": "none"}, 404, "no_such_queue"),
        ("/answers", {"token": "x", "value": 1}, 409, "not_waiting"),
        ("/runs/none/answers", {"value": 1}, 404, "no_such_run"),
        ("/runs/none/signals", {"name": "x"}, 404, "no_such_run"),
        ("/runs/none/cancel", None, 404, "no_such_run"),
        ("/runs/none/retry", None, 404, "no_such_run"),
    ],
)
def test_what_cannot_be_done_says_why(
    served: Served, path: str, body: Any, status: int, code: str
) -> None:
    """By the codes that the library has."""
    reply = served.api("POST", path, body)
    assert (reply.status, reply.code) == (status, code)
    assert reply.json["blame"] == "caller"
