"""The house style as a test, with ratchets: growth is forbidden before shrinkage is demanded.

RATCHET names each known exception with its present number. A number may only shrink, and the row
goes when the rule holds. A new row is refused in review, not here.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.house.rules import RULES, Rule
from tests.house.source import Source, project_sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 50  # lines without its docstring

RATCHET: dict[str, int] = {}

# One source for each rule that breaks it, at the path where it is read.
BROKEN = {
    "nothing_is_postponed": ("src/everflow/a.py", "x = 1  # TO" + "DO: two\n"),
    "suppressions_have_code_and_reason": ("src/everflow/a.py", "x = 1  # no" + "qa: S101\n"),
    "nothing_unsafe": ("src/everflow/a.py", "def load():\n    import pickle\n"),
    "nothing_sleeps": ("tests/core/test_a.py", "import time\ntime.sleep(1)\n"),
    "modules_state_their_law": ("bench/a.py", "x = 1\n"),
    "tests_make_a_claim": ("tests/core/test_a.py", "def test_a():\n    pass\n"),
    "imports_are_declared": ("src/everflow/store.py", "def show():\n    import rich.table\n"),
    "the_core_is_pure": ("src/everflow/core/a.py", "from time import monotonic\n"),
    "names_are_of_the_domain": ("src/everflow/a.py", "class RunManager:\n    pass\n"),
    "the_public_list_is_sorted": ("src/everflow/__init__.py", '__all__ = ["b", "a"]\n'),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    """No file of the project breaks a house rule."""
    complaints = [line for source in project_sources() for line in rule.complaints(source)]
    assert not complaints, "\n".join([rule.check.__doc__ or "", *complaints])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_catches_what_breaks_it(rule: Rule) -> None:
    """A rule that lets everything pass is none."""
    path, text = BROKEN[rule.name]
    assert len(rule.complaints(Source.of(path, text))) == 1


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: S603, S607 - the command is ours",
        "# type: ignore[arg-type]  # the stub is behind its library",
        "# type: ignore[misc]  # noqa: ANN401 - both are what the test is about",
        "# pragma: no cover - only on other systems",
        "# why this is so",
    ],
)
def test_a_suppression_with_code_and_reason_passes(comment: str) -> None:
    """The rule asks for a code and a reason, not for abstinence."""
    source = Source.of("src/everflow/a.py", f'"""Law."""\nx = 1  {comment}\n')
    assert [line for rule in RULES for line in rule.complaints(source)] == []


def test_no_file_is_longer_than_allowed() -> None:
    """A file is at most 400 lines, known exceptions don't grow."""
    _judge({source.path: source.lines for source in project_sources()}, LONGEST_FILE)


def test_no_function_is_longer_than_allowed() -> None:
    """A function is at most 50 lines without its docstring, known exceptions don't grow."""
    sizes = {name: size for source in project_sources() for name, size in _functions(source)}
    _judge(sizes, LONGEST_FUNCTION)


def test_the_ratchet_names_what_exists() -> None:
    """A row for a file or function that is gone goes too."""
    known = {source.path for source in project_sources()}
    known |= {name for source in project_sources() for name, _ in _functions(source)}
    assert RATCHET.keys() <= known


def _judge(sizes: dict[str, int], longest: int) -> None:
    complaints = []
    for name, size in sizes.items():
        allowed = RATCHET.get(name, longest)
        if size > allowed:
            complaints.append(f"{name} has {size} lines, allowed are {allowed}: split it")
        elif name in RATCHET and size <= longest:
            complaints.append(f"{name} has {size} lines: take it out of the ratchet")
        elif name in RATCHET and size < allowed:
            complaints.append(f"{name} has {size} lines: lower its ratchet from {allowed}")
    assert not complaints, "\n".join(complaints)


def _functions(source: Source) -> Iterator[tuple[str, int]]:
    for function in source.functions():
        size = (function.end_lineno or function.lineno) - function.lineno + 1
        if ast.get_docstring(function) is not None:
            doc = function.body[0]
            size -= (doc.end_lineno or doc.lineno) - doc.lineno + 1
        yield f"{source.path}::{function.name}", size
