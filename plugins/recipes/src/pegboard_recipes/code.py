"""Which files of a project a step's code is made of: its module, and what that imports from it.

Imports are read, not carried out, so that a plan costs nothing and runs nothing of the user's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

STEPS = "steps"
_NOT_OURS = frozenset({"site-packages", ".venv", "venv", ".git", "node_modules"})


def files_of(root: Path, module: str) -> list[Path]:
    """Return the files of a module of a project and of all that it imports from the project.

    A file that is not there is left out; one that is not Python is in it, without its imports.
    """
    found: dict[Path, None] = {}
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file_of(root, name)
        if file is None:
            continue
        found[file] = None
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        # The packages that a module is in are imported before it.
        waiting += [name.rpartition(".")[0]] if "." in name else []
        waiting += list(_imported(file, package))
    return sorted(found)


def is_of_project(root: Path, file: Path) -> bool:
    """Whether a file is the project's own: below its root, and not installed there.

    What compiled modules and Python itself call their sources is relative, and no file.
    """
    if not file.is_absolute():
        return False
    try:
        below = file.resolve().relative_to(root)
    except (ValueError, OSError):
        return False
    return not _NOT_OURS.intersection(below.parts)


def _file_of(root: Path, name: str) -> Path | None:
    place = root.joinpath(*name.split("."))
    for file in (place / "__init__.py", place.with_suffix(".py")):
        if file.is_file():
            return file if is_of_project(root, file) else None
    return None


def _imported(file: Path, package: str) -> Iterator[str]:
    """Yield the names of modules that a file may import, wherever in it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".") if package else []
                above = parts[: len(parts) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)
