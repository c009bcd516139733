"""Peers whose addresses lie inside (RELIABILITY 18): nothing that an instance sends goes there."""

from __future__ import annotations

from everflow import flow, remote_node
from everflow.errors import ConfigurationError, RemoteUnreachable
from everflow.federation import Peers
from everflow.net.keys import key_word, make_ed25519
from everflow.store import QuestionRow
from tests.engine.support import until
from tests.federation.support import failure
from tests.hostile.forging import Asked
from tests.hostile.inbox import LED
from tests.hostile.rows import Line
from tests.hostile.site import Site

REFUSED = "address_refused"


def introduced(site: Site, name: str, address: str, word: str = "") -> bool:
    """Whether such a peer can be made known."""
    client = site.engine.client
    peers = Peers(client.store, client.clock.wall)
    try:
        peers.add(name, address, word or key_word(make_ed25519().public_key()))
    except ConfigurationError:
        return False
    return True


def agreements(site: Site) -> list[QuestionRow]:
    """What is asked of whoever has to agree."""
    return [question for question in site.engine.questions() if question.tag == "agreement"]


def test_no_call_goes_to_an_address_inside(site: Site) -> None:
    """However it is written: it can't be a peer's, or its call is never made (B100)."""
    bases = dict.fromkeys(url.removesuffix("/users/x") for url in LED)
    urls = [url.replace("TRAP", str(site.trap.port)) for url in bases]
    known = {f"led{no}": url for no, url in enumerate(urls) if introduced(site, f"led{no}", url)}
    assert len(known) >= 20
    began = len(site.sent)
    registry = site.engine.registry
    runs = {
        name: site.engine.start(
            flow(f"to-{name}", remote_node(name, "x", patience=0.01), registry=registry), 1
        )
        for name in known
    }
    for run in runs.values():
        assert failure(run).is_a(RemoteUnreachable)
    became = {url.removesuffix("?wait=1"): code for url, code in site.sent[began:]}
    for name, url in known.items():
        codes = {
            code
            for sent, code in became.items()
            if sent.startswith(f"{url.rstrip('/')}/peer/v1/calls/")
        }
        assert codes == {REFUSED}, (name, url, codes)
    assert site.trap.visits() == 0


def test_no_nudge_goes_to_an_address_inside(site: Site) -> None:
    """A peer that may call has its answer kept, and isn't told of it where it says it is."""
    address = f"http://localhost:{site.trap.port}/inner"
    assert introduced(site, "inner", address, key_word(site.inner.key.public_key()))
    client = site.engine.client
    Peers(client.store, client.clock.wall).change("inner", allowed=("*",))
    path = f"/peer/v1/calls/{'1' * 26}"
    line = Line(site.port)
    said = line.ask(Asked(path=path, body=site.asking("agreed", "yes?"), by="inner")(site))
    line.close()
    assert said.status == 202
    until(lambda: bool(agreements(site)))
    (question,) = agreements(site)
    site.engine.resume(question.run, "yes")
    until(lambda: (f"{address}/peer/v1/nudges", REFUSED) in site.sent)
    assert site.trap.visits() == 0
