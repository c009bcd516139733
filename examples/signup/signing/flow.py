"""The flow: a link is mailed, a reminder follows after a day, and after three days it's over.

The reminder is what the notifier does next; once the question is answered, or its deadline passed,
nothing of it goes on.
"""

from dataclasses import dataclass
from datetime import timedelta

from everflow import NodeRun, Question, ask, branch, exponential, flow, it, need, node, retry, sleep
from signing.mailing import Post

REMIND_AFTER = timedelta(days=1)
EXPIRE_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Guest:
    """Who signs up."""

    name: str
    address: str


@dataclass(frozen=True)
class Account:
    """What came of it: a confirmed address, or none."""

    guest: Guest
    confirmed: bool


@node
def send_link(
    question: Question[Guest], run: NodeRun, *, post: Post = need(Post)
) -> Question[Guest]:
    """Mail the link by which the address is confirmed."""
    guest = question.value
    post.send(
        guest.address, "Confirm your address", "link", run.idempotency_key, guest, question.token
    )
    return question


@node
def remind(question: Question[Guest], run: NodeRun, *, post: Post = need(Post)) -> None:
    """Mail the link again."""
    guest = question.value
    post.send(
        guest.address,
        "Still waiting for you",
        "reminder",
        run.idempotency_key,
        guest,
        question.token,
    )


@node
def welcome(confirmed: tuple[Guest, bool], run: NodeRun, *, post: Post = need(Post)) -> Account:
    """Mail what a new member should know."""
    guest, _ = confirmed
    post.send(guest.address, "Welcome", "welcome", run.idempotency_key, guest)
    return Account(guest, confirmed=True)


@node
def expire(unconfirmed: tuple[Guest, bool]) -> Account:
    """Nobody confirmed the address: nobody is mailed again."""
    return Account(unconfirmed[0], confirmed=False)


PATIENTLY = exponential(10, ceiling=3600)  # while the mail server is away, for a day and more

signup = flow(
    "signup",
    ask(
        "confirm",
        bool,
        notify=retry(30, send_link, backoff=PATIENTLY)
        >> sleep(REMIND_AFTER)
        >> retry(30, remind, backoff=PATIENTLY),
        within=EXPIRE_AFTER,
        default=False,
    )
    >> branch(it[1], retry(30, welcome, backoff=PATIENTLY), expire),
)
