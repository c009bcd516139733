"""Connections to checked addresses only: the address that was judged is the one connected to.

A name is resolved here, once for each connection, and its addresses are judged here; what connects
is handed an address. So there is no moment between check and use in which the name could mean
something else (DNS rebinding), and a redirect, which needs a connection too, passes the same gate.
TLS and the Host header know nothing of it: they stay those of the name.

No proxy is used, whatever the environment says: it would connect in our place.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import httpcore2

from everflow.errors import AddressRefused, Unreachable
from everflow.net.addresses import Address, literal
from everflow.net.policy import Policy
from everflow.net.streams import Stream

__all__ = ["Guard", "Resolver", "SystemResolver"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_TRIED = 4  # addresses of one name, at most
_LOOKUPS = 64  # threads, begun as needed: a name server that hangs mustn't hold up other names


class SystemResolver:
    """The machine's own resolver, in threads of its own: it can't be interrupted."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="everflow-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host, best first. OSError or UnicodeError where there are none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(where[0]) for *_, where in found]

    def close(self) -> None:
        """Let the threads go; one that waits for a name server ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Guard(httpcore2.AsyncNetworkBackend):
    """How the pool of connections gets one. ``plain`` says that no TLS will follow."""

    def __init__(self, policy: Policy, resolver: Resolver, *, plain: bool) -> None:
        self._policy = policy
        self._resolver = resolver
        self._plain = plain
        self._wire = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the pool's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to a checked address of the host, the first that answers.

        AddressRefused where none may be connected; ``timeout`` is for all of it.
        """
        try:
            async with asyncio.timeout(timeout):
                for address in await self._checked(host, port):
                    try:
                        return Stream(
                            await self._wire.connect_tcp(
                                address, port, None, local_address, socket_options
                            )
                        )
                    except httpcore2.ConnectError as error:
                        last = error
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"no connection to {host}") from error
        raise last

    async def _checked(self, host: str, port: int) -> list[str]:
        """The addresses that may be connected to; never empty."""
        found = await self._addresses(host, port)
        good, objection = [], ""
        for address in found:
            why = self._policy.objection(host, address, port, plain=self._plain)
            if not why:
                good.append(str(address))
            objection = objection or why
        if not good:
            raise AddressRefused(
                f"{host!r:.80} {objection}",
                hint="if it is yours, allow its network or its host",
            )
        return good[:_TRIED]

    async def _addresses(self, host: str, port: int) -> list[Address]:
        address = literal(host)
        if address is not None:
            return [address]
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"the name {host!r:.80} leads to no address") from error
        if not found:
            raise Unreachable(f"the name {host!r:.80} leads to no address")
        return [ip_address(text) for text in dict.fromkeys(found)]
