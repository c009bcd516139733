"""What the documents show is run, and what they link to exists.

How to mark a fenced block, by words after its language (readers don't see them):

- ```` ```python run ````: run. All such blocks of a document are one script, in their order, in a
  fresh process and an empty folder; an uncaught error fails the test, and its traceback names the
  document's own lines.
- ```` ```python file=blog.py ```` (any language): saved under that name into the same folder,
  before anything is run, so that blocks and commands can import it. With `run` it is both.
- ```` ```console run ````: each `$ command` is run by bash, after the Python blocks, in the same
  folder, in order, and must exit with 0; a backslash at its end continues it on the next line.
  Lines below a command are its output (both streams) as it must be: `...` stands for anything in a
  line, and on a line of its own for any lines; with no lines below, any output will do. `./run.sh`
  is there and means the environment of the tests, so that it installs nothing.

Unmarked blocks are not run.
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.house.documents import (
    Block,
    Command,
    Document,
    commands,
    differences,
    project_documents,
    script,
)
from tests.house.source import ROOT

_SECONDS = 50  # for each process that a document starts; below the limit of one test
_RUNNABLE = [
    document for document in project_documents() if any(block.runs for block in document.blocks())
]


def _environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    return {**os.environ, **own, "COLUMNS": "100"}


def _save(document: Document, folder: Path) -> None:
    for block in document.blocks():
        if block.file:
            target = folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join((*block.lines, "")), encoding="utf-8")
    (folder / "pytest.ini").touch()  # settings in a folder above aren't those of a reader's project
    shim = folder / "run.sh"
    shim.write_text('#!/bin/sh\nexec "$@"\n', encoding="utf-8")
    shim.chmod(0o755)


def _printed(arguments: list[str], folder: Path, what: str) -> str:
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{what} exits with {done.returncode}:\n{done.stdout}"
    return done.stdout


def _run(document: Document, folder: Path) -> None:
    _save(document, folder)
    text = script(document)
    if text.strip():
        name = document.path.replace("/", "_").replace(".md", "_md.py")
        (folder / name).write_text(text, encoding="utf-8")
        _printed([sys.executable, "-W", "error", name], folder, document.path)
    for block in document.blocks():
        if block.language == "console" and block.runs:
            for command in commands(block):
                where = f"{document.path}:{command.line}: {command.text}"
                printed = _printed(["bash", "-c", command.text], folder, where)
                wrong = differences(command, printed)
                assert not wrong, f"{where}\n{wrong}"


@pytest.mark.timeout(240)  # the tutorial is some forty processes
@pytest.mark.parametrize("document", _RUNNABLE, ids=lambda document: document.path)
def test_what_a_document_shows_runs(document: Document, tmp_path: Path) -> None:
    """Every marked block of a document runs, in order, in an empty folder."""
    _run(document, tmp_path)


@pytest.mark.parametrize("document", project_documents(), ids=lambda document: document.path)
def test_links_inside_the_project_lead_somewhere(document: Document) -> None:
    """A relative link names a file that exists, and a heading that is in it."""
    known = {other.folder / Path(other.path).name: other for other in project_documents()}
    broken = []
    for line, target in document.links():
        if ":" in target.split("/")[0]:  # https:, mailto:
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (document.folder / name).resolve() if name else ROOT / document.path
        if not file.is_relative_to(ROOT) or not file.exists():
            broken.append(f"{document.path}:{line}: {target} doesn't exist")
        elif anchor and file in known and anchor not in known[file].anchors():
            broken.append(f"{document.path}:{line}: {target} names no heading")
    assert not broken, "\n".join(broken)


def test_the_glossary_has_a_word_once() -> None:
    """One word, one meaning: no word of the glossary is explained twice."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = [line.split("**")[1] for line in text.splitlines() if line.startswith("| **")]
    assert len(words) == len(set(words))


_SAMPLE = """\
Some [link](docs/there.md#a-heading) and ``` in the text.

```python file=greeting.py
WORD = "hello"
```

```python run
from greeting import WORD
```

```python
raise SystemExit("not marked, so not run")
```

```python run
open("said", "w").write(WORD)
```

```console run
$ cat said && \\
  echo " there"
hello ...
$ printf 'one\\ntwo\\nthree\\n'
one
...
```
"""


def test_marked_blocks_share_a_process_and_a_folder(tmp_path: Path) -> None:
    """Files are saved first, Python blocks run as one script, commands come last."""
    _run(Document("docs/sample.md", _SAMPLE), tmp_path)
    assert (tmp_path / "said").read_text(encoding="utf-8") == "hello"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".write(WORD)", '.write(WORD); raise ValueError("no")'),
        ("hello ...", "goodbye ..."),
        ("two\\nthree\\n'\none\n...", "two\\nthree\\n'\none\ntwo"),
        ("$ printf", "$ false && printf"),
    ],
)
def test_a_document_that_lies_is_caught(old: str, new: str, tmp_path: Path) -> None:
    """An error, another output, a longer output and a failing command each fail the test."""
    assert old in _SAMPLE
    with pytest.raises(AssertionError, match=r"docs/sample\.md"):
        _run(Document("docs/sample.md", _SAMPLE.replace(old, new)), tmp_path)


def test_a_traceback_names_the_line_of_the_document() -> None:
    """The script keeps the document's line numbers."""
    lines = script(Document("docs/sample.md", _SAMPLE)).splitlines()
    assert lines[7] == "from greeting import WORD"


def test_headings_and_links_are_read_outside_of_code() -> None:
    """What stands in a fence or a code span is neither link nor heading."""
    text = "# A `b` c\n## A b c\n`[x](y)` [z](w 'title')\n```\n# no\n[x](y)\n```\n"
    document = Document("docs/sample.md", text)
    assert document.anchors() == {"a-b-c", "a-b-c-1"}
    assert list(document.links()) == [(3, "w")]


def test_output_is_compared_line_by_line() -> None:
    """Three dots stand for any text, alone for any lines; blank lines don't matter."""
    command = commands(Block("console", ("run",), 1, ("$ x", "a ... z", "...", "end")))[0]
    assert command == Command("x", 1, ("a ... z", "...", "end"))
    assert differences(command, "a b z\n\nmore\nend\n") == ""
    assert differences(command, "more\na b z\nend\n") != ""
    assert differences(command, "a b z\nend\nmore\n") != ""
