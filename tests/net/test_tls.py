"""TLS is the name's, though an address is what is connected."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from everflow.errors import BadReply, TooSlow, Unreachable
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from tests.net.serving import HERE, SHORT, Visit, names, serving

NAME = "peer.example"


@cache
def _certificate() -> tuple[bytes, bytes]:
    """A certificate for the name that vouches for itself, and its key; both PEM."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    day, now = dt.timedelta(days=1), dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), pem


class Place:
    """Both ends' contexts; ``asked`` has the names that clients asked for (SNI)."""

    def __init__(self, folder: Path) -> None:
        certificate, key = _certificate()
        file = folder / "both.pem"
        file.write_bytes(certificate + key)
        self.asked: list[str | None] = []
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(file)
        self.server.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        self.client = ssl.create_default_context(cadata=certificate.decode())


def _visit(place: Place, host: str, *, trust: bool = True, status: int = 200) -> list[str]:
    """The Host header that the server saw."""

    async def script(visit: Visit) -> None:
        await visit.reply(status=status, location="http://127.0.0.1:1/")

    async def main() -> list[str]:
        policy = Policy(allow=(HERE,), tls=place.client if trust else None, total_seconds=20.0)
        table = {NAME: ["127.0.0.1"], "other.example": ["127.0.0.1"]}
        async with (
            serving(script, tls=place.server) as server,
            Outside(policy, resolver=names(table)) as outside,
        ):
            await outside.send(Message("GET", server.url(host=host, scheme="https")))
            return [host.partition(":")[0] for host in server.visits[0].header("host")]

    return asyncio.run(main())


def test_certificate_sni_and_host_are_those_of_the_name(tmp_path: Path) -> None:
    """The server can't tell that its address was handed over instead of its name."""
    place = Place(tmp_path)
    assert _visit(place, NAME) == [NAME]
    assert place.asked == [NAME]


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    """Who answers at the address must be who was asked for."""
    with pytest.raises(Unreachable, match="certificate"):
        _visit(Place(tmp_path), "other.example")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """The machine's own authorities are asked where the policy names none."""
    with pytest.raises(Unreachable, match="certificate"):
        _visit(Place(tmp_path), NAME, trust=False)


def test_a_redirect_out_of_tls_is_refused(tmp_path: Path) -> None:
    """What began encrypted stays so, to an allowed network too."""
    with pytest.raises(BadReply, match="out of TLS"):
        _visit(Place(tmp_path), NAME, status=302)


def test_a_server_without_tls_is_unreachable_over_it() -> None:
    """Plain HTTP where TLS was asked for is no connection."""

    async def main() -> None:
        policy = Policy(allow=(HERE,), connect_seconds=SHORT, total_seconds=20.0)
        async with serving(lambda visit: visit.reply()) as server, Outside(policy) as outside:
            await outside.send(Message("GET", server.url(scheme="https")))

    with pytest.raises((TooSlow, Unreachable)):
        asyncio.run(main())
