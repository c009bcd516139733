"""The demo's editor: who answers what, through the same client as everybody.

Two posts get no answer at all, so that the deadline decides: it publishes the one without findings
and declines the other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from everflow.engine.faces.connect import Connection
from everflow.engine.given.replies import Reply
from everflow.store import QuestionQuery

__all__ = ["ANSWERS", "NOTE", "POSTS", "Answered", "Editor"]

NAME = "Ines Aalto"
NOTE = "Mend the spelling, please."
_YES: dict[str, Any] = {"approved": True, "by": NAME}
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "etags": [_YES],
    "leap-seconds": [_YES],
    "swifts": [{"approved": False, "note": NOTE, "by": NAME}, _YES],
    "sourdough": [{"approved": False, "by": NAME}],
    "lighthouse": [],
    "tide-machine": [],
}
POSTS = tuple(ANSWERS)


class Answered(NamedTuple):
    """An answer that was given."""

    post: str
    occurrence: int
    answer: dict[str, Any]
    reply: Reply


class Editor:
    """Answers each question as soon as it is open, whether or not a worker is alive.

    ``posts``: by run, those that it answers about.
    """

    def __init__(self, flows: Connection, posts: dict[str, str]) -> None:
        self._flows = flows
        self._posts = posts
        self.answered: list[Answered] = []

    def look(self) -> list[Answered]:
        """Answer what is open and hasn't been; what was answered now."""
        given = []
        for question in self._flows.store.questions(QuestionQuery(tag="approval")):
            post = self._posts.get(question.run, "")
            answers = ANSWERS.get(post, [])
            if question.occurrence > len(answers):
                continue
            answer = answers[question.occurrence - 1]
            token = f"{question.run}.{question.tag}.{question.occurrence}"
            reply = self._flows.answer(token, answer, by=NAME)
            given.append(Answered(post, question.occurrence, answer, reply))
        self.answered += given
        return given
