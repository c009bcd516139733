"""What isn't HTTP, only half of it, or two things at once (15, 25): lengths, chunks, halves."""

from __future__ import annotations

from tests.hostile.rows import CLOSED, Group, raw, request, rows

HEAD = (
    b"POST /api/v1/runs HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n"
    b"Content-Type: application/json\r\n"
)
END = b"Connection: close\r\n\r\n"
BODY = b'{"flow": "shouted", "input": "x"}'
CHUNKED = b"21\r\n" + BODY + b"\r\n0\r\n\r\n"
INNER = HEAD + b"Content-Length: 33\r\n" + END + BODY
BROKEN = "400 bad_request"
LENGTH = b"Content-Length: 33\r\n"
CODING = b"Transfer-Encoding: chunked\r\n"


def lengths(*lines: bytes, body: bytes = BODY) -> bytes:
    """A start whose length is said so."""
    return HEAD + b"".join(line + b"\r\n" for line in lines) + END + body


GARBAGE = [
    (
        "TLS",
        raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n"),
        BROKEN,
    ),
    ("SSH", raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), BROKEN),
    ("SMTP", raw(b"EHLO evil.example\r\nMAIL FROM:<x@evil.example>\r\n\r\n"), BROKEN),
    ("Redis", raw(b"*1\r\n$8\r\nFLUSHALL\r\n\r\n\r\n"), BROKEN),
    ("the PROXY protocol", raw(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", INNER), BROKEN),
    ("all bytes", raw(bytes(range(256)) + b"\r\n\r\n"), BROKEN),
    ("zeros", raw(b"\0" * 5_000 + b"\r\n\r\n"), BROKEN),
    ("a line without an end", raw(b"x" * 70_000), BROKEN),
    (
        "a header without an end",
        raw(HEAD + b"X: " + b"x" * 70_000),
        f"{BROKEN}, 413 request_too_large",
    ),
    ("an answer", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), BROKEN),
    ("no version", raw(b"GET /api/v1/health\r\nHost: HOST\r\n\r\n"), BROKEN),
    ("another version", raw(b"GET /api/v1/health HTTP/x\r\nHost: HOST\r\n\r\n"), BROKEN),
    ("a space in the target", raw(b"GET /api/v1/ health HTTP/1.1\r\nHost: HOST\r\n\r\n"), BROKEN),
    ("a tab in the target", raw(b"GET /api/v1/\thealth HTTP/1.1\r\nHost: HOST\r\n\r\n"), BROKEN),
    (
        "bytes of UTF-8 in the target",
        raw(b"GET /api/v1/\xc3\xa9 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        BROKEN,
    ),
    ("a NUL in the target", raw(b"GET /api/v1/\0 HTTP/1.1\r\nHost: HOST\r\n\r\n"), BROKEN),
    (
        "a bare line feed in the target",
        raw(b"GET /api\n/v1 HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        BROKEN,
    ),
]

FIELDS = [
    ("no host", raw(b"GET /api/v1/runs HTTP/1.1\r\n\r\n"), BROKEN),
    ("two hosts", raw(b"GET /api/v1/runs HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n"), BROKEN),
    ("a space before the colon", raw(HEAD + b"Content-Length : 33\r\n\r\n" + BODY), BROKEN),
    ("a name of two words", raw(HEAD + b"Content Length: 33\r\n\r\n"), BROKEN),
    ("a header without a name", raw(HEAD + b": x\r\n\r\n"), BROKEN),
    ("a header without a colon", raw(HEAD + b"Content-Length\r\n\r\n"), BROKEN),
    ("a NUL in a header", raw(HEAD + b"X: a\0b\r\n\r\n"), BROKEN),
    ("a carriage return in a header", raw(HEAD + b"X: a\rb\r\n\r\n"), BROKEN),
    ("a bell in a header", raw(HEAD + b"X: a\x07b\r\n\r\n"), BROKEN),
    ("a fold before any header", raw(b"GET / HTTP/1.1\r\n Host: HOST\r\n\r\n"), BROKEN),
    ("a name in UTF-8", raw(HEAD + b"\xc3\xa9: x\r\n\r\n"), BROKEN),
    (
        "a length within a fold",
        raw(HEAD + b"X: a\r\n Content-Length: 33\r\n" + END),
        f"{BROKEN}, 415 not_json",
    ),
    (
        "headers of 20,000 bytes",
        request("POST", "/api/v1/runs", BODY, f"X: {'x' * 20_000}"),
        f"{BROKEN}, 413 request_too_large",
    ),
    (
        "a hundred headers",
        request(
            "POST", "/api/v1/runs", BODY, *(f"X-{n}: x" for n in range(100)), "Connection: close"
        ),
        "413 request_too_large",
    ),
    (
        "a thousand headers",
        request(
            "POST", "/api/v1/runs", BODY, *(f"X-{n}: x" for n in range(1_000)), "Connection: close"
        ),
        "413 request_too_large",
    ),
    (
        "a path of 15,000 bytes",
        request("GET", "/api/v1/runs/" + "x" * 15_000, None, "Connection: close"),
        "404 no_such_run, 413 request_too_large",
    ),
]

LENGTHS = [
    ("a length below nothing", raw(lengths(b"Content-Length: -1")), BROKEN),
    ("a length with a sign", raw(lengths(b"Content-Length: +33")), BROKEN),
    ("a length in hexadecimal", raw(lengths(b"Content-Length: 0x21")), BROKEN),
    ("a length that is a fraction", raw(lengths(b"Content-Length: 33.0")), BROKEN),
    ("an empty length", raw(lengths(b"Content-Length: ")), BROKEN),
    ("a length in other digits", raw(lengths("Content-Length: \u0663\u0663".encode())), BROKEN),
    ("a length of 5,000 digits", raw(lengths(b"Content-Length: " + b"9" * 5_000)), BROKEN),
    ("two lengths", raw(lengths(b"Content-Length: 33", b"Content-Length: 34")), BROKEN),
    ("two lengths in one", raw(lengths(b"Content-Length: 33, 34")), BROKEN),
    ("a length of 50 MB", raw(lengths(b"Content-Length: 52428800")), "413 request_too_large"),
    (
        "a length of all bytes",
        raw(lengths(b"Content-Length: 99999999999999999999")),
        "413 request_too_large",
    ),
    (
        "a length that waits to be told",
        raw(lengths(b"Expect: 100-continue", b"Content-Length: 52428800", body=b"")),
        "413 request_too_large",
    ),
    ("a length of less than there is", raw(lengths(b"Content-Length: 32")), BROKEN),
]

SMUGGLED = [
    ("a length and chunks", raw(lengths(LENGTH.strip(), CODING.strip(), body=CHUNKED)), BROKEN),
    ("chunks and a length", raw(lengths(CODING.strip(), LENGTH.strip(), body=CHUNKED)), BROKEN),
    (
        "a length of which the rest is a start",
        raw(lengths(b"Content-Length: 5", CODING.strip(), body=b"0\r\n\r\n" + INNER)),
        BROKEN,
    ),
    (
        "chunks of which the rest is a start",
        raw(lengths(b"Content-Length: 300", CODING.strip(), body=b"0\r\n\r\n" + INNER)),
        BROKEN,
    ),
    *(
        (
            f"the coding {coding!r}",
            raw(lengths(b"Transfer-Encoding: " + coding, body=CHUNKED)),
            BROKEN,
        )
        for coding in (
            b"xchunked",
            b"chunked, chunked",
            b"chunked, identity",
            b"identity, chunked",
            b"identity",
            b"gzip, chunked",
            b"gzip",
            b"chunked;q=1",
            b"\x0bchunked",
            b"'chunked'",
            b"",
        )
    ),
    (
        "two codings",
        raw(lengths(CODING.strip(), b"Transfer-Encoding: identity", body=CHUNKED)),
        BROKEN,
    ),
    ("a coding twice", raw(lengths(CODING.strip(), CODING.strip(), body=CHUNKED)), BROKEN),
    (
        "a coding with a space before its colon",
        raw(lengths(b"Transfer-Encoding : chunked", body=CHUNKED)),
        BROKEN,
    ),
    (
        "a coding in a fold",
        raw(lengths(b"Transfer-Encoding:\r\n chunked", LENGTH.strip(), body=CHUNKED)),
        BROKEN,
    ),
    (
        "a coding in HTTP/1.0",
        raw(lengths(CODING.strip(), body=CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0")),
        BROKEN,
    ),
    (
        "a coding by a bare line feed",
        raw(lengths(b"X: y\nTransfer-Encoding: chunked", LENGTH.strip(), body=CHUNKED)),
        BROKEN,
    ),
    *(
        (
            f"the chunk {chunk[:30]!r}",
            raw(lengths(CODING.strip(), body=chunk)),
            f"{BROKEN}, 408 request_too_slow",
        )
        for chunk in (
            b"ZZ\r\n",
            b"-1\r\n\r\n0\r\n\r\n",
            b"+21\r\n" + BODY + b"\r\n0\r\n\r\n",
            b"0x21\r\n" + BODY + b"\r\n0\r\n\r\n",
            b" 21\r\n" + BODY + b"\r\n0\r\n\r\n",
            b"2_1\r\n" + BODY + b"\r\n0\r\n\r\n",
            b"20\r\n" + BODY + b"\r\n0\r\n\r\n",
            b"21\n" + BODY + b"\n0\n\n",
            b"21\r\n" + BODY + b"0\r\n\r\n",
            b"fffffffffffffffffffff\r\n" + BODY,
            b"21;" + b"x" * 20_000 + b"\r\n" + BODY,
            b"\r\n21\r\n" + BODY + b"\r\n0\r\n\r\n",
        )
    ),
    (
        "a broken chunk of a request that is refused",
        raw(
            b"POST /api/v1/runs HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"
        ),
        f"{BROKEN}, 401 unauthenticated",
    ),
    (
        "chunks of which the end says that it is longer",
        raw(lengths(CODING.strip(), body=b"21\r\n" + BODY + b"\r\n0\r\nContent Length: 5\r\n\r\n")),
        BROKEN,
    ),
    (
        "50 MB in chunks",
        raw(
            lengths(CODING.strip(), body=b"100000\r\n" + b" " * 0x100000 + b"\r\n")
            + b"100000\r\n"
            + (b" " * 0x100000 + b"\r\n100000\r\n") * 49
        ),
        "413 request_too_large",
    ),
]

# Each waits until the server has had enough: they are sent at once.
SLOW = [
    ("nothing", raw(b""), CLOSED),
    ("a method", raw(b"POST"), CLOSED),
    ("half a line", raw(b"POST /api/v1/runs HT"), CLOSED),
    ("half a head", raw(HEAD), CLOSED),
    ("half a name", raw(HEAD + b"Content-Le"), CLOSED),
    ("a head without its last line", raw(HEAD + b"Content-Length: 33\r\n"), CLOSED),
    ("empty lines", raw(b"\r\n\r\n\r\n"), f"{CLOSED}, {BROKEN}"),
    ("no body", raw(HEAD + LENGTH + END), "408 request_too_slow"),
    ("half a body", raw(HEAD + LENGTH + END + BODY[:9]), "408 request_too_slow"),
    ("half a chunk", raw(HEAD + CODING + END + b"21\r\n" + BODY[:9]), "408 request_too_slow"),
    ("chunks without an end", raw(HEAD + CODING + END + CHUNKED[:-5]), "408 request_too_slow"),
    (
        "a body that is awaited",
        raw(HEAD + b"Expect: 100-continue\r\n" + LENGTH + END),
        "408 request_too_slow",
    ),
    (
        "the body of a request that is refused",
        raw(
            b"POST /api/v1/runs HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
            + LENGTH
            + b"\r\n"
        ),
        "401 unauthenticated",
    ),
    (
        "half the body of a request that is refused",
        raw(
            b"POST /api/v1/runs HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
            + LENGTH
            + b"\r\n{"
        ),
        "401 unauthenticated",
    ),
    (
        "the body of a look",
        raw(
            b"GET /api/v1/runs/none HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n"
            + LENGTH
            + b"\r\n{"
        ),
        "404 no_such_run",
    ),
]

FRAMING = (
    Group("garbage", 15, rows(GARBAGE + FIELDS, alone=True)),
    Group("lengths", 21, rows(LENGTHS, alone=True)),
    Group("smuggled", 25, rows(SMUGGLED, alone=True)),
)
HALVES = Group("slow", 15, rows(SLOW, alone=True))
