"""The house rules that no linter of ours knows.

A rule takes a source and gives (line, complaint) for each place that breaks it. It judges by
syntax, never by importing what it judges. Each is listed in RULES with the folders it is for.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.house.source import Source

Complaints = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Rule:
    """A rule and where it holds: paths that start with one of the prefixes."""

    check: Callable[[Source], Complaints]
    prefixes: tuple[str, ...] = ("src/", "tests/", "bench/", "examples/")

    @property
    def name(self) -> str:
        return self.check.__name__

    def complaints(self, source: Source) -> list[str]:
        """What is wrong with the source, one line each; empty where the rule isn't for it."""
        if not source.path.startswith(self.prefixes):
            return []
        return [f"{source.path}:{line}: {text}" for line, text in self.check(source)]


_POSTPONED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def nothing_is_postponed(source: Source) -> Complaints:
    """What is left to do is an issue, not a comment."""
    docstrings = source.docstrings() if _POSTPONED.search(source.text) else ()
    for line, text in (*source.comments(_POSTPONED), *docstrings):
        if _POSTPONED.search(text):
            yield line, "postponed work; do it, or write an issue"


_CODES = r"[A-Z]+[0-9]+"
_SUPPRESSION = re.compile(
    rf"#\s*noqa:\s*{_CODES}(?:\s*,\s*{_CODES})*|#\s*type:\s*ignore\[[a-z, -]+\]"
    r"|#\s*pragma:\s*no\s+(?:cover|branch)"
)
_SUPPRESSES = re.compile(r"noqa|type:\s*ignore|pragma:|#\s*(?:ruff|mypy):", re.IGNORECASE)
_SHORTEST_REASON = 10  # letters: less is a word, not a reason


def suppressions_have_code_and_reason(source: Source) -> Complaints:
    """`# noqa: S603 - the command is ours`; so too for type: ignore[code] and pragma: no cover."""
    for line, text in source.comments(_SUPPRESSES):
        rest = _SUPPRESSION.sub("", text)
        if _SUPPRESSES.search(rest):
            yield line, "a suppression needs its code, and is for its own line alone"
        elif rest != text and len(re.sub(r"[\W_]", "", rest)) < _SHORTEST_REASON:
            yield line, "a suppression needs its reason after it"


_UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def nothing_unsafe(source: Source) -> Complaints:
    """Stored data is never code: no pickle and its kin, no eval, no exec."""
    for line, module, _ in source.imports():
        if module.split(".")[0] in _UNSAFE_MODULES:
            yield line, f"{module} runs what it loads"
    for line, name in source.calls():
        if name.removeprefix("builtins.") in {"eval", "exec"}:
            yield line, f"{name} runs what it is given"


def nothing_sleeps(source: Source) -> Complaints:
    """The library waits for events and tests have a clock that jumps: nothing sleeps blindly."""
    for line, module, name in source.imports():
        if (module, name) == ("time", "sleep"):
            yield line, "sleeps; wait for an event or let a clock jump"
    for line, name in source.calls():
        if name == "time.sleep":
            yield line, "sleeps; wait for an event or let a clock jump"


def modules_state_their_law(source: Source) -> Complaints:
    """The docstring at a module's top says what stays true of it."""
    if not ast.get_docstring(source.tree):
        yield 1, "the module has no docstring"


def tests_make_a_claim(source: Source) -> Complaints:
    """A test's docstring is its claim in one line."""
    for function in source.functions():
        if function.name.startswith("test_") and not ast.get_docstring(function):
            yield function.lineno, f"{function.name} doesn't say what it claims"


_OUTSIDE = {
    *("apsw", "asyncio", "concurrent", "contextvars", "ctypes", "fcntl", "getpass", "glob"),
    *("http", "httpx", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib"),
    *("platform", "psycopg", "queue", "random", "requests", "sched", "secrets", "select"),
    *("selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "urllib", "warnings"),
}
_CLOCKS_AND_DICE = re.compile(
    r"^(?:datetime\.|dt\.)*(?:datetime|date)\.(?:now|utcnow|today)$"
    r"|^(?:uuid\.)?uuid[14]$|^(?:builtins\.)?(?:open|print|input|breakpoint)$"
)


def the_core_is_pure(source: Source) -> Complaints:
    """`core/` does no IO and reads neither clock nor dice."""
    for line, module, _ in source.imports():
        if module.split(".")[0] in _OUTSIDE:
            yield line, f"the core imports {module}, which reaches outside"
    for line, name in source.calls():
        if _CLOCKS_AND_DICE.search(name):
            yield line, f"the core calls {name}(): time, ids and chance are arguments"


_DEPENDENCIES = {"everflow", "msgspec", "apsw"}
_EXTRAS = {
    "src/everflow/activitypub/": {"cryptography", "starlette"},
    "src/everflow/cli/": {"click", "rich", "jinja2", "markdown_it", "spellchecker", "yaml"},
    "src/everflow/testing/": {"pytest", "hypothesis"},
    "src/everflow/core/": {"pydantic"},
    "src/everflow/engine/schedules/": {"cronsim"},
    "src/everflow/net/": {"cryptography", "http_message_signatures", "http_sf"}
    | {"httpcore2", "httpx2"},
    "src/everflow/federation/": {"cryptography", "starlette"},
    "src/everflow/server/": {"h11", "starlette", "uvicorn"},
    "src/everflow/stores/postgres/": {"psycopg"},
    "src/everflow/stores/sealed/": {"cryptography"},
    "src/everflow/triggers/": {"rfc8785"},
}


def imports_are_declared(source: Source) -> Complaints:
    """The library needs what pyproject.toml says; an extra is known to its own part alone."""
    known = _DEPENDENCIES | set(sys.stdlib_module_names)
    for prefix, names in _EXTRAS.items():
        if source.path.startswith(prefix):
            known |= names
    for line, module, _ in source.imports():
        if module.split(".")[0] not in known:
            yield line, f"{module or 'a relative import'} is no dependency of this part"


_VAGUE = {"task", "job", "manager", "handler", "context", "util", "common"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def names_are_of_the_domain(source: Source) -> Complaints:
    """No module or class has a name that says nothing (docs/glossary.md has better ones)."""
    names = [(1, part) for part in source.words]
    names += [(node.lineno, node.name) for node in source.nodes if isinstance(node, ast.ClassDef)]
    for line, name in names:
        vague = {word.lower().removesuffix("s") for word in _WORD.findall(name)} & _VAGUE
        if vague:
            yield line, f"{name} is vague: {', '.join(sorted(vague))}"


def the_public_list_is_sorted(source: Source) -> Complaints:
    """`__all__` is a literal list: constants, classes, functions, each by alphabet, none twice."""
    for node in source.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=items)):
                names = [str(item.value) for item in items if isinstance(item, ast.Constant)]
                if len(names) != len(items) or names != sorted(set(names), key=_public_order):
                    yield node.lineno, "__all__ is not a sorted list of names"
                return
    yield 1, "there is no __all__"


def _public_order(name: str) -> tuple[int, str]:
    # The order that ruff's RUF022 writes, so that the two never disagree.
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


RULES = (
    Rule(nothing_is_postponed),
    Rule(suppressions_have_code_and_reason),
    Rule(nothing_unsafe, ("src/",)),
    Rule(nothing_sleeps, ("src/", "tests/")),
    Rule(modules_state_their_law),
    Rule(tests_make_a_claim, ("tests/",)),
    Rule(imports_are_declared, ("src/",)),
    Rule(the_core_is_pure, ("src/everflow/core/", "src/everflow/federation/protocol/")),
    Rule(names_are_of_the_domain, ("src/",)),
    Rule(the_public_list_is_sorted, ("src/everflow/__init__.py",)),
)
