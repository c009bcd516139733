"""The reference: a flow read off directly, without machine, journal or store.

It walks the flow with Python values and calls the nodes itself. From the journal it takes only what
the world decided: which questions were answered with what, which timers fired, and who was the
first to settle. What a run ended with must be what comes out here. Flows whose nodes count ticks,
``wait_for`` or tell one error from another aren't for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from everflow.core.combine.cached import Cached
from everflow.core.combine.call import Call
from everflow.core.combine.choice import Branch, Choose, Loop, UnlessFailed
from everflow.core.combine.control import Retry, Timeout, TryCatch
from everflow.core.combine.dag import Dag
from everflow.core.combine.each import Each
from everflow.core.combine.failure import Fail, Failed
from everflow.core.combine.fallback import Fallback
from everflow.core.combine.joins import GOES, LOST
from everflow.core.combine.parallel import Parallel
from everflow.core.combine.racing import Race
from everflow.core.combine.saga import Saga
from everflow.core.combine.sections import Critical
from everflow.core.combine.sequence import Const, Identity, Keep
from everflow.core.combine.sequence import Sequence as Steps
from everflow.core.combine.signals import Receive
from everflow.core.combine.waiting import Ask, Sleep, Suspend
from everflow.core.elements import elements
from everflow.core.entries import Entry, Kind
from everflow.core.expressions import It, evaluate
from everflow.core.faults import Caught, Failure
from everflow.core.flow import Site
from everflow.core.node import Node
from everflow.core.program import Program
from everflow.core.values import Reader, Types, decode, encode
from everflow.engine.calling.noderun import NodeRun
from everflow.errors import NotAList, WrongArgument
from everflow.testing.simulator.ends import ERROR, Raised, Undecided, found_in, last_under, settled
from everflow.testing.simulator.joining import awaited, joined

__all__ = ["reference"]


class Walk:
    """One walk through a flow with what its run's journal says of the world."""

    def __init__(self, types: Types, journal: Sequence[Entry]) -> None:
        self._types = types
        self._answers = {e.op: e.payload for e in journal if e.kind == Kind.ANSWER}
        self._fired = {e.op for e in journal if e.kind == Kind.FIRED}
        self._signals: dict[str, list[str]] = defaultdict(list)
        self._ended = {e.op for e in journal if e.kind in {Kind.RESULT, Kind.ERROR}}
        self._children = {e.op: e for e in journal if e.kind == Kind.CHILD}
        self._found = found_in(journal)
        self._journal = journal
        self._racing = 0  # how many races there are around
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
        self._need(path)
        arguments, keywords = [], dict[str, Any]()
        if signature.value:
            hint = node.leaf.hints.get(signature.value_name, Any)
            arguments.append(Reader(hint, self._types)(encode(value, self._types)))
        if signature.run:
            keywords["run"] = NodeRun("run", "flow", path)
        try:
            given = node(*arguments, **keywords)
            if hasattr(given, "send"):
                given = awaited(given)
        except Exception as error:
            raise (error if isinstance(error, WrongArgument) else Raised()) from error
        return decode(encode(given, self._types), self._types)

    def _need(self, op: str) -> None:
        """A child in a race has settled only if all that it ran has ended."""
        if self._racing and op not in self._ended:
            raise Undecided(op)

    def _it(self, site: Site, path: str, value: Any) -> Any:
        flow: It = site.flow  # type: ignore[assignment]  # by the table
        self._need(path)
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

    def _call(self, site: Site, path: str, value: Any) -> Any:
        ended = self._children.get(path)
        if ended is None:
            raise Undecided(path)
        if ended.note != "result":
            raise Raised
        return decode(ended.payload, self._types)

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

    def _fallback(self, site: Site, path: str, value: Any) -> Any:
        *some, last = [key for key, _ in site.order]
        for key in some:
            with suppress(Raised):
                return self._kid(site, path, key, value)
        return self._kid(site, path, last, value)

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

    def _cached(self, site: Site, path: str, value: Any) -> Any:
        """What computing gives, whether it was computed here or found."""
        self._need(f"{path}/@cache")
        racing, hit = self._racing, path in self._found
        self._racing = 0 if hit else racing
        try:
            given = self._kid(site, path, "body", value)
        finally:
            self._racing = racing
        if not (hit or isinstance(given, Failure)):
            self._need(f"{path}/@fill")
        return given

    def _parallel(self, site: Site, path: str, value: Any) -> Any:
        flow: Parallel = site.flow  # type: ignore[assignment]  # by the table
        names = [name for name, _ in flow.parts]
        ends, undecided = self._ends(site, path, names, value, racing=flow.policy.early)
        failed = sum(isinstance(end, Raised) for end in ends.values())
        verdict = flow.policy.verdict(len(names), len(ends) - failed, failed)
        if flow.policy.early:
            verdict, ends = self._enough(flow, ends)
        if verdict == LOST:
            raise Raised
        if verdict == GOES and undecided is not None:
            raise undecided
        given = {name: ends[name] for name in names if name in ends}
        if flow.policy.settles:
            given = {name: settled(end) for name, end in given.items()}
        values = joined(flow, given)
        if flow.then is None:
            return values
        followed = self._kid(site, path, "then", values)
        if undecided is not None:  # the whole ends once all have
            raise undecided
        return followed

    def _ends(
        self, site: Site, path: str, names: list[str], value: Any, *, racing: bool
    ) -> tuple[dict[str, Any], Undecided | None]:
        """How children ended, in the order in which they did where that matters."""
        ends: dict[str, Any] = {}
        undecided: Undecided | None = None
        self._racing += racing
        for name in names:
            try:
                ends[name] = self._kid(site, path, name, value)
            except Undecided as error:
                undecided = error
            except Raised as error:
                ends[name] = error
        self._racing -= racing
        if racing:
            last = {name: last_under(self._journal, f"{path}/{name}") for name in ends}
            ends = dict(sorted(ends.items(), key=lambda end: last[end[0]]))
        return ends, undecided

    def _enough(self, flow: Parallel, ends: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The verdict on ends one after the other, and the values that were there by then."""
        given: dict[str, Any] = {}
        for count, (name, end) in enumerate(ends.items(), 1):
            if not isinstance(end, Raised):
                given[name] = end
            verdict = flow.policy.verdict(len(flow.parts), len(given), count - len(given))
            if verdict != GOES:
                return verdict, given
        return GOES, given

    def _each(self, site: Site, path: str, value: Any) -> Any:
        flow: Each = site.flow  # type: ignore[assignment]  # by the table
        try:
            items = elements(encode(value, self._types))
        except NotAList as error:
            raise Raised from error
        inputs = [decode(item, self._types) for item in items]
        ends: list[Any] = []
        undecided: Undecided | None = None
        for index, item in enumerate(inputs):
            try:
                ends.append(self._kid(site, f"{path}~{index}", "body", item))
            except Undecided as error:
                undecided = error
            except Raised as error:
                ends.append(error)
        failed = sum(isinstance(end, Raised) for end in ends)
        if flow.policy.verdict(len(inputs), len(ends) - failed, failed) == LOST:
            raise Raised
        if undecided is not None:
            raise undecided
        return [settled(end) for end in ends] if flow.policy.settles else ends

    def _dag(self, site: Site, path: str, value: Any) -> Any:
        flow: Dag = site.flow  # type: ignore[assignment]  # by the table
        given: dict[str, Any] = {"input": value}
        undecided: Undecided | None = None
        raised: Raised | None = None
        for name in flow.order:
            needs = flow.needs.get(name, ()) or ("input",)
            if name == "input" or any(need not in given for need in needs):
                continue
            several = {need: given[need] for need in needs}
            try:
                one = several[needs[0]] if len(needs) == 1 else several
                given[name] = self._kid(site, path, name, one)
            except Undecided as error:
                undecided = error
            except Raised as error:
                raised = error
        if raised is not None or undecided is not None:
            raise raised or undecided or Raised
        return given[flow.give] if flow.give else {name: given[name] for name, _ in flow.parts}

    def _race(self, site: Site, path: str, value: Any) -> Any:
        flow: Race = site.flow  # type: ignore[assignment]  # by the table
        ends, undecided = self._ends(site, path, list(site.kids), value, racing=True)
        if not ends and undecided is not None:
            raise undecided
        name, end = next(iter(ends.items()))
        if isinstance(end, Raised):
            raise end
        return (name, end) if flow.named_parts else end

    _RULES: ClassVar[Mapping[type[Any], Callable[[Walk, Site, str, Any], Any]]] = {
        Node: _node,
        It: _it,
        Const: _const,
        Identity: _same,
        Fail: _fail,
        Failed: _failed,
        Suspend: _suspend,
        Ask: _ask,
        Call: _call,
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
        Fallback: _fallback,
        Timeout: _timeout,
        Cached: _cached,
        Critical: _timeout,
        Parallel: _parallel,
        Race: _race,
        Each: _each,
        Dag: _dag,
    }


def reference(program: Program, types: Types, journal: Sequence[Entry]) -> Any:
    """The value that a run of the program gives; Raised or Undecided when it gives none."""
    root, value = program.root, decode(journal[0].payload, types)
    return Walk(types, journal).walk(root, root.position, value)
