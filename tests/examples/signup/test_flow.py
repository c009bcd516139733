"""The sign-up flow, with a clock that jumps: link, reminder, deadline, welcome."""

from typing import Any

from everflow import Reply, Status
from everflow.testing.harness import Harness, harness
from signing.flow import Account, Guest, signup
from signing.mailing import Post

ANN = Guest("Ann", "ann@example.org")


class Outbox(Post):
    """Mails as they would be sent."""

    def __init__(self) -> None:
        super().__init__("localhost", 25, "https://example.org")
        object.__setattr__(self, "sent", [])

    def send(self, to: str, subject: str, name: str, key: str, guest: Any, token: str = "") -> None:
        vars(self)["sent"].append((name, to, token))


def begun() -> tuple[Harness[Any, Any], list[tuple[str, str, str]]]:
    outbox = Outbox()
    return harness(signup, provide={Post: lambda: outbox}), vars(outbox)["sent"]


def test_a_confirmed_guest_is_welcomed_and_never_reminded() -> None:
    """B152: once there is an answer, nothing of the notifier goes on."""
    flows, sent = begun()
    with flows:
        run = flows.start(ANN)
        (name, to, token), *_ = sent
        assert (name, to) == ("link", ANN.address)
        assert flows.answer(token, True) is Reply.ANSWERED
        assert run.result() == Account(ANN, confirmed=True)
        flows.jump(days=5)
        assert [name for name, _, _ in sent] == ["link", "welcome"]


def test_nobody_is_reminded_twice_or_after_the_deadline() -> None:
    """B152: a reminder after a day, the end after three, over a crash; a late click is told."""
    flows, sent = begun()
    with flows:
        run = flows.start(ANN)
        flows.jump(hours=25)
        flows.crash()
        assert [(name, token) for name, _, token in sent] == [
            ("link", sent[0][2]),
            ("reminder", sent[0][2]),
        ]
        flows.jump(days=2)
        assert run.result() == Account(ANN, confirmed=False)
        assert len(sent) == 2
        assert flows.answer(sent[0][2], True) is Reply.EXPIRED
        assert run.status is Status.DONE
