"""Waiting for the world: ``suspend``, ``ask``, ``sleep``, ``sleep_until``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from everflow.core.combine.control import micros
from everflow.core.faults import ErrorData, make_error
from everflow.core.flow import Children, Flow, Keeping, Moves, Names, Site, check_label, lift
from everflow.core.frames import AskFrame
from everflow.core.ops import QuestionOp, TimerOp
from everflow.core.refs import Literal, Ref, record_of, tuple_of
from everflow.errors import DeadlineExpired, WrongArgument

__all__ = [
    "MISSING",
    "Ask",
    "Missing",
    "Sleep",
    "Suspend",
    "make_ask",
    "make_suspend",
    "moment_payload",
    "sleep",
    "sleep_until",
    "token_of",
]

In = TypeVar("In")
T = TypeVar("T")
_NULL = Literal("null")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def token_of(run: str, tag: str, occurrence: int) -> str:
    """The address of one question: what a link, a prompt and a page carry."""
    return f"{run}.{tag}.{occurrence}"


class Suspend(Flow[Any, Any]):
    """The value in is the prompt, the answer the value out. Twin: an "awakeable" (Restate)."""

    kind = "suspend"
    answers: Any = None  # the type of the answer where code is; no part of the definition

    def __init__(self, tag: str, schema: Any = None) -> None:
        self.tag, self.schema = tag, schema

    def shape(self) -> dict[str, Any]:
        return {"tag": self.tag}

    def settings(self) -> dict[str, Any]:
        return {} if self.schema is None else {"schema": self.schema}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Suspend(shape["tag"], settings.get("schema"))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        number = m.occurrence(self.tag)
        question = QuestionOp(
            path, site.position, parent, key, value, m.seq, self.tag, number, m.now
        )
        kept = m.early(question)
        if kept is not None:
            m.done(parent, key, kept)
        else:
            m.open(question)


class Ask(Keeping[T]):
    """All that a question to a person needs. Twin: a "human task" (BPMN)."""

    kind = "ask"
    answers: Any = None  # the type of the answer where code is; no part of the definition
    only: bool = False  # give the answer alone

    def __init__(
        self,
        tag: str,
        schema: Any,
        parts: Children,
        within: int | None,
        default: str | None,
    ) -> None:
        self.tag, self.schema, self.parts = tag, schema, parts
        self.within, self.default = within, default

    def children(self) -> Children:
        return self.parts

    def shape(self) -> dict[str, Any]:
        return {"tag": self.tag, "only": True} if self.only else {"tag": self.tag}

    def settings(self) -> dict[str, Any]:
        data = {"schema": self.schema, "within": self.within, "default": self.default}
        return {name: value for name, value in data.items() if value is not None}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        known = {name: settings.get(name) for name in ("schema", "within", "default")}
        made: Ask[Any] = Ask(shape["tag"], parts=children, **known)
        made.only = bool(shape.get("only"))
        return made

    def answer_only(self) -> Ask[T]:
        """The same question, which gives the answer without the value."""
        made = self.copied()
        made.only = True
        return made

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        frame = AskFrame(site.position, path, parent, key, input=value)
        m.push(frame)
        show = site.kids.get("show")
        if show is not None:
            m.enter(show, f"{path}/show", path, "show", value)
        else:
            self._open(m, frame, value)

    def _open(self, m: Moves, frame: AskFrame, prompt: Ref) -> None:
        path, site = frame.path, m.sites[frame.position]
        number = m.occurrence(self.tag)
        escalates = "escalate" in site.kids
        due = None if self.within is None else m.now + self.within
        op = QuestionOp(
            f"{path}/@question",
            site.position,
            path,
            "@question",
            prompt,
            m.seq,
            self.tag,
            number,
            m.now,
            None if escalates else due,
        )
        kept = m.early(op)
        if kept is not None:
            m.leave(frame, self._given(frame, kept))
            return
        m.open(op)
        if due is not None:
            name = "@escalation" if escalates else "@deadline"
            m.open(TimerOp(f"{path}/{name}", site.position, path, name, _NULL, m.seq, due))
        if "notify" in site.kids:
            self._tell(m, frame, "notify", op)

    def _tell(self, m: Moves, frame: AskFrame, who: str, op: QuestionOp) -> None:
        """Begin the flow that is told of the open question."""
        moment = _NULL if op.due is None else Literal(moment_payload(op.due))
        token = Literal(f'"{token_of(m.run, self.tag, op.occurrence)}"')
        question = record_of("Question", value=frame.input, token=token, deadline=moment)
        m.enter(m.sites[frame.position].kids[who], f"{frame.path}/{who}", frame.path, who, question)

    def going(self, frame: AskFrame, site: Site) -> Iterable[tuple[str, str]]:
        own = ("@question", "@deadline", "@escalation")
        return [(key, f"{frame.path}/{key}") for key in (*own, *site.kids)]

    def child_done(self, m: Moves, frame: AskFrame, key: str, value: Ref) -> None:
        if key == "show":
            self._open(m, frame, value)
        elif key == "@question":
            frame.answer = value
            self._decide(m, frame)
        elif key == "@escalation":
            question: Any = m.state.ops[f"{frame.path}/@question"]
            self._tell(m, frame, "escalate", question)
        elif key == "@deadline":
            if self.default is not None:
                frame.answer = Literal(self.default)
            else:
                frame.error = make_error(
                    DeadlineExpired,
                    f"nobody answered {self.tag!r} in time, and it has no default",
                    position=frame.position,
                )
            self._decide(m, frame)

    def child_failed(self, m: Moves, frame: AskFrame, key: str, error: ErrorData) -> None:
        frame.error = error
        self._decide(m, frame)

    def child_closed(self, m: Moves, frame: AskFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        self._end(m, frame)

    def _decide(self, m: Moves, frame: AskFrame) -> None:
        """The question is decided: what still goes on under it (the notifier) is cancelled."""
        frame.closing = m.cancel_under(frame)
        self._end(m, frame)

    def _end(self, m: Moves, frame: AskFrame) -> None:
        if frame.closing:
            return
        if frame.error is not None:
            m.throw(frame, frame.error)
        else:
            m.leave(frame, self._given(frame, frame.answer))

    def _given(self, frame: AskFrame, answer: Ref) -> Ref:
        return answer if self.only else tuple_of(frame.input, answer)

    def refit(self, frame: AskFrame, old: Site, new: Site) -> str:
        return ""  # an open question keeps the deadline that it was asked with


def moment_payload(at: int) -> str:
    """The payload of a point in time, in microseconds since the epoch."""
    text = (_EPOCH + timedelta(microseconds=at)).isoformat()
    return f'{{"$":"datetime","v":"{text}"}}'


class Sleep(Flow[Any, Any]):
    """Waits durably and passes its input on. Twin: ``workflow.sleep`` (Temporal)."""

    kind = "sleep"

    def __init__(self, span: int | None, until: int | None) -> None:
        self.span, self.until = span, until

    def settings(self) -> dict[str, Any]:
        return {"for": self.span} if self.until is None else {"until": self.until}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Sleep(settings.get("for"), settings.get("until"))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        wall = self.until is not None
        due = self.until if self.until is not None else m.now + (self.span or 0)
        m.open(TimerOp(path, site.position, parent, key, value, m.seq, due, wall))


def sleep(span: timedelta | float) -> Flow[Any, Any]:
    """Wait for a duration (a timedelta, or seconds); the value passes through."""
    return Sleep(micros(span, "sleep"), None)


def sleep_until(moment: datetime) -> Flow[Any, Any]:
    """Wait until a point in time, which needs a time zone; the value passes through."""
    if getattr(moment, "tzinfo", None) is None:
        raise WrongArgument(
            f"sleep_until needs a datetime with a time zone, not {moment!r:.60}",
            hint="write datetime(2030, 1, 1, tzinfo=UTC)",
        )
    return Sleep(None, (moment - _EPOCH) // timedelta(microseconds=1))


class Missing:
    """The absence of a default, which may itself be None."""


MISSING = Missing()


def make_suspend(tag: str, schema: Any) -> Suspend:
    """The flow behind ``suspend``; ``schema`` is JSON Schema data, or None for any answer."""
    return Suspend(check_label(tag, "tag"), schema)


def make_ask(
    tag: str,
    schema: Any,
    *,
    notify: Any,
    show: Any,
    escalate: Any,
    within: timedelta | None,
    default: str | None,
) -> Ask[Any]:
    """The flow behind ``ask``; ``default`` is a payload."""
    if default is not None and within is None:
        raise WrongArgument("a default needs a deadline: give within=...")
    parts: Children = []
    if show is not None:
        parts.append(("show", lift(show, "ask")))
    if notify is not None:
        parts.append(("notify", lift(notify, "ask")))
    if escalate is not None:
        if within is None or default is not None:
            raise WrongArgument("an escalation needs within=... and has no default")
        parts.append(("escalate", lift(escalate, "ask")))
    span = None if within is None else micros(within, "within")
    return Ask(check_label(tag, "tag"), schema, parts, span, default)
