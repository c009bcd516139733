"""Which addresses are public, however they are written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from everflow.errors import AddressRefused, ConfigurationError
from everflow.net.addresses import is_public, literal
from everflow.net.policy import Policy

INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "192.169.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


@pytest.mark.parametrize("text", INSIDE)
def test_what_is_inside_is_not_public(text: str) -> None:
    """Private, loopback, link-local, shared, reserved, multicast, mapped and translated."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_is_outside_is_public(text: str) -> None:
    """The networks beside the reserved ones are anybody's."""
    assert is_public(ip_address(text))


_addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)
)


@settings(max_examples=200)
@given(address=_addresses)
@example(address=IPv4Address("192.0.0.1"))
@example(address=IPv6Address("2001:2::1"))
def test_what_python_calls_private_is_not_public(address: IPv4Address | IPv6Address) -> None:
    """The table is at least as strict as `ipaddress`, whose own grows from release to release."""
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert not is_public(address)


@settings(max_examples=100)
@given(number=st.integers(0, 2**32 - 1))
def test_an_address_inside_of_another_is_judged_as_itself(number: int) -> None:
    """Mapped and translated addresses are as public as what they carry, all others never."""
    inner = IPv4Address(number)
    public = is_public(inner)
    assert is_public(IPv6Address((0xFFFF << 32) | number)) == public
    assert is_public(IPv6Address((0x64FF9B << 96) | number)) == public
    assert not is_public(IPv6Address(number))
    assert not is_public(IPv6Address((0x2002 << 112) | (number << 80)))


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "1.2.3.4.5",
        "256.1.1.1",
        "a.0x7f",
        "a.1",
        "fe80::1%eth0",
        "fe80::1%25eth0",
        "::1%1",
        "127.0.0.%31",
        "a%20b",
        "a b",
        "",
        ".",
        "a..b",
        "-a.example",
        "a" * 64,
        "a." * 127 + "example",
        "a\0b",
        "a\n",
        "ä.example",
        "[::1]",
        "1.1.1.1 ",
    ],
)
def test_what_is_neither_name_nor_address_is_refused(host: str) -> None:
    """Numbers in disguise are never asked about: some resolvers know what they mean."""
    with pytest.raises(AddressRefused):
        literal(host)


@pytest.mark.parametrize(
    "host", ["peer.example", "localhost", "a_b.lan", "1e100.net", "xn--bcher-kva.example", "h."]
)
def test_a_name_is_a_name(host: str) -> None:
    """Names go to the resolver; what they lead to is judged there."""
    assert literal(host) is None


def test_a_policy_allows_what_it_names() -> None:
    """Networks in all their spellings, and hosts by their names, with plain HTTP and any port."""
    policy = Policy(allow=("10.0.0.0/8", "fd00::/8", "192.168.7.7", "Peer.LAN."))
    for host, address in [
        ("x.example", "10.9.9.9"),
        ("x.example", "::ffff:10.9.9.9"),
        ("x.example", "fd00::1"),
        ("x.example", "192.168.7.7"),
        ("peer.lan", "172.16.0.1"),
        ("peer.lan.", "172.16.0.1"),
    ]:
        assert policy.objection(host, ip_address(address), 25, plain=True) == "", (host, address)
    for host, address in [
        ("x.example", "11.0.0.1"),
        ("x.peer.lan", "172.16.0.1"),
        ("x.example", "192.168.7.8"),
        ("x.example", "64:ff9b::10.9.9.9"),
    ]:
        assert policy.objection(host, ip_address(address), 25, plain=True), (host, address)


def test_what_is_public_may_be_asked_over_tls_at_ports_of_the_web() -> None:
    """The default is for servers that strangers name."""
    policy, address = Policy(), ip_address("8.8.8.8")
    assert not policy.objection("x.example", address, 443, plain=False)
    assert not policy.objection("x.example", address, 8_443, plain=False)
    assert "port 25" in policy.objection("x.example", address, 25, plain=False)
    assert "TLS" in policy.objection("x.example", address, 80, plain=True)
    assert not Policy(plain_http=True).objection("x.example", address, 80, plain=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"allow": ("10.0.0.1/8",)},
        {"allow": ("http://peer.lan",)},
        {"allow": ("*.lan",)},
        {"allow": ("127.1",)},
        {"reply_bytes": 0},
        {"header_bytes": -1},
        {"total_seconds": 0},
        {"connect_seconds": -0.5},
        {"redirects": -1},
        {"connections": 0},
    ],
)
def test_a_policy_that_cannot_work_is_refused(settings: dict[str, object]) -> None:
    """When it is made, not when it would be asked."""
    with pytest.raises(ConfigurationError):
        Policy(**settings)  # type: ignore[arg-type]  # what is wrong is the point
