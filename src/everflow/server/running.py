"""A server process: a socket, uvicorn on it, and an orderly end.

Uvicorn gives a request's head as much time as it likes to take, and the rest of a body that nobody
reads any more too, and it says what is wrong with one in plain text; here they have
``Limits.head_s``, and a problem document. It takes the word of a request that says twice how long
it is; here that is no request, since a server in between may have read it by the other word.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from typing import Any

import h11
import msgspec
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from everflow.errors import BadRequest, ConfigurationError
from everflow.server.backing import Backing
from everflow.server.limits import Limits
from everflow.server.problems import MEDIA, problem_body

__all__ = ["Server", "bind"]

BACKLOG = 512
GRACE = 10.0  # seconds for requests that are being answered at the end


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; ConfigurationError where it can't."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
            made.listen(BACKLOG)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"{host} port {port} can't be listened on: {error.strerror}",
            hint="take another: --port 0 takes any that is free",
        ) from error
    return made


class Server:
    """Serves an application of ``create_app`` on a socket that listens.

    Until ``stop`` is called, or ``ended`` says so, which is asked ten times a second.
    """

    def __init__(
        self,
        app: Starlette,
        listening: socket.socket,
        *,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        backing: Backing = app.state.backing
        self._socket = listening
        config = uvicorn.Config(
            app,
            http=_impatient(backing.limits),
            ws="none",
            lifespan="on",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=backing.limits.header_bytes,
            timeout_graceful_shutdown=round(GRACE),
        )
        self._uvicorn = _Uvicorn(config, backing.end, ended)

    @property
    def port(self) -> int:
        """The port it listens on."""
        found: int = self._socket.getsockname()[1]
        return found

    async def serve(self) -> None:
        """Serve until ``stop``; what is being answered then is answered."""
        with closing(self._socket):
            await self._uvicorn.main(self._socket)

    def stop(self) -> None:
        """Have ``serve`` end. Any thread, or a signal, may call."""
        self._uvicorn.should_exit = True


class _Uvicorn(uvicorn.Server):
    """Uvicorn, which leaves signals to whoever runs it, and ends streams before it waits."""

    def __init__(
        self, config: uvicorn.Config, ending: Callable[[], None], ended: Callable[[], bool]
    ) -> None:
        super().__init__(config)
        self._ending = ending
        self._ended = ended

    async def main(self, listening: socket.socket) -> None:
        """Serve on that socket."""
        await self._serve([listening])

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to end."""
        return await super().on_tick(counter) or self._ended()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, then answer what is asked."""
        self._ending()
        await super().shutdown(sockets)


class Impatient(H11Protocol):
    """A connection, with a time for each request's head, and for whoever doesn't read answers."""

    limits = Limits()
    _patience: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def __init__(self, config: uvicorn.Config, *more: Any, **others: Any) -> None:
        super().__init__(config, *more, **others)
        self.conn = Plain(h11.SERVER, config.h11_max_incomplete_event_size or 0)

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Read on, and go on waiting while the head isn't whole."""
        super().data_received(data)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._stop_waiting()
        self._stop_reading()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong as everything else here does, unless an answer has begun."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        body = msgspec.json.encode(problem_body(BadRequest(msg)))
        headers = [(b"content-type", MEDIA.encode()), (b"connection", b"close")]
        answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def pause_writing(self) -> None:
        """Wait until what was sent is read, but not for ever."""
        super().pause_writing()
        self._reading = self.loop.call_later(self.limits.read_s, self._give_up)

    def resume_writing(self) -> None:
        """It was read."""
        self._stop_reading()
        super().resume_writing()

    def _wait_for_head(self) -> None:
        """One time for the whole head, and for what is left of the request before."""
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._stop_waiting()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.limits.head_s, self.transport.close)

    def _give_up(self) -> None:
        """Drop what isn't read: else the kernel would keep it, and try on."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _impatient(limits: Limits) -> type[Impatient]:
    return type("Impatient", (Impatient,), {"limits": limits})


class Plain(h11.Connection):
    """What is read of a connection; it refuses a request whose end can be found in two ways."""

    def next_event(self) -> Any:
        """The next thing that came; RemoteProtocolError for what isn't HTTP, or only in part."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            chunked = b"transfer-encoding" in names
            # RFC 9112, section 6.1: so a request is smuggled past who reads it otherwise.
            if chunked and (b"content-length" in names or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("the length of the request is said in two ways")
        return event
