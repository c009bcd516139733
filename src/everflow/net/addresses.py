"""Which addresses belong to the public internet: everything else is somebody's inside.

One rule holds: an address is judged as the number that it is, never as it is written. Whatever a
text can hide (a mapped address, a translated one, a zone) is taken out first, and a host that is a
number in disguise (``2130706433``, ``0x7f.1``, ``0177.0.0.1``) isn't asked about at all.

The table is ours and not ``ipaddress.is_global``, which differs between the patch releases of
Python that we run on. Sources: the IANA registries of special-purpose addresses (RFC 6890 and what
followed it), RFC 6052 (NAT64), RFC 3056 and 7526 (6to4), RFC 4380 (Teredo), RFC 9637.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from everflow.errors import AddressRefused

__all__ = ["Address", "bare", "is_public", "literal"]

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host: Linux connects it to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")  # all that was ever given out
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarks, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address may be inside
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are the IPv4 address that is reached
_LAST_LABEL_IS_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_NAME = re.compile(r"(?=.{1,253}\.?\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63})*\.?")


def bare(address: Address) -> Address:
    """The address that the machine would connect to: a mapped one is an IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def is_public(address: Address) -> bool:
    """Whether anybody's machine may be there, but never one of ours."""
    address = bare(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)


def literal(host: str) -> Address | None:
    """The address that a host of a URL is, or None for a name; brackets are off already.

    AddressRefused for what is neither: zones, numbers that some resolvers take for addresses, and
    what no name can be.
    """
    try:
        address = ip_address(host)
    except ValueError:
        if _LAST_LABEL_IS_A_NUMBER.fullmatch(host) or not _NAME.fullmatch(host):
            raise AddressRefused(
                f"{host!r:.80} is neither a name nor an address in its usual form",
                hint="write an address as 192.0.2.1 or [2001:db8::1]",
            ) from None
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise AddressRefused(f"{host!r:.80} names a network card of this machine")
    return address
