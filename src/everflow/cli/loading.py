"""Modules and flows by the names that people give them.

A file's module is named as any other process would import it: by its stem, or from the top of the
package that it is in. So the canonical names of its nodes are the same whoever loads it. An error
in a user's file is told with its line and without the way through the importer.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from everflow.cli.settings import Here
from everflow.core.flow import Flow
from everflow.core.registry import default_registry
from everflow.engine.schedules.spec import Schedule
from everflow.errors import ConfigurationError, EverflowError, FlowError, NoSuchFlow
from everflow.triggers import Trigger

__all__ = [
    "find_flow",
    "is_flow_name",
    "load",
    "load_all",
    "provided",
    "schedules_of",
    "to_start",
    "triggers_of",
]

Declared = TypeVar("Declared")
_PLAIN_SHIFT = re.compile(r"unsupported operand type\(s\) for >>: '(\w+)' and '(\w+)'")
_FUNCTIONS = frozenset({"function", "builtin_function_or_method", "type", "method"})


def load_all(here: Here) -> list[ModuleType]:
    """Import the modules that options and pyproject.toml name."""
    for folder in reversed(here.path):
        _on_path(folder)
    return [load(name) for name in here.modules]


def load(name: str) -> ModuleType:
    """Import ``package.module`` or ``FILE.py``; what is wrong is told as an error of Everflow's."""
    if name.endswith(".py") or "/" in name:
        return _load_file(Path(name))
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigurationError(
            f"{name!r:.80} names no module", hint="write package.module or FILE.py"
        )
    return _imported(name, name)


def _load_file(file: Path) -> ModuleType:
    file = file.resolve()
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    folder, name = file.parent, file.stem
    if not name.isidentifier():
        raise ConfigurationError(
            f"{file} can't be imported: {name!r:.80} is no name that Python takes",
            hint="use letters, digits and underscores in the file's name",
        )
    while (folder / "__init__.py").is_file():
        folder, name = folder.parent, f"{folder.name}.{name}"
    _on_path(folder)
    module = _imported(name.removesuffix(".__init__"), str(file))
    origin = getattr(module, "__file__", None)
    if origin is None or Path(origin).resolve() != file:
        raise ConfigurationError(
            f"{file} can't be imported as {name!r}: {origin or 'a built-in module'} has that name",
            hint="give the file another name",
        )
    return module


def _on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _imported(name: str, shown: str) -> ModuleType:
    try:
        return import_module(name)
    except EverflowError:
        raise
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise FlowError(
            f"{error.filename}:{error.lineno}: {error.msg}" + (f": {line:.100}" if line else "")
        ) from error
    except (Exception, SystemExit) as error:
        raise _told(error, shown) from error


def _told(error: BaseException, shown: str) -> EverflowError:
    """An error of a user's module as a sentence with its place."""
    missing = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    if missing and (shown == missing or shown.startswith(f"{missing}.")):
        return ConfigurationError(
            f"there is no module {missing!r}",
            hint="modules are looked for beside pyproject.toml, here, and among what is installed",
        )
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and "everflow/cli" not in frame.filename
    ]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else shown
    line = frames[-1].line if frames else ""
    shift = _PLAIN_SHIFT.search(str(error)) if isinstance(error, TypeError) else None
    if shift is not None and _FUNCTIONS.issuperset(shift.groups()):
        return FlowError(
            f"{where}: `>>` stands between two plain functions, which Python knows nothing about:"
            f" {line}",
            hint="put @node on one of them, or write sequence(first, second)",
        )
    said = f"{type(error).__name__}: {error}"
    hint = f"the line is: {line}" if line else ""
    if missing:
        hint = f"install {missing}, or see to the module's search path"
    return FlowError(f"{where}: {shown} can't be imported: {said:.500}", hint=hint)


def is_flow_name(name: str) -> bool:
    """Whether a text is meant as a flow in a module or file, rather than as a run's id."""
    return ":" in name or name.endswith(".py")


def find_flow(name: str, here: Here) -> tuple[Flow[Any, Any], list[ModuleType]]:
    """The flow of ``FILE.py:flow``, ``package.module:flow`` or a registered name.

    Gives with it the modules that were loaded, whose ``provide`` counts.
    """
    modules = load_all(here)
    if not is_flow_name(name):
        return default_registry().flow(name), modules
    place, _, attribute = name.rpartition(":") if ":" in name else (name, "", "")
    module = load(place)
    return _flow_in(module, place, attribute), [*modules, module]


def to_start(name: str, here: Here) -> Flow[Any, Any] | str:
    """The flow of such a name; the name itself where it is registered nowhere here."""
    if is_flow_name(name):
        return find_flow(name, here)[0]
    load_all(here)
    return default_registry().flows.get(name, name)


def _flow_in(module: ModuleType, place: str, attribute: str) -> Flow[Any, Any]:
    flows = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Flow) and value.name_of_flow
    }
    if not attribute and len(flows) == 1:
        return next(iter(flows.values()))
    found = getattr(module, attribute, None) if attribute else None
    if found is None:
        found = default_registry().flows.get(attribute)
    if isinstance(found, Flow) and found.name_of_flow:
        return found
    known = ", ".join(f"{place}:{name}" for name in sorted(flows)) or "none"
    close = get_close_matches(attribute, flows, 1)
    if isinstance(found, Flow) or callable(found):
        what = f"{attribute!r:.80} in {place} has no name as a flow"
        hint = f'write {attribute} = flow("{attribute}", ...) to make it one'
    else:
        what = f"{place} has no flow {attribute!r:.80}" if attribute else f"{place} has no one flow"
        hint = f"did you mean {place}:{close[0]}?" if close else f"its flows are: {known}"
    raise NoSuchFlow(what, hint=hint)


def schedules_of(modules: Iterable[ModuleType]) -> list[Schedule]:
    """What the modules declare as ``schedules``, a list; ConfigurationError for anything else."""
    example = 'schedules = [schedule("nightly", "0 7 * * *", digest)]'
    return _declared(modules, "schedules", Schedule, example)


def triggers_of(modules: Iterable[ModuleType]) -> list[Trigger]:
    """What the modules declare as ``triggers``, a list; ConfigurationError for anything else."""
    return _declared(modules, "triggers", Trigger, 'triggers = [trigger("on-note", review)]')


def _declared(
    modules: Iterable[ModuleType], name: str, kind: type[Declared], example: str
) -> list[Declared]:
    found: list[Declared] = []
    for module in dict.fromkeys(modules):
        declared = getattr(module, name, [])
        if isinstance(declared, ModuleType):
            continue
        if not isinstance(declared, (list, tuple)) or not all(
            isinstance(one, kind) for one in declared
        ):
            raise ConfigurationError(
                f"{name} in {module.__name__} is no list of {name}", hint=example
            )
        found += declared
    return found


def provided(modules: Iterable[ModuleType]) -> dict[type[Any], Any]:
    """What the modules provide, and those that nodes come from; ConfigurationError for a clash."""
    makers: dict[type[Any], Any] = {}
    homes: dict[type[Any], str] = {}
    nodes = default_registry().nodes
    named = (sys.modules.get(name.partition(":")[0]) for name in nodes)
    for module in dict.fromkeys((*modules, *(known for known in named if known is not None))):
        for kind, maker in _provide_of(module).items():
            if kind in makers and makers[kind] is not maker:
                raise ConfigurationError(
                    f"{homes[kind]} and {module.__name__} both provide {kind.__name__}",
                    hint="keep one of the two",
                )
            makers[kind], homes[kind] = maker, module.__name__
    return makers


def _provide_of(module: ModuleType) -> Mapping[type[Any], Any]:
    given = getattr(module, "provide", {})
    keys: Sequence[object] = list(given) if isinstance(given, Mapping) else [given]
    if not isinstance(given, Mapping) or not all(isinstance(key, type) for key in keys):
        raise ConfigurationError(
            f"`provide` in {module.__name__} isn't a dict from types to makers",
            hint="provide = {Mailer: make_mailer}",
        )
    return given
