"""The whole way of every post, by the plain functions that the flow's nodes call (B150)."""

from publishing.approval import DEADLINE, rule, settled
from publishing.drafting import redraft, write
from publishing.federating import federate
from publishing.mailing import declined, deliver
from publishing.model import Brief, Checked, Decision, Draft, Outcome
from publishing.reviewing import review
from publishing.site import Site
from publishing.spelling import Speller, spell_check
from tests.examples.publish.drafts import NOON, publish


def run(post: str, answers: list[Decision], site: Site, speller: Speller) -> Outcome:
    """What the flow does, with the answers given beforehand."""
    draft = write(Brief(post), site)
    for decision in answers:
        checked = Checked(draft, review(draft, site), spell_check(draft, speller))
        draft = _decided(checked, decision, site)
        if draft.status != "open":
            break
    if draft.status == "approved":
        return federate(publish(draft, site, key=f"{post}/put_online"), site, key=post)
    sent = deliver(declined(draft, site), site, key=post, now=NOON)
    return Outcome(draft.slug, "declined", message_id=sent)


def _decided(checked: Checked, decision: Decision, site: Site) -> Draft:
    ruling = rule(checked, decision)
    if ruling == "redraft":
        return redraft(checked, decision, site)
    return settled(checked, decision, approved=ruling == "approve")


def test_an_approved_post_is_published_and_federated(site: Site, speller: Speller) -> None:
    """B150: write, check, approve, publish, federate."""
    outcome = run("etags.md", [Decision(approved=True, by="Ines")], site, speller)
    assert outcome.status == "published"
    assert (site.folders.public / "etags.html").exists()
    assert len(list(site.folders.outbox.glob("*.json"))) == 1


def test_a_rejected_post_is_mended_and_asked_about_again(site: Site, speller: Speller) -> None:
    """B150: the page that goes online is the mended one."""
    answers = [Decision(approved=False, note="Spelling, please."), Decision(approved=True)]
    assert run("swifts.md", answers, site, speller).status == "published"
    page = (site.folders.public / "swifts.html").read_text()
    assert "separate question" in page
    assert "seperate" not in page


def test_a_declined_post_is_told_to_its_author(site: Site, speller: Speller) -> None:
    """B150: nothing goes online, one mail goes out."""
    outcome = run("sourdough.md", [Decision(approved=False)], site, speller)
    assert (outcome.status, outcome.url) == ("declined", "")
    assert not site.folders.public.exists()
    assert len(list((site.folders.mail / "new").iterdir())) == 1


def test_the_deadline_lets_clean_posts_pass(site: Site, speller: Speller) -> None:
    """B053: without an answer the clean ones go online, the others don't."""
    posts = sorted(path.name for path in site.folders.posts.glob("*.md"))
    ended = {post: run(post, [DEADLINE], site, speller).status for post in posts}
    assert ended == {
        "etags.md": "published",
        "leap-seconds.md": "published",
        "lighthouse.md": "published",
        "sourdough.md": "declined",
        "swifts.md": "declined",
        "tide-machine.md": "declined",
    }
