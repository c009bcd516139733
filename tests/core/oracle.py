"""The oracle: what a flow gives, by plain recursion over its classes, for flows that never wait."""

from typing import Any, NamedTuple

from everflow.core.combine.cached import Cached
from everflow.core.combine.choice import Branch, Choose, Loop, UnlessFailed
from everflow.core.combine.control import Retry, Ticks, Timeout, TryCatch
from everflow.core.combine.dag import Dag
from everflow.core.combine.each import Each
from everflow.core.combine.failure import Fail, Failed
from everflow.core.combine.fallback import Fallback
from everflow.core.combine.parallel import Parallel
from everflow.core.combine.saga import Saga
from everflow.core.combine.sections import Critical
from everflow.core.combine.sequence import Const, Keep, Sequence
from everflow.core.expressions import It, evaluate
from everflow.core.faults import Caught, ErrorData, Failure, Settled
from everflow.core.flow import Flow
from everflow.core.node import Node
from everflow.core.registry import default_registry
from everflow.core.values import decode


class Raised(NamedTuple):
    """The error that came out of a flow."""

    type: str
    code: str = ""


class _Error(Exception):
    def __init__(self, raised: Raised) -> None:
        super().__init__(raised)
        self.raised = raised


def interpret(flow: Flow[Any, Any], value: Any) -> Any:
    """The flow's value for an input, or what it raises."""
    try:
        return _value(flow, value)
    except _Error as error:
        return error.raised


def _value(flow: Flow[Any, Any], x: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - a case a class, in one place
    match flow:
        case Sequence():
            for step in flow.steps:
                x = _value(step, x)
            return x
        case Saga():
            for _, do, _ in flow.steps:
                x = _value(do, x)
            return x
        case Parallel() if flow.policy.settles:
            ends = [_settled(child, x) for _, child in flow.parts]
            errors = [end.error for end in ends if end.error is not None]
            if len(errors) > flow.policy.tolerated(len(ends)):
                raise _Error(Raised(errors[0].type, errors[0].code))
            return _joined(flow, ends)
        case Parallel():
            return _joined(flow, _all(flow, x))
        case Branch():
            return _value(flow.then if _value(flow.test, x) else flow.otherwise, x)
        case Choose():
            return _value(_case(flow, _value(flow.selector, x)), x)
        case Loop():
            while not _value(flow.until, x := _value(flow.body, x)):
                pass
            return x
        case Dag():
            return _graph(flow, x)
        case Each():
            return _each(flow, x)
        case UnlessFailed():
            return x if isinstance(x, Failure) else _value(flow.body, x)
        case Keep():
            return (x, _value(flow.body, x))
        case TryCatch() | Fallback():
            return _rescued(flow, x)
        case Retry() | Ticks() | Timeout() | Critical() | Cached():  # once is as good as often
            return _value(flow.body, x)
        case Const():
            return decode(flow.payload, default_registry().types)
        case Fail():
            return Failure(decode(flow.reason, default_registry().types))
        case Failed():
            return isinstance(x, Failure)
        case It():
            return evaluate(flow.data, x)
        case Node():
            return _called(flow, x)
        case _:
            return x


def comparable(value: Any, *, exact: bool) -> Any:
    """A value without what the oracle doesn't know of errors: all but type and code."""
    match value:
        case list() | tuple():
            return [type(value).__name__, *(comparable(item, exact=exact) for item in value)]
        case dict():
            return {key: comparable(item, exact=exact) for key, item in value.items()}
        case Caught() | Failure() | Settled():
            return [type(value).__name__, comparable(vars(value), exact=exact)]
        case ErrorData():
            return (value.type, value.code) if exact else "error"
        case _:
            return value


def _all(flow: Parallel, x: Any) -> list[Any]:
    """Children that fail at once end the whole before those after them are begun."""
    results = [interpret(child, x) for _, child in flow.parts]
    for result in results:
        if isinstance(result, Raised):
            raise _Error(result)
    return results


def _settled(child: Flow[Any, Any], x: Any) -> Settled[Any]:
    result = interpret(child, x)
    if isinstance(result, Raised):
        return Settled(ok=False, error=ErrorData(type=result.type, message="", code=result.code))
    return Settled(ok=True, value=result)


def _first(flow: Fallback, x: Any) -> Any:
    *some, last = flow.options
    for option in some:
        try:
            return _value(option, x)
        except _Error as error:
            if flow.on and not {error.raised.type, error.raised.code} & set(flow.on):
                raise
    return _value(last, x)


def _rescued(flow: TryCatch | Fallback, x: Any) -> Any:
    if isinstance(flow, Fallback):
        return _first(flow, x)
    try:
        return _value(flow.body, x)
    except _Error as error:
        reified = ErrorData(type=error.raised.type, message="", code=error.raised.code)
        return _value(flow.rescue, Caught(reified, x))


def _graph(flow: Dag, x: Any) -> dict[str, Any]:
    given = {"input": x}
    for name in flow.order:
        needs = flow.needs.get(name, ()) or ("input",)
        several = {need: given[need] for need in needs}
        if name != "input":
            one = several[needs[0]] if len(needs) == 1 else several
            given[name] = _value(dict(flow.parts)[name], one)
    return {name: given[name] for name, _ in flow.parts}


def _each(flow: Each, x: Any) -> list[Any]:
    if not isinstance(x, list | tuple | set):
        raise _Error(Raised("NotAList", "not_a_list"))
    if flow.policy.settles:
        ends = [_settled(flow.body, item) for item in x]
        errors = [end.error for end in ends if end.error is not None]
        if len(errors) > flow.policy.tolerated(len(ends)):
            raise _Error(Raised(errors[0].type, errors[0].code))
        return ends
    results = [interpret(flow.body, item) for item in x]
    for result in results:
        if isinstance(result, Raised):
            raise _Error(result)
    return results


def _joined(flow: Parallel, results: list[Any]) -> Any:
    if flow.form == "dict":
        return dict(zip((name for name, _ in flow.parts), results, strict=True))
    return tuple(results) if results else []


def _case(flow: Choose, selected: Any) -> Flow[Any, Any]:
    texts = {None: "null", True: "true", False: "false"}
    simple = isinstance(selected, bool | None)
    text = texts[selected] if simple else f'"{selected}"' if isinstance(selected, str) else selected
    for case, child in flow.cases:
        if case == str(text):
            return child
    if flow.default is None:
        raise _Error(Raised("NoMatch", "no_match"))
    return flow.default


def _called(flow: Node[Any, Any], x: Any) -> Any:
    if isinstance(x, Failure) and not flow.leaf.failure:
        raise _Error(Raised("UnhandledFailure", "unhandled_failure"))
    try:
        return flow(x)
    except ValueError as error:
        raise _Error(Raised(type(error).__name__)) from error
