"""Who is elsewhere: senders with keys, servers that mislead, and ports where nobody may come by."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from everflow.net.keys import make_ed25519, public_pem, thumbprint

HERE = "127.0.0.1"
STRANGE = "strange.example"  # a name that leads here, and may
AP = "application/activity+json"

# Names that lead inside, and may not.
INNER = {
    "localhost": [HERE],
    "localhost.": [HERE],
    "inner.example": [HERE],
    "mixed.example": ["10.255.255.1", HERE],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat.example": ["64:ff9b::7f00:1"],
    "cloud.example": ["169.254.169.254"],
    "any.example": ["0.0.0.0"],
}


@dataclass
class Sender:
    """Somebody who signs: a peer that is known, an actor, or nobody."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=make_ed25519)
    url: str = ""  # of an actor

    @property
    def id(self) -> str:
        return self.url or thumbprint(self.key.public_key())

    @property
    def key_id(self) -> str:
        return f"{self.id}#{'main-key' if self.url else thumbprint(self.key.public_key())}"


class Trap:
    """A port on each address of this machine, at which nobody may ever come by."""

    def __init__(self) -> None:
        self._listening = socket.socket(socket.AF_INET6)
        self._listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self._listening.bind(("::", 0))
        self._listening.listen(64)
        self._listening.setblocking(False)
        self.port = int(self._listening.getsockname()[1])

    def visits(self) -> int:
        """How many came by since it was looked."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._listening.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        self._listening.close()


# What is at the paths of the strange server: a status, headers and a body; PORT is the trap's.
Shown = tuple[int, dict[str, str], bytes]
NOTHING: Shown = (404, {}, b"")
AWAY = {
    f"away{number}": (302, {"Location": url}, b"")
    for number, url in enumerate(
        (
            f"http://{HERE}:PORT/users/x",
            "http://localhost:PORT/users/x",
            "http://[::1]:PORT/users/x",
            "http://[::ffff:7f00:1]:PORT/users/x",
            "http://2130706433:PORT/users/x",
            "http://0x7f.1:PORT/users/x",
            "http://0177.0.0.1:PORT/users/x",
            "http://0:PORT/users/x",
            "http://169.254.169.254/latest/meta-data/",
            "http://inner.example:PORT/users/x",
            "http://six.example:PORT/users/x",
            "http://mixed.example:PORT/users/x",
            f"//{HERE}:PORT/users/x",
            f"http://{STRANGE}@{HERE}:PORT/users/x",
            "file:///etc/passwd",
            f"gopher://{HERE}:PORT/x",
            "data:application/activity+json,{}",
            "http://",
            "\\\\127.0.0.1\\x",
        )
    )
}


def shown(actor: Sender) -> dict[str, Shown]:
    """All documents, by the last part of their paths."""
    key = {
        "id": actor.key_id,
        "owner": actor.id,
        "publicKeyPem": public_pem(actor.key.public_key()),
    }
    good = {"id": actor.id, "type": "Person", "inbox": f"{actor.id}/inbox", "publicKey": key}

    def said(value: Any, media: str = AP, status: int = 200, **headers: str) -> Shown:
        return status, {"Content-Type": media, **headers}, json.dumps(value).encode()

    packed = gzip.compress(b" " * 5_000_000)
    base = actor.id.rpartition("/")[0]
    another = {**good, "id": f"{base}/unowned", "inbox": f"{base}/unowned/inbox"}
    return {
        "otto": said(good),
        "another": said(good),  # the document of somebody else
        "unowned": said(another),  # with a key that says it is otto's
        "keyless": said({**good, "id": f"{base}/keyless", "publicKey": None}),
        "page": said(good, "text/html"),
        "list": said([good]),
        "half": (200, {"Content-Type": AP}, b'{"id":'),
        "deep": (200, {"Content-Type": AP}, b"[" * 100_000),
        "twice": (200, {"Content-Type": AP}, b'{"id": "x", "id": "y"}'),
        "large": (200, {"Content-Type": AP}, b" " * 1_000_000),
        "bomb": (200, {"Content-Type": AP, "Content-Encoding": "gzip"}, packed),
        "broken": said(good, status=500),
        "gone": said(good, status=410),
        "round": (302, {"Location": f"{base}/round"}, b""),
        **AWAY,
    }


@contextmanager
def strangers(port: int) -> Iterator[Sender]:
    """A server with an actor, otto, and with documents that mislead to that port."""
    otto = Sender("otto")
    asked: dict[str, Shown] = {}

    class Answers(BaseHTTPRequestHandler):
        """Shows what there is at a path."""

        def do_GET(self) -> None:
            status, headers, body = asked.get(self.path.rpartition("/")[2], NOTHING)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value.replace("PORT", str(port)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HERE, 0), Answers)
    otto.url = f"http://{STRANGE}:{server.server_port}/users/otto"
    asked.update(shown(otto))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield otto
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
