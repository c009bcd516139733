"""A flow's kinds, counts and budgets in words that people read.

Three rules hold here. A description is made of plain data (shape and settings), never of code, so
that a flow whose functions are gone can be described too. What is described may come from a stored
definition and hold anything: whatever isn't of the expected type is shown as it is, cut short. Each
kind contributes by a row of ``TITLES`` or ``DESCRIBED``; one without goes by its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from everflow.core.expressions import show
from everflow.core.flow import Flow, Site

__all__ = [
    "DESCRIBED",
    "TITLES",
    "Words",
    "arms",
    "clipped",
    "describe",
    "given_name",
    "literal",
    "moment",
    "plain",
    "span",
]

LONGEST_TITLE = 80
LONGEST_DETAIL = 60
LONGEST_DECODED = 2_000  # characters of a payload: a longer one is cut before it is looked into
DEEPEST_VALUE = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (
    (86_400_000_000, "day", "days"),
    (3_600_000_000, "h", "h"),
    (60_000_000, "min", "min"),
    (1_000_000, "s", "s"),
    (1_000, "ms", "ms"),
    (1, "µs", "µs"),
)
_UNBRACKETED = frozenset({"it", "value", "get", "not", "size", "in"})
_OF_THEIR_OWN = frozenset({"datetime", "date", "time", "decimal", "uuid"})  # one sees what they are
LARGEST = 10**18  # the numbers that a flow can mean stay far below it
Data = Mapping[str, Any]


class Words(NamedTuple):
    """What a flow is: ``title`` in full, ``short`` for a box, and what is set about it."""

    title: str
    short: str
    details: tuple[str, ...] = ()


def plain(text: str) -> str:
    """The text with everything written out that isn't printable: breaks, controls, surrogates."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def clipped(text: str, most: int = LONGEST_DETAIL) -> str:
    """At most that many characters; what is cut off leaves an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def span(micros: object) -> str:
    """A duration in microseconds: ``3 days``, ``1 h 30 min``."""
    if type(micros) is not int or not 0 <= micros < LARGEST:
        return literal(micros)
    parts = []
    for size, one, many in _UNITS:
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count:,} {one if count == 1 else many}")
    return " ".join(parts) or "no time"


def moment(micros: object) -> str:
    """A point in time, in microseconds since the epoch: ``2030-01-02 03:04:05 UTC``."""
    try:
        at = _EPOCH + timedelta(microseconds=micros)  # type: ignore[arg-type]  # judged just below
    except (OverflowError, TypeError, ValueError):
        return literal(micros)
    return f"{at.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def literal(value: object, depth: int = 0) -> str:
    """Plain data about as one would write it in Python; what is nested deep is left out."""
    if depth > DEEPEST_VALUE:
        return "…"
    if isinstance(value, dict):
        if value.keys() == {"$", "v"}:
            return _tagged(value["$"], value["v"], depth)
        pairs = (f"{literal(k, depth + 1)}: {literal(v, depth + 1)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(item, depth + 1) for item in value)}]"
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "a huge number"
    known = value is None or isinstance(value, str | int | float)
    return repr(value) if known else f"<{type(value).__name__}>"


def _tagged(name: object, value: object, depth: int) -> str:
    if name == "timedelta":
        return span(value)
    inner = literal(value, depth + 1)
    return inner if str(name) in _OF_THEIR_OWN else f"{name}({inner})"


def payload_words(text: object) -> str:
    """A payload as it stands in a definition."""
    if not isinstance(text, str) or len(text) > LONGEST_DECODED:
        return str(text)[:LONGEST_DECODED]
    try:
        return literal(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def _count(number: object, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{_number(number)} {many}"


def _number(number: object) -> str:
    if isinstance(number, float):
        return f"{number:g}"
    return f"{number:,}" if type(number) is int and abs(number) < LARGEST else literal(number)


def _node(data: Data) -> Words:
    name = str(data["node"])
    bound = data.get("bind") or {}
    details = tuple(f"{key}={literal(value)}" for key, value in bound.items())
    return Words(name, name.rpartition(":")[2], details)


def _body(data: Data) -> Words:
    return Words(str(data["node"]), str(data["node"]).rpartition(":")[2], ("in direct style",))


def _ambient(data: Data) -> Words:
    title = f"the run's {literal(data['what'])}" if data["what"] != "now" else "now"
    return Words(title, title)


def _it(data: Data) -> Words:
    text = show(data["it"])
    # The brackets around an operator and its two sides matter inside of a larger one only.
    text = text if data["it"][0] in _UNBRACKETED else text[1:-1]
    return Words(text, text)


def _parallel(data: Data) -> Words:
    form = str(data["form"])
    title = "parallel" if form in {"tuple", "dict"} else f"gather {form}"
    details = _joined(data)
    if data.get("ticks") == "split":
        details.append("ticks split evenly")
    return Words(title, title, tuple(details))


def _joined(data: Data) -> list[str]:
    """What a join policy other than "all" comes to."""
    join, count = data["join"], data.get("count")
    if join == "at_least":
        return [f"at least {_number(count)}", *(["the rest goes on"] if data.get("then") else [])]
    if join == "tolerate":
        share = data.get("share")
        allowed = _number(count) if share is None else f"a share of {_number(share)}"
        return [f"{allowed} may fail"]
    if join in {"settled", "first"}:
        return ["all may settle" if join == "settled" else "the first value"]
    return [] if join == "all" else [literal(join)]


def _retry(data: Data) -> Words:
    details = [_count(data["attempts"], "attempt", "attempts")]
    backoff = data.get("backoff")
    if backoff:
        details.append(_backoff(backoff))
    return Words("retry", "retry", (*details, *_on(data)))


def _on(data: Data) -> tuple[str, ...]:
    names = [str(name).rpartition(":")[2] for name in data.get("on", ())]
    return (f"on {', '.join(names)}",) if names else ()


def _backoff(data: Data) -> str:
    words = f"backoff {span(data['first'])}"
    if data["factor"] != 1:
        words += f" times {_number(data['factor'])} up to {span(data['ceiling'])}"
    if data["jitter"]:
        words += f", jitter {_number(data['jitter'])}"
    return words


def _dag(data: Data) -> Words:
    return Words("dag", "dag", (f"gives {literal(data['give'])}",) if "give" in data else ())


def _cached(data: Data) -> Words:
    return Words("cached", "cached", (f"version {literal(data['version'])}",))


def _each(data: Data) -> Words:
    return Words("each", "each", (f"{_number(data['limit'])} at once", *_joined(data)))


def _keep(_data: Data) -> Words:
    return Words("keep", "keep", ("gives (input, output)",))


def _loop(data: Data) -> Words:
    most = data.get("most")
    details = () if most is None else (f"at most {_count(most, 'round', 'rounds')}",)
    return Words("loop", "loop", details)


def _ticks(data: Data) -> Words:
    return Words("timeout", "timeout", (f"after {_count(data['ticks'], 'tick', 'ticks')}",))


def _timeout(data: Data) -> Words:
    return Words("timeout", "timeout", (f"after {span(data['within'])}",))


def _const(data: Data) -> Words:
    value = payload_words(data["value"])
    return Words(f"const {value}", f"= {value}")


def _critical(data: Data) -> Words:
    title = f"critical {literal(data['name'])}"
    return Words(title, title)


def _fail(data: Data) -> Words:
    title = f"fail {payload_words(data['reason'])}"
    return Words(title, title)


def _suspend(data: Data) -> Words:
    title = f"suspend {literal(data['tag'])}"
    return Words(title, title)


def _ask(data: Data) -> Words:
    title = f"ask {literal(data['tag'])}"
    details = [f"within {span(data['within'])}"] if "within" in data else []
    if "default" in data:
        details.append(f"else {payload_words(data['default'])}")
    return Words(title, title, tuple(details))


def _call(data: Data) -> Words:
    title = f"call {literal(data['flow'])}"
    return Words(title, title, ("detached",) if data.get("detached") else ())


def _remote(data: Data) -> Words:
    title = f"{literal(data['function'])} at {literal(data['peer'])}"
    return Words(title, title)


def _fallback(data: Data) -> Words:
    return Words("fallback", "fallback", _on(data))


def _receive(data: Data) -> Words:
    title = f"receive {literal(data['name'])}"
    details = [f"within {span(data['within'])}"] if "within" in data else []
    if "default" in data:
        details.append(f"else {payload_words(data['default'])}")
    return Words(title, title, tuple(details))


def _sleep(data: Data) -> Words:
    until = data.get("until")
    title = f"sleep {span(data.get('for'))}" if until is None else f"sleep until {moment(until)}"
    return Words(title, title)


TITLES = {
    "branch": "branch",
    "choose": "choose",
    "failed": "failed",
    "identity": "identity",
    "loop": "loop",
    "saga": "saga",
    "race": "race",
    "sequence": "sequence",
    "step": "step",
    "try_catch": "try",
    "unless_failed": "unless failed",
}
DESCRIBED: dict[str, Callable[[Data], Words]] = {
    "ambient": _ambient,
    "ask": _ask,
    "body": _body,
    "cached": _cached,
    "call": _call,
    "const": _const,
    "critical": _critical,
    "dag": _dag,
    "each": _each,
    "fail": _fail,
    "fallback": _fallback,
    "it": _it,
    "keep": _keep,
    "loop": _loop,
    "node": _node,
    "parallel": _parallel,
    "receive": _receive,
    "remote": _remote,
    "retry": _retry,
    "sleep": _sleep,
    "suspend": _suspend,
    "ticks": _ticks,
    "timeout": _timeout,
}


def describe(flow: Flow[Any, Any]) -> Words:
    """What a flow is and what is set about it, cut to a readable length."""
    described = DESCRIBED.get(flow.kind)
    if described is None:
        title = TITLES.get(flow.kind, flow.kind)
        return Words(title, title)
    title, short, details = described({**flow.shape(), **flow.settings()})
    return Words(
        clipped(title, LONGEST_TITLE),
        clipped(short, LONGEST_TITLE),
        tuple(clipped(detail) for detail in details),
    )


def given_name(site: Site) -> str:
    """The label of a flow, else the name of a flow that is used inside another; mostly nothing."""
    flow = site.flow
    return flow.label or (flow.name_of_flow if site.position != "." else "")


def arms(site: Site) -> dict[str, str]:
    """What is said of children beside their names: a ``choose``'s cases, what a vertex is after."""
    shape = site.flow.shape()
    if site.flow.kind == "dag":
        return {
            name: clipped(f"after {', '.join(of)}") for name, of in shape["after"].items() if of
        }
    cases = shape.get("cases", ())
    return {f"case {i}": clipped(payload_words(case)) for i, case in enumerate(cases)}
