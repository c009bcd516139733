"""The HTTP API of an engine: to be served by ``everflow serve``, or mounted into an application.

    engine = Engine("everflow.db")
    application.mount("/everflow", create_app(engine))

It needs the extra ``server``. Nothing below it knows of HTTP, and it holds no rule about runs: each
request becomes one call of the engine's.
"""

from __future__ import annotations

from everflow.server.access import Access, is_loopback
from everflow.server.app import Part, create_app
from everflow.server.limits import Limits
from everflow.server.running import Server, bind
from everflow.server.tokens import Grant, Scope, Token, Tokens, token_view

__all__ = [
    "Access",
    "Grant",
    "Limits",
    "Part",
    "Scope",
    "Server",
    "Token",
    "Tokens",
    "bind",
    "create_app",
    "is_loopback",
    "token_view",
]
