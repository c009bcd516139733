"""Where requests may go and what they may cost: one frozen value, checked when it is made.

The default is for servers that strangers name: public addresses, HTTPS, the ports of the web or
high ones. ``allow`` is the only way out of it, for what you run yourself.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from everflow.errors import AddressRefused, ConfigurationError
from everflow.net.addresses import Address, bare, is_public, literal

__all__ = ["Policy"]

_WEB = (80, 443)
_FIRST_FREE_PORT = 1024  # those below belong to services that don't speak HTTP


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a client may do.

    ``allow`` lists networks (``"10.1.0.0/16"``, ``"127.0.0.1"``) and host names that may be reached
    although they aren't public; there, plain HTTP and every port are allowed too. A name in it
    is believed wherever it leads. ``plain_http`` allows HTTP without TLS everywhere. So many
    ``connections`` are open at once, ``per_host`` of them to one server; a request beyond that
    waits. ``tls`` is the context to verify certificates by; the machine's own authorities where it
    is None.
    """

    allow: tuple[str, ...] = ()
    plain_http: bool = False
    redirects: int = 3
    reply_bytes: int = 1_000_000
    header_bytes: int = 32_768
    total_seconds: float = 10.0
    connect_seconds: float = 5.0
    connections: int = 100
    per_host: int = 20
    tls: ssl.SSLContext | None = None
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False)
    _hosts: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("reply_bytes", "header_bytes", "total_seconds", "connect_seconds"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be positive")
        if self.redirects < 0 or self.connections < 1 or self.per_host < 1:
            raise ConfigurationError("redirects can't be negative, and a connection is needed")
        networks, hosts = [], []
        for text in self.allow:
            try:
                networks.append(ip_network(text))
            except ValueError:
                hosts.append(_host(text))
        object.__setattr__(self, "_networks", tuple(networks))
        object.__setattr__(self, "_hosts", frozenset(hosts))

    def objection(self, host: str, address: Address, port: int, *, plain: bool) -> str:
        """Why this address of that host may not be connected; empty where it may."""
        address = bare(address)
        if host.removesuffix(".") in self._hosts or any(address in net for net in self._networks):
            return ""
        if not is_public(address):
            return f"leads to {address}, which isn't public"
        if port < _FIRST_FREE_PORT and port not in _WEB:
            return f"names port {port}, which isn't of the web"
        if plain and not self.plain_http:
            return "asks for HTTP without TLS"
        return ""


def _host(text: str) -> str:
    host = text.lower().removesuffix(".")
    try:
        literal(host)
    except AddressRefused as error:
        raise ConfigurationError(
            f"{text!r:.80} in allow is neither a network nor a host name",
            hint='networks are written "10.1.0.0/16" (no bits set behind the mask), '
            'hosts "peer.lan"',
        ) from error
    return host
