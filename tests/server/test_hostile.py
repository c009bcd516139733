"""Requests that mean ill: bodies, headers, ids, slowness. Each gets a problem, and all goes on."""

import json
import select
import socket
from collections.abc import Iterator

import pytest

from everflow.server import Limits
from tests.server.serving import PATIENT, Served, serving

HEAD = b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

TWICE = (
    b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Authorization: Bearer x\r\nAuthorization: Bearer y\r\n\r\n"
)


@pytest.fixture(scope="module")
def strict() -> Iterator[Served]:
    """A server with little patience and room."""
    limits = Limits(
        body=4096,
        headers=20,
        header_bytes=2048,
        head_s=0.3,
        body_s=0.3,
        read_s=0.3,
        rate=1e6,
        burst=10**6,
    )
    with serving(limits=limits) as made:
        yield made


def start_of(value: str) -> bytes:
    """The body of a start with that text as its input."""
    return b'{"flow": "received", "input": %s}' % value.encode()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_request"),
        (b"{", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b"null", 400, "bad_request"),
        (b"\xff\xfe", 400, "bad_request"),
        (b'\xef\xbb\xbf{"flow": "received"}', 400, "bad_request"),
        (b'{"flow": "\xed\xa0\x80"}', 400, "bad_request"),
        (b'{"flow": "\\ud800"}', 400, "bad_request"),
        (b'{"flow": "received", "key": "\\ud800"}', 400, "bad_request"),
        (b'{"flow": "received", "key": "a\\u0000b"}', 400, "bad_request"),
        (b'{"flow": "received", "key": "line\\n"}', 400, "bad_request"),
        (b'{"flow": "received", "key": ""}', 400, "bad_request"),
        (b'{"flow": "received", "key": "%s"}' % (b"x" * 513), 400, "bad_request"),
        (b'{"flow": "received", "labels": {"a": 1}}', 400, "bad_request"),
        (b'{"flow": "received", "labels": {"\\u0000": "1"}}', 400, "bad_request"),
        (b'{"flow": "received", "priority": 1e99}', 400, "bad_request"),
        (b'{"flow": "received", "priority": 9999999999999}', 400, "bad_request"),
        (b'{"flow": "received", "surplus": 1}', 400, "bad_request"),
        (b'{"flow": 1}', 400, "bad_request"),
        (b'{"flow": "../../etc/passwd"}', 404, "no_such_flow"),
        (b'{"flow": "received; DROP TABLE run"}', 404, "no_such_flow"),
        (start_of("NaN"), 400, "bad_request"),
        (start_of("Infinity"), 400, "bad_request"),
        (start_of("1e400"), 422, "input_refused"),
        (start_of("-1e400"), 422, "input_refused"),
        (start_of("1" * 4001), 422, "input_refused"),
        (start_of("1" * 5000), 400, "bad_request"),
        (start_of("[" * 90 + "]" * 90), 201, ""),
        (start_of("[" * 101 + "]" * 101), 422, "input_refused"),
        (start_of("[" * 5000 + "]" * 5000), 400, "bad_request"),
        (start_of('{"a":' * 5000 + "1" + "}" * 5000), 400, "bad_request"),
        (start_of('"\\ud800"'), 400, "bad_request"),
        (start_of('"\\ud83d\\ude00"'), 201, ""),
        (start_of('"a\\u0000b"'), 201, ""),
        (start_of(str(10**400)), 201, ""),
        (start_of('{"$": "map", "v": [[1, 2]]}'), 201, ""),
        (start_of('{"$": "everflow.cli:main"}'), 201, ""),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
def test_a_hostile_body_is_data_or_is_refused(
    served: Served, body: bytes, status: int, code: str
) -> None:
    """RELIABILITY 20, 21: refused with a code, or taken as the value that it is."""
    reply = served.api("POST", "/runs", body)
    assert reply.status == status, reply.text
    if code:
        assert reply.code == code
    else:
        found = served.api("GET", f"/runs/{reply.json['id']}/journal").json["entries"][0]["value"]
        assert found == json.loads(body)["input"]


@pytest.mark.parametrize(
    "run",
    [
        "%00",
        "a%00b",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "%5c",
        "a%0d%0aSet-Cookie:%20x=1",
        "%ff",
        "%ed%a0%80",
        "'%20OR%201=1--",
        "<script>",
        "x" * 3000,
        "01k3v9%20",
        "💥".encode().hex(),
    ],
)
@pytest.mark.parametrize(
    "path", ["GET /runs/{}", "GET /runs/{}/journal", "GET /runs/{}/events", "POST /runs/{}/cancel"]
)
def test_a_hostile_id_names_nothing(served: Served, path: str, run: str) -> None:
    """RELIABILITY 22: limits and parameters, and no path is made of it."""
    method, _, target = path.format(run).partition(" ")
    reply = served.api(method, target)
    assert reply.status in {400, 404}
    assert reply.code in {"bad_request", "no_such_run"}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=1&limit=2",
        "limit=" + "9" * 1000,
        "status=odd",
        "since=yesterday",
        "since=2026-01-31T12:00:00",
        "newest=perhaps",
        "surplus=1",
        "flow=%00",
        "flow=a%0ab",
        "label=x",
        "label==x",
        "after=none",
        "tag=" + "x" * 600,
    ],
)
def test_a_hostile_query_is_refused(served: Served, query: str) -> None:
    """By name, with what is known."""
    reply = served.api("GET", f"/runs?{query}")
    assert reply.status in {400, 404}, reply.text
    assert reply.code in {"bad_request", "no_such_run"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/questions?after=x", "not_waiting"),
        ("/questions?run=none", "no_such_run"),
        ("/questions?after=none.x.1", "no_such_run"),
        ("/runs/none?wait=-1", "bad_request"),
        ("/runs/none?wait=nan", "bad_request"),
        ("/runs/none?wait=1e99", "bad_request"),
        ("/runs/none/journal?first=-1", "bad_request"),
        ("/runs/none/journal?at=99999999999999999999999", "bad_request"),
        ("/runs/none/events?after=x", "bad_request"),
    ],
)
def test_other_queries_are_judged_as_well(served: Served, path: str, code: str) -> None:
    """By the same rules."""
    assert served.api("GET", path).code == code


def test_an_entry_that_there_is_not_has_no_past(served: Served) -> None:
    """The run is there, and that point of it isn't."""
    run = served.api("POST", "/runs", {"flow": "received"}).json["id"]
    assert served.api("GET", f"/runs/{run}/journal?at=99").status in {400, 404, 422}
    reply = served.api("GET", f"/runs/{run}/events", headers={"Last-Event-ID": "x"})
    assert reply.code == "bad_request"


def status_of(text: bytes) -> int:
    """The status of an answer as it came."""
    assert text.startswith(b"HTTP/1.1 "), text
    if b"content-length: 0" not in text.lower():
        assert b"application/problem+json" in text.lower(), text
    return int(text.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"GET / HTTP/x\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /api/v1/runs HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /api/v1/runs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", 400),
        (HEAD + b"Content-Length: 99999999999999999999\r\nConnection: close\r\n\r\n", 413),
        (HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZ\r\n", 400),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", 415),
        (b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 4000 + b"\r\n\r\n", 413),
        (b"GET /" + b"x" * 4000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 413),
        (
            b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + b"".join(b"X-%d: 1\r\n" % n for n in range(30))
            + b"\r\n",
            413,
        ),
        (TWICE, 400),
    ],
    ids=lambda value: repr(value)[:50] if isinstance(value, bytes) else None,
)
def test_a_broken_request_is_a_problem(strict: Served, text: bytes, status: int) -> None:
    """Whether HTTP itself or what is in it is broken."""
    assert status_of(strict.raw(text)) == status


def test_a_body_that_is_too_large_is_not_read(strict: Served) -> None:
    """By what it says of itself, and by what comes."""
    reply = strict.api("POST", "/runs", b"x" * 5000)
    assert (reply.status, reply.code) == (413, "request_too_large")
    chunks = b"".join(b"400\r\n" + b"x" * 0x400 + b"\r\n" for _ in range(6))
    text = strict.raw(HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks)
    assert status_of(text) == 413


def test_a_slow_body_is_given_up(strict: Served) -> None:
    """With a word about it, and nothing done."""
    text = strict.raw(HEAD + b"Content-Length: 100\r\nConnection: close\r\n\r\n{")
    assert status_of(text) == 408


@pytest.mark.parametrize("sent", [b"", b"GET /api/v1/health HTT", HEAD])
def test_a_slow_head_is_hung_up_on(strict: Served, sent: bytes) -> None:
    """However little of it came, and after another request as well."""
    assert strict.raw(sent) == b""
    whole = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert strict.raw(whole + sent).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("dripped", [b"{", b"400\r\nx"])
def test_the_rest_of_a_body_that_nobody_reads_has_its_time(strict: Served, dripped: bytes) -> None:
    """RELIABILITY 15: a request that is refused at its head doesn't keep its connection open."""
    lengths = {b"{": b"Content-Length: 100\r\n", b"400\r\nx": b"Transfer-Encoding: chunked\r\n"}
    head = b"GET /api/v1/runs/none HTTP/1.1\r\nHost: localhost\r\n" + lengths[dripped] + b"\r\n"
    with socket.create_connection(("127.0.0.1", strict.server.port), timeout=PATIENT) as made:
        made.sendall(head)
        assert b" 404 " in made.recv(65536)
        made.sendall(dripped)
        parts = []
        while part := made.recv(65536):
            parts.append(part)
    assert b"HTTP/1.1" not in b"".join(parts)


def test_who_does_not_read_an_answer_is_hung_up_on(strict: Served) -> None:
    """RELIABILITY 15: once more is there than the connection holds; what was begun ends."""
    run = strict.engine.start("received", "x" * 15_000_000).id
    head = b"GET /api/v1/runs/%b/export HTTP/1.1\r\nHost: localhost\r\n\r\n" % run.encode()
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.connect(("127.0.0.1", strict.server.port))
        made.sendall(head)
        hung_up = select.poll()
        hung_up.register(made, select.POLLHUP | select.POLLERR)
        assert hung_up.poll(PATIENT * 1000)
    assert strict.api("GET", "/health").status == 200


def test_a_request_whose_length_is_said_twice_is_not_read(strict: Served) -> None:
    """RELIABILITY 25: a start within what one of them says is the body isn't begun."""
    before = len(strict.engine.runs())
    inner = HEAD + b'Content-Length: 20\r\n\r\n{"flow": "received"}'
    both = HEAD + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    text = strict.raw(both % (5 + len(inner)) + inner)
    assert status_of(text) == 400
    assert text.count(b"HTTP/1.1") == 1
    assert len(strict.engine.runs()) == before


def test_a_body_that_breaks_off_harms_nobody(served: Served) -> None:
    """The connection goes away in the middle."""
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=PATIENT) as made:
        made.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    assert served.api("GET", "/health").status == 200


def test_too_many_requests_are_told_to_wait() -> None:
    """Each requester has a bucket; who bears no token has that of an address."""
    with serving(limits=Limits(rate=0.5, burst=3)) as server:
        replies = [server.api("GET", "/runs") for _ in range(5)]
        assert [reply.status for reply in replies][:3] == [200, 200, 200]
        assert replies[-1].code == "too_many_requests"
        assert int(replies[-1].headers["retry-after"]) >= 1
        health = [server.api("GET", "/health").status for _ in range(5)]
        assert health[-1] == 429


def test_the_server_goes_on(served: Served, strict: Served) -> None:
    """After all of that."""
    for server in (served, strict):
        run = server.api("POST", "/runs", {"flow": "shouted", "input": "still"}).json["id"]
        assert server.api("GET", f"/runs/{run}?wait=20").json["result"] == "STILL"
        assert server.engine.fault is None
