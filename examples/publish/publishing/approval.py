"""What a person is shown, and what follows from the answer.

Laws: the prompt says all that stands against publishing; the deadline decides as the site's rule
has it: a clean draft goes online, another one doesn't.
"""

from dataclasses import replace
from typing import Literal

from publishing.markdown import paragraphs
from publishing.model import Checked, Decision, Draft, Finding, Prompt

DEADLINE = Decision(approved=False, by="the deadline")
"""The answer when nobody gave one."""

PREVIEW_LENGTH = 600

Ruling = Literal["approve", "redraft", "decline"]


def preview(checked: Checked) -> Prompt:
    """The prompt: findings, misspellings and the beginning of the text, without its markup."""
    draft, spelling = checked.draft, checked.spelling
    text = "\n\n".join(paragraphs(draft.text))
    shown = text if len(text) <= PREVIEW_LENGTH else text[:PREVIEW_LENGTH].rpartition(" ")[0] + " …"
    return Prompt(
        title=draft.front.title or draft.slug,
        revision=draft.revision,
        clean=checked.clean,
        findings=tuple(_told(finding) for finding in checked.review.findings),
        misspellings=tuple(
            f"line {wrong.line}: {wrong.word}"
            + (f" ({wrong.suggestion}?)" if wrong.suggestion else "")
            for wrong in spelling.misspellings
        ),
        minutes=checked.review.minutes,
        preview=shown,
    )


def _told(finding: Finding) -> str:
    return f"line {finding.line}: {finding.severity}: {finding.message}"


def rule(checked: Checked, decision: Decision) -> Ruling:
    """Which way it goes: a rejection with a note asks for another draft, one without is final."""
    if decision.by == DEADLINE.by and not decision.approved:
        return "approve" if checked.clean else "decline"
    if decision.approved:
        return "approve"
    return "redraft" if decision.note.strip() else "decline"


def settled(checked: Checked, decision: Decision, *, approved: bool) -> Draft:
    """The draft with its verdict, which ends the asking."""
    return replace(checked.draft, status="approved" if approved else "declined", decision=decision)
