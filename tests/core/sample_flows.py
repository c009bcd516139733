"""Plain functions that the core's tests make flows of."""

from typing import Any

from everflow.core.faults import Caught, Failure

LONG = "a text that is too long to be carried along in a reference, " * 2


def inc(x: int) -> int:
    return x + 1


def double(x: int) -> int:
    return x * 2


def first(x: Any) -> Any:
    return x


def second(x: Any) -> Any:
    return x


def third(x: Any) -> Any:
    return x


def now() -> int:
    return 42


def positive(x: int) -> bool:
    return x > 0


def broken(x: Any) -> Any:
    raise ValueError(f"no {x}")


def rescue(caught: Caught[Any]) -> Any:
    return [caught.error.type, caught.value]


def tolerant(x: object | Failure) -> str:
    return type(x).__name__


async def talk(value: Any) -> Any:
    return value


async def chat(value: Any) -> Any:
    return value
