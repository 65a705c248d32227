"""The user's code: imported from the recipe's directory, and from no other.

While a step runs, the recipe's root is the working directory and the first of ``sys.path``. When it
is done, what was imported from there is forgotten: another recipe has a package ``steps``, too, and
a file that was changed meanwhile is read again.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from pegboard.errors import InvalidValue, quoted

from pegboard_recipes import code
from pegboard_recipes.digests import named


@contextmanager
def entered(root: Path) -> Iterator[None]:
    """Be in a project."""
    before, path = Path.cwd(), list(sys.path)
    hidden = _taken(root)
    sys.path.insert(0, str(root))
    _put_steps_first(root)
    os.chdir(root)
    writes = sys.dont_write_bytecode
    # A file that is changed twice in a second would be taken for the one before.
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        with _no_sudden_end():
            yield
    finally:
        sys.dont_write_bytecode = writes
        os.chdir(before)
        # A model that was loaded may have brought a copy of its code.
        sys.path[:] = path
        for name in imported(root):
            del sys.modules[name]
        _taken(root)
        sys.modules.update(hidden)


@contextmanager
def _no_sudden_end() -> Iterator[None]:
    """Let ``os._exit`` end a step, not the process, whose exit code would pass for a result."""
    leave, process, thread = os._exit, os.getpid(), threading.get_ident()

    def ended(status: int) -> NoReturn:
        if os.getpid() != process:  # A process that was forked ends so.
            leave(status)
        if threading.get_ident() == thread:
            raise SystemExit(f"os._exit({status}) was called")
        sys.stderr.write(f"os._exit({status}) was called in a thread: the step has no result.\n")
        leave(status or 1)

    os._exit = ended
    try:
        yield
    finally:
        os._exit = leave


def imported(root: Path) -> dict[str, Path]:
    """Return the modules of a project that are imported, with their files."""
    found = {}
    below = f"{root}{os.sep}"
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file:
            if file.startswith(below) and code.is_of_project(root, Path(file)):
                found[name] = Path(file)
        elif any(str(each).startswith(below) for each in getattr(module, "__path__", None) or ()):
            # A package without __init__.py.
            found[name] = root
    return found


def _taken(root: Path) -> dict[str, ModuleType]:
    """Take away modules that hide those of the project: another recipe's ``steps``."""
    tops = {file.stem for file in root.glob("*.py")}
    tops |= {place.name for place in root.iterdir() if place.is_dir() and _is_package(place)}
    hidden = {}
    for name in list(sys.modules):
        if name.partition(".")[0] in tops:
            hidden[name] = sys.modules.pop(name)
    return hidden


def _put_steps_first(root: Path) -> None:
    """Let ``steps`` be the project's, where a package of that name with an __init__.py hides it.

    A model that was loaded before may have brought one.
    """
    place = root / code.STEPS
    if place.is_dir() and not (place / "__init__.py").is_file():
        package = ModuleType(code.STEPS)
        package.__path__ = [str(place)]
        sys.modules[code.STEPS] = package


def _is_package(place: Path) -> bool:
    return place.name == code.STEPS or (place / "__init__.py").is_file()


def function(root: Path, module: str, name: str, key: str) -> Callable[..., Any]:
    """Return a function of the user's; ``key`` says where the recipe names it."""
    file = root / code.STEPS / f"{module}.py"
    if not file.is_file():
        raise InvalidValue(f"{key} is {name!r}, and there is no file {file}.")
    made = importlib.import_module(f"{code.STEPS}.{module}")
    found = getattr(made, name, None)
    if found is None:
        raise InvalidValue(f"{key} is {name!r}, which {file} does not define.")
    if not callable(found):
        raise InvalidValue(f"{key} is {name!r}, and in {file} that is {quoted(found)}.")
    return found  # type: ignore[no-any-return]


def located(root: Path, called: Callable[..., Any], text: str) -> str:
    """Return a text about a function of the user's, after its file and line if it has any."""
    code_of = getattr(inspect.unwrap(called), "__code__", None)
    if code_of is None:
        return text
    return f"{named(Path(code_of.co_filename), root)}, line {code_of.co_firstlineno}: {text}"


def call_loader(loader: Callable[..., Any], path: str, form: str, said: str = "The loader") -> Any:
    """Call a loader with as much as it takes: path and form by place, by name, or the path alone.

    ``said`` is how a message begins that is about it.

    MLflow's templates document one argument and its code passes two; users wrote both.
    """
    try:
        parameters = inspect.signature(loader).parameters.values()
    except (TypeError, ValueError):
        return loader(path, form)
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) or len(by_place) > 1:
        return loader(path, form)
    by_name = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    named: dict[str, str] = {
        name: path for name in ("file_path", "path", "location") if name in by_name
    }
    named |= {str(name): form for name in ("file_format", "format", "using") if name in by_name}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        named |= {} if by_place or named else {"file_path": path}
        named.setdefault("file_format", form)
    if not by_place:
        if not named:
            raise InvalidValue(
                f"{said} takes no argument, and is called with the path of a file.",
                hint="Let it take two, path and format, or the path alone.",
            )
        return loader(**named)
    return loader(path, **named)
