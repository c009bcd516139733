"""The folder that the demo plays in: a copy of the example, with a short deadline.

Nothing outside of the folder is written to. A folder with something in it is never touched.
"""

from __future__ import annotations

import re
import shutil
from importlib.resources import files
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from everflow.errors import ConfigurationError

__all__ = ["DEADLINE", "DEFAULT", "example_folder", "make_folder"]

DEFAULT = "everflow-demo"
DEADLINE = "PT3S"
# With this the folder stands for itself, whatever project it is made in.
_PROJECT = '[tool.everflow]\nmodules = ["flow.py"]\nstore = "everflow.db"\n'
_NEEDED = ("jinja2", "markdown_it", "spellchecker", "yaml")
_DEADLINE = re.compile(r'^deadline = "[^"]*".*$', re.MULTILINE)
_LEFT_OUT = shutil.ignore_patterns("work", "__pycache__", "*.db*", ".git*", "everflow-demo*")


def example_folder() -> Path:
    """The example: beside the sources in a checkout, else the packaged copy."""
    package = Path(str(files("everflow")))
    for place in (package.parents[1] / "examples" / "publish", package / "examples" / "publish"):
        if (place / "flow.py").is_file():
            return place
    raise ConfigurationError(
        "the demo's example isn't installed", hint="pip install --force-reinstall 'everflow[demo]'"
    )


def make_folder(name: str | None) -> Path:
    """Copy the example into a new folder of that name, or into the next free one without a name."""
    missing = [module for module in _NEEDED if find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"the demo needs {', '.join(missing)}", hint="pip install 'everflow[demo]'"
        )
    folder = Path(name).resolve() if name else _free()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"{folder} is there already and isn't empty", hint="name a new folder, or none"
        )
    try:
        shutil.copytree(example_folder(), folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
        settings = folder / "site.toml"
        text, found = _DEADLINE.subn(f'deadline = "{DEADLINE}"', settings.read_text("utf-8"))
        settings.write_text(text, "utf-8")
        (folder / "pyproject.toml").write_text(_PROJECT, "utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} can't be made: {error}") from error
    if found != 1:
        raise ConfigurationError(f"{settings} has no one deadline to shorten")
    return folder


def _free() -> Path:
    names = (DEFAULT if number == 1 else f"{DEFAULT}-{number}" for number in count(1))
    return next(path for name in names if not (path := Path(name).resolve()).exists())
