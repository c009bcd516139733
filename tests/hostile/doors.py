"""Who may come in (25), and whose page asks (19): tokens, paths, methods, hosts, framing."""

from __future__ import annotations

import re

from everflow.server.rules import PUBLIC, Rule
from everflow.server.table import RULES
from tests.hostile.rows import Group, Row, Sends, raw, request, rows

GUARDED = [rule for rule in RULES.all if rule.scope != PUBLIC]
RUNS = "/api/v1/runs"
NOBODY = "401 unauthenticated"
START = '{"flow": "shouted", "input": "x"}'


def path_of(rule: Rule) -> str:
    """The rule's path, about things that aren't there."""
    return re.sub(r"{\w+}", "none", rule.path)


def each_rule(token: str, right: str, *headers: str) -> list[tuple[str, Sends, str]]:
    """The same to every route."""
    body = {True: "{}", False: None}
    return [
        (
            f"{rule.method} {rule.path} with {token or 'no'} token",
            request(rule.method, path_of(rule), body[rule.body is not None], *headers, token=token),
            right,
        )
        for rule in GUARDED
    ]


def lesser() -> list[tuple[str, Sends, str]]:
    """Each route with the largest scope that isn't enough."""
    made = []
    for rule in GUARDED:
        token = {"operate": "read", "admin": "operate"}.get(str(rule.scope))
        if token:
            body = "{}" if rule.body is not None else None
            sends = request(rule.method, path_of(rule), body, token=token)
            made.append((f"{rule.method} {rule.path} by {token}", sends, "403 scope_too_small"))
    return made


def bearing(value: str) -> Sends:
    """A start by somebody who says that in the header."""
    return request("POST", RUNS, START, f"Authorization: {value}", token="")


WAYS_IN = [
    ("an empty bearer", bearing("Bearer "), NOBODY),
    ("another kind", bearing("Basic b3BlcmF0ZTp4"), NOBODY),
    ("a kind alone", bearing("Bearer"), NOBODY),
    ("a token of nobody", bearing("Bearer ef_0000000000000000_x"), NOBODY),
    ("a token with a path as its id", bearing("Bearer ef_../../../../../../_x"), NOBODY),
    ("a token with SQL as its id", bearing("Bearer ef_'OR'1'='1'--0000_x"), NOBODY),
    ("an endless token", bearing("Bearer " + "x" * 8_000), NOBODY),
    ("a token of percent signs", bearing("Bearer ef_%%%%%%%%%%%%%%%%_x"), NOBODY),
    ("a token of other letters", bearing("Bearer ef_\xb2\xb2\xb2\xb2\xb2\xb2\xb2\xb2_x"), NOBODY),
    (
        "two headers of it, the first good",
        request("POST", RUNS, START, "Authorization: Bearer x"),
        "400 bad_request",
    ),
    (
        "the token in the query",
        request("POST", f"{RUNS}?access_token=ef_0", START, token=""),
        NOBODY,
    ),
    (
        "the token in a cookie",
        request("POST", RUNS, START, "Cookie: token=ef_0", token=""),
        NOBODY,
    ),
    (
        "who a proxy is said to have let in",
        request("POST", RUNS, START, "X-Forwarded-User: admin", "X-Remote-User: admin", token=""),
        NOBODY,
    ),
    (
        "from where a proxy is said to have it",
        request("POST", RUNS, START, "X-Forwarded-For: 127.0.0.1", "Forwarded: for=::1", token=""),
        NOBODY,
    ),
    (
        "the path that a proxy is said to have had",
        request(
            "POST", "/api/v1/health", START, f"X-Original-URL: {RUNS}", f"X-Rewrite-URL: {RUNS}"
        ),
        "405 method_not_allowed",
    ),
]

ELSEWHERE = "400 bad_request, 401 unauthenticated, 404 no_such_path"
AROUND = [
    (f"a start at {trick}", request("POST", trick, START, token=""), ELSEWHERE)
    for trick in (
        f"{RUNS}/",
        f"{RUNS}//",
        f"/{RUNS}",
        f"{RUNS};x",
        f"{RUNS}/..;/runs",
        "/api/v1/health/..;/runs",
        "/api/v1/health/../runs",
        "/api/v1/health/%2e%2e/runs",
        "/api/v1/health%2f..%2fruns",
        "/api/v1/health%5c..%5cruns",
        "/api/v1/health%252f..%252fruns",
        "/api/v1/health;/../runs",
        f"{RUNS}.",
        f"{RUNS}..",
        f"{RUNS}.json",
        f"{RUNS}%20",
        f"{RUNS}%09",
        f"{RUNS}%00",
        f"{RUNS}%0a",
        f"{RUNS}%3f",
        f"{RUNS}%23",
        f"{RUNS}#x",
        "/API/V1/RUNS",
        "/Api/v1/runs",
        "/api/v1/RUNS",
        "/api/V1/runs",
        "/api//v1/runs",
        "/api/./v1/runs",
        "/%61pi/v1/runs",
        "/api/v1/%72uns",
        "/peer/v1/../../api/v1/runs",
        "/peer/v1/..;/..;/api/v1/runs",
        f"http://127.0.0.1{RUNS}",
        f"https://other.example{RUNS}",
        f"//other.example{RUNS}",
        "*",
    )
]

METHODS = [
    *(
        (f"the method {method}", request(method, RUNS, START), "405 method_not_allowed")
        for method in (
            "PUT",
            "PATCH",
            "DELETE",
            "TRACE",
            "PROPFIND",
            "get",
            "post",
            "QUERY",
            "M-SEARCH",
        )
    ),
    *(
        (
            f"a look that {name} makes a {method}",
            request("PUT", f"{RUNS}/none", None, f"{name}: {method}"),
            "405 method_not_allowed",
        )
        for name, method in (
            ("X-HTTP-Method-Override", "POST"),
            ("X-HTTP-Method", "DELETE"),
            ("X-Method-Override", "POST"),
        )
    ),
    (
        "a delete by a field of a form",
        request("POST", "/api/v1/tokens/operate?_method=DELETE", None),
        "405 method_not_allowed",
    ),
    ("no method at all", raw(b" /api/v1/runs HTTP/1.1\r\nHost: HOST\r\n\r\n"), "400 bad_request"),
]

CONNECTING = [
    (
        "CONNECT through it",
        raw(b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"),
        "400 bad_request, 401 unauthenticated",
    ),
    (
        "CONNECT with a token",
        raw(
            b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n"
            b"Connection: close\r\n\r\n"
        ),
        "400 bad_request, 404 no_such_path",
    ),
    (
        "OPTIONS of all",
        raw(b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"),
        "401 unauthenticated",
    ),
    *(
        (
            f"a WebSocket at {path}",
            raw(
                b"GET " + path.encode() + b" HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ),
            right,
        )
        for path, right in (
            (RUNS, NOBODY),
            ("/api/v1/events", NOBODY),
            ("/peer/v1/nudges", "405 method_not_allowed"),
            ("/peer/v1/calls/" + "0" * 26, "401 signature_refused"),
            ("/nowhere", NOBODY),
        )
    ),
    (
        "HTTP/2 without a word before",
        raw(b"PRI * HTTP/2.0\r\nConnection: close\r\n\r\nSM\r\n\r\n"),
        "400 bad_request",
    ),
    (
        "an upgrade to HTTP/2",
        raw(
            b"GET /api/v1/runs HTTP/1.1\r\nHost: HOST\r\n"
            b"Connection: Upgrade, HTTP2-Settings, close\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        ),
        NOBODY,
    ),
    (
        "HTTP/1.0 without a host",
        request("POST", RUNS, START, version="1.0", host="", token=""),
        NOBODY,
    ),
    ("HTTP/0.9", raw(b"GET /api/v1/runs\r\n\r\n"), "400 bad_request"),
    (
        "HTTP/1.2",
        request("POST", RUNS, START, "Connection: close", version="1.2", token=""),
        NOBODY,
    ),
    (
        "HTTP/9.9",
        request("POST", RUNS, START, "Connection: close", version="9.9"),
        "400 bad_request",
    ),
]

PAGES = [
    (f"a page: {'; '.join(headers)}", request("POST", RUNS, START, *headers), "403 origin_refused")
    for headers in (
        ["Origin: https://evil.example"],
        ["Origin: null"],
        ["Origin: "],
        ["Origin: http://localhost"],
        ["Origin: http://127.0.0.1"],
        ["Origin: http://127.0.0.1:1"],
        ["Origin: file://"],
        ["Sec-Fetch-Site: cross-site"],
    )
] + [
    (
        "a page without a host",
        request("POST", RUNS, START, "Origin: null", version="1.0", host=""),
        "403 origin_refused",
    ),
    (
        "a page with two origins",
        raw(
            b"POST /api/v1/runs HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\n"
            b"Origin: https://evil.example\r\nAuthorization: Bearer TOKEN\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        ),
        "400 bad_request, 403 origin_refused",
    ),
    *(
        (
            f"a form as {media or 'nothing'}",
            request("POST", RUNS, START, media=media),
            "415 not_json",
        )
        for media in (
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/json",
            "application/jsonp",
            "application/json, text/plain",
            "application/json;charset=utf-16",
            "application/json; charset=iso-8859-1",
            "application/json; charset=utf-7",
        )
    ),
]

DOORS = (
    Group("api", 25, rows(each_rule("", NOBODY) + each_rule("expired", NOBODY))),
    Group("api-revoked", 25, rows(each_rule("revoked", NOBODY) + lesser())),
    Group("api-around", 25, rows(WAYS_IN + AROUND + METHODS)),
    Group("api-connections", 25, rows(CONNECTING, alone=True)),
    Group("api-pages", 19, rows(PAGES)),
)


def all_rows() -> list[Row]:
    """All of this face."""
    return [row for group in DOORS for row in group.rows]
