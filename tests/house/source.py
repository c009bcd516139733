"""Python files of the project, parsed once.

Paths are relative to the project's root and written with slashes. A comment is a comment token:
strings that look like comments don't count.
"""

import ast
import gc
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "bench", "examples")

FUNCTION_TYPES = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One Python file: its path, text and syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, text: str) -> "Source":
        """Parse a text as the file of that path."""
        return cls(path, text, ast.parse(text, path))

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def folder(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def words(self) -> list[str]:
        """The module's dotted name below its folder: ["everflow", "core", "machine"]."""
        parts = self.path.removesuffix(".py").split("/")[1:]
        return [part for part in parts if part != "__init__"]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in self.nodes:
            if isinstance(node, FUNCTION_TYPES):
                yield node

    def comments(self, about: re.Pattern[str]) -> Iterator[tuple[int, str]]:
        """Line number and text of every comment in which the pattern is found.

        Most files hold it nowhere, and needn't be taken apart, which is slow.
        """
        if about.search(self.text):
            for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
                if token.type == tokenize.COMMENT and about.search(token.string):
                    yield token.start[0], token.string

    def docstrings(self) -> Iterator[tuple[int, str]]:
        """Line number and text of every docstring."""
        for node in self.nodes:
            if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTION_TYPES)):
                text = ast.get_docstring(node)
                if text is not None:
                    yield node.body[0].lineno, text

    def imports(self) -> Iterator[tuple[int, str, str]]:
        """Line, module and name of every import, lazy ones included; the name of a module is ""."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name, ""
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield node.lineno, node.module or "", alias.name

    def calls(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of every call that is by a plain dotted name."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                name = _dotted(node.func)
                if name:
                    yield node.lineno, name


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        front = _dotted(node.value)
        return f"{front}.{node.attr}" if front else ""
    return ""


@cache
def project_sources() -> tuple[Source, ...]:
    """All Python files of the project, by path."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    gc.disable()  # which would look through the growing trees again and again: 3 s of 4
    try:
        return tuple(
            Source.of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
            for path in paths
        )
    finally:
        gc.enable()
