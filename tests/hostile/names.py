"""Ids and names (22), in each path, query and body where one may stand."""

from __future__ import annotations

import json
from urllib.parse import quote

from tests.hostile.rows import Group, Sends, request, rows

RUNS = "/api/v1/runs"
BROKEN = "400 bad_request"
NO_RUN = "404 no_such_run"

# What no name may have, as (what it is, the name).
UNNAMEABLE = [
    ("empty", ""),
    ("a NUL", "a\0b"),
    ("a line break", "a\nb"),
    ("a line break at its end", "a\n"),
    ("a carriage return", "a\rb"),
    ("an escape of a terminal", "\x1b[2Ja"),
    ("a delete", "a\x7fb"),
    ("a control of Latin 1", "a\x9b2Jb"),
    ("a separator of lines", "a\u2028b"),
    ("a separator of paragraphs", "a\u2029b"),
    ("text the other way round", "a\u202eb"),
    ("an isolate the other way round", "a\u2067b"),
    ("600 characters", "x" * 600),
]

# Names of which there is no thing, whatever stands in them.
NOBODYS = [
    ("a parent's folder", "../../etc/passwd"),
    ("a parent's folder of Windows", "..\\..\\boot.ini"),
    ("an absolute path", "/etc/passwd"),
    ("a URL", "file:///etc/passwd"),
    ("SQL", "x' OR '1'='1"),
    ("SQL that drops", "x'; DROP TABLE run; --"),
    ("a pattern of SQL", "%"),
    ("a pattern of files", "*"),
    ("a command", "$(id)`id`|id"),
    ("a template", "{{7*7}}${7*7}{0.__class__}"),
    ("a format", "%s%n%p"),
    ("a script", "<script>alert(1)</script>"),
    ("a formula", "=cmd|' /C calc'!A0"),
    ("a name of Windows", "CON"),
    ("Python's None", "None"),
    ("a letter that looks like one", "sh\u043euted"),
    ("accents without end", "z" + "\u0301" * 200),
    ("no width", "shouted\u200b"),
]

IN_PATHS = [
    (f"{how} in {method} {path}", request(method, path.format(name), body), f"{BROKEN}, {NO_RUN}")
    for how, name in (
        ("a folder above", "%2e%2e"),
        ("folders above", "..%2f..%2fetc%2fpasswd"),
        ("folders above of Windows", "..%5c..%5cboot.ini"),
        ("folders above, twice encoded", "%252e%252e%252f"),
        ("a NUL", "%00"),
        ("a NUL behind", "a%00.json"),
        ("a header", "a%0d%0aSet-Cookie:%20x=1"),
        ("a delete", "a%7f"),
        ("no text", "%ff%fe"),
        ("half a pair", "%ed%a0%80"),
        ("too long a way to write it", "%c0%ae%c0%ae"),
        ("half an encoding", "%2"),
        ("an encoding of nothing", "%zz"),
        ("SQL", "'%20OR%20'1'='1"),
        ("a script", "%3Cscript%3E"),
        ("text the other way round", quote("a\u202eb")),
        ("3,000 characters", "x" * 3_000),
    )
    for method, path, body in (
        ("GET", RUNS + "/{}", None),
        ("GET", RUNS + "/{}/export", None),
        ("POST", RUNS + "/{}/cancel", "{}"),
    )
]


def asked(**fields: object) -> Sends:
    """A start with these fields."""
    body = {"flow": "shouted", "input": "x", **fields}
    return request("POST", RUNS, json.dumps(body))


def answered(**fields: object) -> Sends:
    """An answer with these fields."""
    return request("POST", "/api/v1/answers", json.dumps({"token": "x", "value": True, **fields}))


IN_BODIES = [
    row
    for how, name in UNNAMEABLE
    for row in (
        (f"{how} as a flow", asked(flow=name), BROKEN),
        (f"{how} as a key", asked(key=name), BROKEN),
        (f"{how} as a label", asked(labels={name: "x"}), BROKEN),
        (f"{how} as a question", answered(token=name), BROKEN),
    )
] + [
    row
    for how, name in UNNAMEABLE[1:]
    for row in (
        (f"{how} as what a label says", asked(labels={"a": name}), BROKEN),
        (f"{how} as who says so", answered(by=name), BROKEN),
    )
]

IN_ADMINS = [
    (
        f"{how} as a token",
        request(
            "POST", "/api/v1/tokens", json.dumps({"name": name, "scope": "read"}), token="admin"
        ),
        f"{BROKEN}, 422 wrong_argument",
    )
    for how, name in UNNAMEABLE
] + [
    (
        f"{how} as a token to revoke",
        request("DELETE", f"/api/v1/tokens/{quote(name, safe='')}", None, token="admin"),
        f"{BROKEN}, 404 no_such_token",
    )
    for how, name in NOBODYS
]

OF_NOBODY = [
    row
    for how, name in NOBODYS
    for row in (
        (f"{how} as a flow", asked(flow=name), "404 no_such_flow"),
        (f"{how} as a question", answered(token=name), "404 no_such_run, 409 not_waiting"),
        (
            f"{how} as the run before",
            request("GET", f"{RUNS}?after={quote(name, safe='')}", None),
            NO_RUN,
        ),
    )
]

QUERIES = [
    (
        f"{path}?{query}"[:80],
        request("GET", f"{path}?{query}", None),
        f"{BROKEN}, {NO_RUN}, 409 not_waiting",
    )
    for path, query in (
        *(
            (RUNS, query)
            for query in (
                "limit=0",
                "limit=-1",
                "limit=1001",
                "limit=x",
                "limit=%31%30%30%31",
                "limit=1&limit=2",
                "limit=" + "9" * 1_000,
                "limit=",
                "limit=NaN",
                "limit=0x10",
                "status=odd",
                "status=done%00",
                "since=yesterday",
                "since=2026-01-31T12:00:00",
                "since=99999-01-01T00:00:00Z",
                "since=0000-00-00T00:00:00Z",
                "newest=perhaps",
                "surplus=1",
                "flow=",
                "flow=%00",
                "flow=a%0ab",
                "flow=%ff%00",
                "label=x",
                "label==x",
                "label=" + "x" * 600 + "=1",
                "after=none",
                "after=%27--",
                "tag=" + "x" * 600,
                "__class__=x",
                "limit[]=1",
                "limit%00=1",
                "parent=%0d%0aX:1",
            )
        ),
        ("/api/v1/questions", "after=x"),
        ("/api/v1/questions", "after=none.x.1"),
        ("/api/v1/questions", "run=../.."),
        ("/api/v1/counts", "limit=1"),
        (f"{RUNS}/none", "wait=-1"),
        (f"{RUNS}/none", "wait=nan"),
        (f"{RUNS}/none", "wait=inf"),
        (f"{RUNS}/none", "wait=1e99"),
        (f"{RUNS}/none/journal", "first=-1"),
        (f"{RUNS}/none/journal", "at=99999999999999999999999"),
        (f"{RUNS}/none/events", "after=x"),
        (f"{RUNS}/none/events", "after=1e400"),
    )
]

NAMES = (
    Group("names-in-paths", 22, rows(IN_PATHS)),
    Group("names-in-bodies", 22, rows(IN_BODIES)),
    Group("names-of-tokens", 22, rows(IN_ADMINS)),
    Group("names-of-nobody", 22, rows(OF_NOBODY)),
    Group("queries", 22, rows(QUERIES)),
)
