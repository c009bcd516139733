"""Who may come in: every route is tried without a token, with too small a scope, and by tricks."""

import json
import re
from typing import Any

import pytest

from everflow.server import Scope
from everflow.server.rules import PUBLIC, Nothing, Rule, Rules
from everflow.server.table import RULES
from tests.server.serving import Served, serving

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
GUARDED = [rule for rule in RULES.all if rule.scope != PUBLIC]
NAMED = [rule for rule in GUARDED if rule.scope != Scope.READ]


def filled(rule: Rule) -> str:
    """The rule's path, about things that aren't there."""
    return re.sub(r"{\w+}", "none", rule.path)


def named(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def test_every_route_has_a_rule_and_few_are_public() -> None:
    """RELIABILITY 25: health alone is for everybody."""
    assert [rule.path for rule in RULES.all if rule.scope == PUBLIC] == ["/api/v1/health"]
    for rule in RULES.all:
        changes = rule.method != "GET"
        assert rule.scope != Scope.READ or not changes, f"{named(rule)} changes things"


def test_a_rule_must_say_who_may_use_it() -> None:
    """None can be made without, nor one that contradicts itself, nor two of one path and method."""

    def look(_: Any) -> None:
        """Look."""

    rule = Rule("GET", "/x", Scope.READ, does=look)
    wrong: list[dict[str, Any]] = [
        {"scope": "anybody"},
        {"does": None},
        {"streams": look},
        {"method": "STEAL"},
        {"path": "x"},
        {"body": Nothing},
    ]
    for other in wrong:
        fields: dict[str, Any] = {
            "method": "GET",
            "path": "/x",
            "scope": Scope.READ,
            "does": look,
            **other,
        }
        with pytest.raises(ValueError, match=r"no rule|doesn't say|takes no body"):
            Rule(**fields)
    with pytest.raises(ValueError, match="twice"):
        Rules([rule, rule])


@pytest.mark.parametrize("rule", GUARDED, ids=named)
def test_no_route_is_open_without_a_token(locked: Served, rule: Rule) -> None:
    """Nor with one that is none, of another server, or sent another way."""
    for headers in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer ef_0000000000000000_x"},
        {"Authorization": "Bearer ef_%%%%%%%%%%%%%%%%_x"},
        {"Authorization": f"Basic {locked.token}"},
        {"Authorization": locked.token},
        {"Authorization": f"Bearer {locked.token[:-1]}"},
        {"Authorization": f"Bearer {locked.token}x"},
        {"Authorization": f"Bearer {locked.token.upper()}"},
        {"Cookie": f"token={locked.token}"},
        {"X-Api-Key": locked.token},
    ):
        for path in (filled(rule), f"{filled(rule)}?access_token={locked.token}"):
            reply = locked.ask(rule.method, path, headers=headers, token="")
            assert (reply.status, reply.code) == (401, "unauthenticated"), headers
            assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.fixture(scope="module")
def small(locked: Served) -> dict[Scope, str]:
    """A token of each scope."""
    return {scope: locked.make(scope) for scope in Scope}


@pytest.mark.parametrize("rule", NAMED, ids=named)
def test_a_scope_that_is_too_small_is_refused(
    locked: Served, small: dict[Scope, str], rule: Rule
) -> None:
    """Before the body is looked at, so that nothing is learnt by it."""
    for scope, token in small.items():
        if not scope.includes(Scope(rule.scope)):
            reply = locked.ask(rule.method, filled(rule), b"{", token=token)
            assert (reply.status, reply.code) == (403, "scope_too_small")


@pytest.mark.parametrize("path", sorted(RULES.paths))
def test_a_method_without_a_rule_does_nothing(locked: Served, path: str) -> None:
    """405 with what is allowed, and only for whoever may come in."""
    known = RULES.paths[path]
    target = re.sub(r"{\w+}", "none", path)
    for method in METHODS:
        if method in known:
            continue
        assert locked.ask(method, target, token="").status == 401
        reply = locked.ask(method, target)
        assert reply.status == 405
        assert reply.headers["allow"] == ", ".join(sorted(known))


TRICKS = (
    "{}/",
    "{}//",
    "/{}",
    "{};x",
    "{};/health",
    "{}%2f",
    "{}/..",
    "{}/.",
    "{}/../health",
    "{}%00",
    "{}%0a",
    "{}%20",
    "{}.json",
    "{}/%2e%2e/health",
    "/api/v1/health/..{}",
    "/api/v1/health%2f..%2f..{}",
    "/API/V1/runs",
    "/api//v1/runs",
    "/api/v1/health;{}",
    "/api/v1/./health",
    "http://other{}",
    "*",
)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_suffix_leads_around_a_rule(locked: Served, small: dict[Scope, str], trick: str) -> None:
    """RELIABILITY 25: slashes, dots, semicolons, encodings and case."""
    for rule in GUARDED:
        path = trick.format(filled(rule))
        reply = locked.ask(rule.method, path, token="")
        assert reply.status in {400, 401, 404}, path
        assert reply.code in {"bad_request", "unauthenticated", "no_such_path"}
        if rule.method != "GET":  # nothing that acts is reached with a token to look alone
            again = locked.ask(rule.method, path, {"value": 1}, token=small[Scope.READ])
            assert again.status in {400, 403, 404, 405}, path


def test_a_trick_that_ends_at_a_run_names_a_run(locked: Served) -> None:
    """A semicolon is a character of an id, which there isn't."""
    assert locked.api("GET", "/runs/none;x").code == "no_such_run"


def test_health_is_for_everybody(locked: Served) -> None:
    """And says nothing but that."""
    assert locked.api("GET", "/health", token="").json == {"status": "ok"}


def test_a_revoked_token_is_refused_at_once(locked: Served) -> None:
    """By the request that comes next; an admin may make and revoke tokens over HTTP."""
    made = locked.api("POST", "/tokens", {"name": "short", "scope": "read", "lasts": 3600}).json
    assert locked.api("GET", "/runs", token=made["token"]).status == 200
    listed = {token["id"]: token for token in locked.api("GET", "/tokens").json["tokens"]}
    assert listed[made["id"]]["valid"] is True
    assert listed[made["id"]]["used"] is not None
    assert made["token"].rpartition("_")[2] not in json.dumps(listed)
    assert locked.api("DELETE", f"/tokens/{made['id']}").json["valid"] is False
    assert locked.api("GET", "/runs", token=made["token"]).status == 401
    assert locked.api("DELETE", "/tokens/none").code == "no_such_token"


def test_who_did_it_is_the_token_not_what_is_said(locked: Served) -> None:
    """Whoever bears a token can't hide behind another name."""
    run = locked.api("POST", "/runs", {"flow": "received"}).json["id"]
    assert locked.api("POST", f"/runs/{run}/cancel", {"by": "Ines"}).status == 200
    lines = [line for line in locked.engine.client.store.records("audit") if run in line.body]
    assert json.loads(lines[-1].body)["by"] == "Ines (the test)"


# --- pages of others


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": "localhost.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": "192.0.2.1"},
        {"Host": "0.0.0.0"},
        {"Host": ""},
        {"Host": "[::ffff:192.0.2.1]"},
    ],
)
def test_an_open_server_is_reached_by_its_own_name_alone(
    served: Served, headers: dict[str, str]
) -> None:
    """RELIABILITY 19: a foreign name that resolves to this machine is refused, reads included."""
    reply = served.api("GET", "/runs", headers=headers)
    assert (reply.status, reply.code) == (403, "origin_refused")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.2:80", "[::1]:8000"])
def test_each_name_of_this_machine_is_its_own(served: Served, host: str) -> None:
    """With and without a port."""
    assert served.api("GET", "/runs", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
    ],
)
@pytest.mark.parametrize("who", ["served", "locked"])
def test_another_page_can_change_nothing(
    request: pytest.FixtureRequest, who: str, headers: dict[str, str]
) -> None:
    """RELIABILITY 19: neither on an open server nor with a token, whatever it posts."""
    server: Served = request.getfixturevalue(who)
    for rule in RULES.all:
        if rule.method != "GET":
            reply = server.ask(rule.method, filled(rule), b"{}", headers=headers)
            assert (reply.status, reply.code) == (403, "origin_refused")


def test_the_servers_own_page_may_ask(served: Served) -> None:
    """The page's origin is the name by which it was reached."""
    own = {"Host": "localhost:9", "Origin": "http://localhost:9", "Sec-Fetch-Site": "same-origin"}
    assert served.api("POST", "/runs", {"flow": "received"}, headers=own).status == 201


def test_a_form_can_send_nothing(served: Served) -> None:
    """What a page may post without asking isn't JSON."""
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        headers = {"Content-Type": media}
        reply = served.api("POST", "/runs", b'{"flow": "received"}', headers=headers)
        assert (reply.status, reply.code) == (415, "not_json")


def test_a_server_is_closed_by_its_first_token() -> None:
    """While it runs, and for good: a revoked one doesn't open it again."""
    with serving() as server:
        assert server.api("GET", "/runs").status == 200
        token = server.make(Scope.ADMIN)
        assert server.api("GET", "/runs").status == 401
        name = server.api("GET", "/tokens", token=token).json["tokens"][0]["name"]
        foreign = {"Host": "flows.example"}  # what a proxy passes on
        assert server.api("GET", "/runs", token=token, headers=foreign).status == 200
        assert server.api("DELETE", f"/tokens/{name}", token=token).status == 200
        assert server.api("GET", "/runs").status == 401
