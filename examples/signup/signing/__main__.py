"""The server: ``python -m signing``. It prints its address once it listens.

SIGNUP_STORE: the store's file. SIGNUP_SMTP: host:port. SIGNUP_SITE: the address of this site.
"""

import os
import socket

import uvicorn

from everflow import Engine
from signing.mailing import Post
from signing.web import application


def main() -> None:
    """Serve until told to stop."""
    listening = socket.create_server(("127.0.0.1", int(os.environ.get("SIGNUP_PORT", "8000"))))
    site = os.environ.get("SIGNUP_SITE") or f"http://127.0.0.1:{listening.getsockname()[1]}"
    host, _, port = os.environ.get("SIGNUP_SMTP", "127.0.0.1:1025").partition(":")
    engine = Engine(
        os.environ.get("SIGNUP_STORE", "signup.db"),
        provide={Post: lambda: Post(host, int(port), site)},
    )
    print(site, flush=True)
    config = uvicorn.Config(application(engine), log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
