"""Real servers on real sockets that misbehave as told, and a client for them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply

Script = Callable[["Visit"], Awaitable[None]]
SHORT = 0.3  # seconds that a client has where it is to run out of time
HERE = "127.0.0.0/8"


@dataclass
class Visit:
    """One connection of a client: what it sent, and the way to answer."""

    request: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, *parts: bytes) -> None:
        self.writer.writelines(parts)
        await self.writer.drain()

    async def reply(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} Fine", f"content-length: {len(body)}", *lines])
        await self.say(head.encode("latin-1") + b"\r\n\r\n" + body)

    def line(self) -> str:
        return self.request.partition(b"\r\n")[0].decode()

    def header(self, name: str) -> list[str]:
        lines = self.request.decode("latin-1").split("\r\n")[1:]
        pairs = [line.partition(": ") for line in lines]
        return [value for key, _, value in pairs if key.lower() == name]

    async def gone(self) -> None:
        """Until the client has hung up."""
        await self.reader.read()


@dataclass
class Server:
    """A server that is up: where, and who came."""

    host: str
    port: int
    visits: list[Visit] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", *, host: str = "", scheme: str = "http") -> str:
        return f"{scheme}://{host or self.host}:{self.port}{path}"


@asynccontextmanager
async def serving(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on a free port that reads each request and then does what the script says."""
    up = Server(host, 0)

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up.connections += 1
        try:
            while head := await message_of(reader):
                each = Visit(head, reader, writer)
                up.visits.append(each)
                await script(each)
        except (ConnectionError, asyncio.CancelledError):
            return  # the client hung up, which it may, or the test is over
        finally:
            writer.close()

    listener = await asyncio.start_server(visit, host, 0, ssl=tls, limit=1 << 20)
    up.port = listener.sockets[0].getsockname()[1]
    try:
        yield up
    finally:
        listener.close()
        for each in up.visits:
            each.writer.close()


async def message_of(reader: asyncio.StreamReader) -> bytes:
    """A whole message of HTTP/1.1 with its length in its head; nothing where there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length: "):
            head += await reader.readexactly(int(line.split()[1]))
    return head


def names(table: Mapping[str, Sequence[str]]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that knows these names alone, and fails for others as the machine's own does."""

    async def resolve(host: str, _port: int) -> Sequence[str]:
        if host not in table:
            raise OSError(f"no such name: {host}")
        return table[host]

    return resolve


@asynccontextmanager
async def visiting(script: Script, **settings: object) -> AsyncIterator[tuple[Outside, Server]]:
    """A server with that script, and a client that may visit it."""
    policy = Policy(**{"allow": (HERE,), "total_seconds": 20.0, **settings})  # type: ignore[arg-type]  # what a test sets
    async with serving(script) as server, Outside(policy) as outside:
        yield outside, server


def reply_of(script: Script, **settings: object) -> Reply:
    """What the client makes of a server."""

    async def main() -> Reply:
        async with visiting(script, **settings) as (outside, server):
            return await outside.send(Message("GET", server.url()))

    return asyncio.run(main())
