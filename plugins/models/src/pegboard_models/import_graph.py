"""Which modules code imports, found by reading it: the user's own files, and theirs in turn."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pegboard_models import distributions

_MAX_FILES = 10_000


def imports_of_file(file: Path, package: str = "") -> set[str]:
    """Return the absolute names of the modules that a file imports anywhere in it.

    ``package`` is the one it lies in, for relative imports. A file that is not Python gives none.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(_imported_from(node, package))
    return found


def _imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        parents = package.split(".") if package else []
        above = parents[: len(parents) - node.level + 1]
        base = ".".join([*above, base]) if base else ".".join(above)
    if base:
        yield base
        for alias in node.names:
            yield f"{base}.{alias.name}"


def reachable(modules: Iterable[str], roots: Sequence[Path] = ()) -> set[str]:
    """Return modules, and all that they import in turn as far as they are the user's own code.

    Code is the user's own if no installed distribution owns it: files below ``roots``, or
    importable from where the process runs.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting and len(found) < _MAX_FILES:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        file = None if distributions.is_reader(name) else _own_file(name, roots)
        if file is not None:
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            waiting.extend(imports_of_file(file, package))
    return found


def of_code(roots: Sequence[Path]) -> set[str]:
    """Return what all Python files below some directories import, directly or in turn."""
    found: set[str] = set()
    for root in roots:
        for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            parts = file.relative_to(root).parent.parts if root.is_dir() else ()
            found |= imports_of_file(file, ".".join(parts))
    return reachable(found, roots)


def _own_file(name: str, roots: Sequence[Path]) -> Path | None:
    relative = Path(*name.split("."))
    for root in roots:
        for file in (root / relative / "__init__.py", root / relative.with_suffix(".py")):
            if file.is_file():
                return file
    top = name.partition(".")[0]
    if distributions.is_installed(top):
        return None
    return _importable_file(name)


def _importable_file(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError, TypeError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)
