"""The folder that the demo plays in: a copy of the example, with some settings of its own.

Nothing outside of the folder is written to. A folder with something in it is never touched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from everflow.errors import ConfigurationError

__all__ = ["DEADLINE", "DEFAULT", "copy_example", "example_folder", "free_folder", "make_folder"]

DEFAULT = "everflow-demo"
DEADLINE = "PT3S"
# With this the folder stands for itself, whatever project it is made in.
PROJECT = '[tool.everflow]\nmodules = ["flow.py"]\nstore = "everflow.db"\n'
_NEEDED = ("jinja2", "markdown_it", "spellchecker", "yaml")
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
    folder = free_folder(name)
    copy_example(folder, {"deadline": DEADLINE})
    return folder


def free_folder(name: str | None) -> Path:
    """A path at which there is nothing yet; ConfigurationError otherwise, or without the extra."""
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
    return folder


def copy_example(folder: Path, settings: Mapping[str, str], project: str = PROJECT) -> None:
    """Copy the example there, with these settings in its ``site.toml``."""
    try:
        shutil.copytree(example_folder(), folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
        site = folder / "site.toml"
        text = site.read_text("utf-8")
        for key, value in settings.items():
            text, found = re.subn(rf'(?m)^{key} = "[^"]*".*$', f'{key} = "{value}"', text)
            if found != 1:
                raise ConfigurationError(f"{site} has no one {key} to change")
        site.write_text(text, "utf-8")
        (folder / "pyproject.toml").write_text(project, "utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} can't be made: {error}") from error


def _free() -> Path:
    names = (DEFAULT if number == 1 else f"{DEFAULT}-{number}" for number in count(1))
    return next(path for name in names if not (path := Path(name).resolve()).exists())
