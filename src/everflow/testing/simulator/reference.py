"""The reference: a flow read off directly, without machine, journal or store.

It walks the flow with Python values and calls the nodes itself. From the journal it takes only what
the world decided: which questions were answered with what, and which timers fired. What a run ended
with must be what comes out here. Flows whose nodes count ticks, ``wait_for`` or tell one error
from another aren't for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from everflow.core.combine.choice import Branch, Choose, Loop, UnlessFailed
from everflow.core.combine.control import Retry, Timeout, TryCatch
from everflow.core.combine.failure import Fail, Failed
from everflow.core.combine.parallel import Parallel
from everflow.core.combine.saga import Saga
from everflow.core.combine.sequence import Const, Identity, Keep
from everflow.core.combine.sequence import Sequence as Steps
from everflow.core.combine.signals import Receive
from everflow.core.combine.waiting import Ask, Sleep, Suspend
from everflow.core.entries import Entry, Kind
from everflow.core.expressions import It, evaluate
from everflow.core.faults import Caught, ErrorData, Failure, Settled
from everflow.core.flow import Site
from everflow.core.node import Node
from everflow.core.program import Program
from everflow.core.values import Reader, Types, decode, encode
from everflow.engine.noderun import NodeRun
from everflow.errors import WrongArgument

__all__ = ["Raised", "Undecided", "reference"]

ERROR = ErrorData(type="Error", message="some error or other")


class Raised(Exception):
    """The flow fails here."""


class Undecided(Exception):
    """The flow waits here for what the world didn't decide."""


class Walk:
    """One walk through a flow with what its run's journal says of the world."""

    def __init__(self, types: Types, journal: Sequence[Entry]) -> None:
        self._types = types
        self._answers = {e.op: e.payload for e in journal if e.kind == Kind.ANSWER}
        self._fired = {e.op for e in journal if e.kind == Kind.FIRED}
        self._signals: dict[str, list[str]] = defaultdict(list)
        self._early: dict[str, list[str]] = defaultdict(list)
        for entry in journal:
            if entry.kind == Kind.SIGNAL:
                self._signals[entry.op].append(entry.payload)
            if entry.kind == Kind.EARLY:
                self._early[entry.op].append(entry.payload)

    def walk(self, site: Site, path: str, value: Any) -> Any:
        """The value that the flow at a site gives for an input."""
        rule = self._RULES.get(type(site.flow))
        if rule is None:
            raise WrongArgument(f"the reference doesn't know {site.flow.kind!r}")
        return rule(self, site, path, value)

    def _kid(self, site: Site, path: str, name: str, value: Any) -> Any:
        return self.walk(site.kids[name], f"{path}/{name}", value)

    # --- leaves

    def _node(self, site: Site, path: str, value: Any) -> Any:
        node: Node[Any, Any] = site.flow  # type: ignore[assignment]  # by the table
        signature = node.leaf.signature
        if signature.needs:
            raise WrongArgument(
                f"{node.name} has dependencies, so it isn't a function of its input alone",
                hint="leave reference=True away",
            )
        if isinstance(value, Failure) and not node.leaf.failure:
            raise Raised
        arguments, keywords = [], dict[str, Any]()
        if signature.value:
            hint = node.leaf.hints.get(signature.value_name, Any)
            arguments.append(Reader(hint, self._types)(encode(value, self._types)))
        if signature.run:
            keywords["run"] = NodeRun("run", "flow", path)
        try:
            given = node(*arguments, **keywords)
            if hasattr(given, "send"):
                given = _awaited(given)
        except Exception as error:
            raise Raised from error
        return decode(encode(given, self._types), self._types)

    def _it(self, site: Site, path: str, value: Any) -> Any:
        flow: It = site.flow  # type: ignore[assignment]  # by the table
        return evaluate(flow.data, value)

    def _same(self, site: Site, path: str, value: Any) -> Any:
        return value

    def _failed(self, site: Site, path: str, value: Any) -> Any:
        return isinstance(value, Failure)

    def _const(self, site: Site, path: str, value: Any) -> Any:
        flow: Const = site.flow  # type: ignore[assignment]  # by the table
        return decode(flow.payload, self._types)

    def _fail(self, site: Site, path: str, value: Any) -> Any:
        flow: Fail = site.flow  # type: ignore[assignment]  # by the table
        return Failure(decode(flow.reason, self._types))

    # --- waiting

    def _answer(self, tag: str, question: str) -> Any:
        if question in self._answers:
            return decode(self._answers[question], self._types)
        if self._early[tag]:
            return decode(self._early[tag].pop(0), self._types)
        raise Undecided(question)

    def _suspend(self, site: Site, path: str, value: Any) -> Any:
        flow: Suspend = site.flow  # type: ignore[assignment]  # by the table
        return self._answer(flow.tag, path)

    def _ask(self, site: Site, path: str, value: Any) -> Any:
        flow: Ask[Any] = site.flow  # type: ignore[assignment]  # by the table
        if "show" in site.kids:
            self._kid(site, path, "show", value)
        if f"{path}/@deadline" not in self._fired:
            return value, self._answer(flow.tag, f"{path}/@question")
        if flow.default is None:
            raise Raised
        return value, decode(flow.default, self._types)

    def _receive(self, site: Site, path: str, value: Any) -> Any:
        flow: Receive = site.flow  # type: ignore[assignment]  # by the table
        if f"{path}/@deadline" in self._fired:
            if flow.default is None:
                raise Raised
            return decode(flow.default, self._types)
        if self._signals[flow.name]:
            return decode(self._signals[flow.name].pop(0), self._types)
        raise Undecided(path)

    def _sleep(self, site: Site, path: str, value: Any) -> Any:
        if path not in self._fired:
            raise Undecided(path)
        return value

    # --- composition

    def _steps(self, site: Site, path: str, value: Any) -> Any:
        for name, _ in site.order:
            value = self._kid(site, path, name, value)
        return value

    def _saga(self, site: Site, path: str, value: Any) -> Any:
        flow: Saga = site.flow  # type: ignore[assignment]  # by the table
        for name, _, _ in flow.steps:
            value = self._kid(site, path, name, value)
        return value

    def _keep(self, site: Site, path: str, value: Any) -> Any:
        return value, self._kid(site, path, "body", value)

    def _branch(self, site: Site, path: str, value: Any) -> Any:
        chosen = "then" if self._kid(site, path, "if", value) else "else"
        return self._kid(site, path, chosen, value)

    def _choose(self, site: Site, path: str, value: Any) -> Any:
        flow: Choose = site.flow  # type: ignore[assignment]  # by the table
        wanted = encode(self._kid(site, path, "on", value), self._types)
        for index, (case, _) in enumerate(flow.cases):
            if case == wanted:
                return self._kid(site, path, f"case {index}", value)
        if "default" not in site.kids:
            raise Raised
        return self._kid(site, path, "default", value)

    def _loop(self, site: Site, path: str, value: Any) -> Any:
        number = 0
        while True:
            number += 1
            value = self._kid(site, f"{path}~{number}", "body", value)
            if self._kid(site, f"{path}~{number}", "until", value):
                return value

    def _unless_failed(self, site: Site, path: str, value: Any) -> Any:
        return value if isinstance(value, Failure) else self._kid(site, path, "body", value)

    def _try_catch(self, site: Site, path: str, value: Any) -> Any:
        try:
            return self._kid(site, path, "body", value)
        except Raised:
            return self._kid(site, path, "catch", Caught(ERROR, value))

    def _retry(self, site: Site, path: str, value: Any) -> Any:
        flow: Retry = site.flow  # type: ignore[assignment]  # by the table
        for attempt in range(1, flow.most):
            try:
                return self._kid(site, f"{path}!{attempt}", "body", value)
            except Raised:
                backoff = f"{path}!{attempt}/@backoff"
                if flow.backoff is not None and flow.backoff.first and backoff not in self._fired:
                    raise Undecided(backoff) from None
        return self._kid(site, f"{path}!{flow.most}", "body", value)

    def _timeout(self, site: Site, path: str, value: Any) -> Any:
        if f"{path}/@within" in self._fired:
            raise Raised
        return self._kid(site, path, "body", value)

    def _parallel(self, site: Site, path: str, value: Any) -> Any:
        flow: Parallel = site.flow  # type: ignore[assignment]  # by the table
        results: list[Any] = []
        undecided: Undecided | None = None
        raised: Raised | None = None
        for name, _ in site.order:
            try:
                result = self._kid(site, path, name, value)
            except Undecided as error:
                undecided = error
            except Raised as error:
                raised = error
                results.append(Settled(ok=False, error=ERROR))
            else:
                results.append(Settled(ok=True, value=result))
        if raised is not None and flow.join == "all":
            raise raised
        if undecided is not None:
            raise undecided
        values = [end.value for end in results] if flow.join == "all" else results
        names = [name for name, _ in site.order]
        return dict(zip(names, values, strict=True)) if flow.form == "dict" else tuple(values)

    _RULES: ClassVar[Mapping[type[Any], Callable[[Walk, Site, str, Any], Any]]] = {
        Node: _node,
        It: _it,
        Const: _const,
        Identity: _same,
        Fail: _fail,
        Failed: _failed,
        Suspend: _suspend,
        Ask: _ask,
        Sleep: _sleep,
        Receive: _receive,
        Steps: _steps,
        Saga: _saga,
        Keep: _keep,
        Branch: _branch,
        Choose: _choose,
        Loop: _loop,
        UnlessFailed: _unless_failed,
        TryCatch: _try_catch,
        Retry: _retry,
        Timeout: _timeout,
        Parallel: _parallel,
    }


def _awaited(coroutine: Any) -> Any:
    """What a coroutine gives that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise WrongArgument("the reference can't wait for the world in an async node")


def reference(program: Program, types: Types, journal: Sequence[Entry]) -> Any:
    """The value that a run of the program gives; Raised or Undecided when it gives none."""
    value = decode(journal[0].payload, types)
    return Walk(types, journal).walk(program.root, program.root.position, value)
