"""Which installed distribution a module comes from, and at which version."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import machinery, metadata
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def normal(name: str) -> str:
    """Return the name of a distribution in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _by_module() -> Mapping[str, Sequence[metadata.Distribution]]:
    """Return the distributions of each top-level module.

    ``metadata.packages_distributions`` also looks whether each of their files is there, and reads
    all metadata: that takes a good part of a second.
    """
    found: dict[str, list[metadata.Distribution]] = {}
    for each in metadata.distributions():
        for top in _tops(each):
            found.setdefault(top, []).append(each)
    return found


def _tops(distribution: metadata.Distribution) -> set[str]:
    """Return the top-level modules of a distribution, as it declares them or by its files."""
    if declared := (distribution.read_text("top_level.txt") or "").split():
        return set(declared)
    record = distribution.read_text("RECORD")
    if record is None:
        files = [str(file) for file in distribution.files or ()]
    else:
        files = [line.partition(",")[0].strip('"') for line in record.splitlines()]
    suffixes = tuple(machinery.all_suffixes())
    return {file.partition("/")[0].partition(".")[0] for file in files if file.endswith(suffixes)}


def of_modules(modules: Iterable[str]) -> set[str]:
    """Return the distributions that these modules come from, without the standard library."""
    tops = {module.partition(".")[0] for module in modules}
    found: set[str] = set()
    for top in tops:
        if top in sys.stdlib_module_names or not top:
            continue
        found.update(normal(name) for name in _owners(top))
    return found


def is_reader(module: str) -> bool:
    """Whether a module belongs to a reader of models: pegboard, its plugins, or MLflow."""
    top = module.partition(".")[0]
    return top in ("pegboard", "mlflow") or top.startswith("pegboard_")


def _owners(top: str) -> Sequence[str]:
    """Return the distributions of a top-level module: mostly one of the same name."""
    try:
        found = metadata.distribution(top)
    except (metadata.PackageNotFoundError, ValueError):
        found = None
    if found is not None:
        place = Path(str(found.locate_file("")))
        if (place / top).is_dir() or (place / f"{top}.py").is_file():
            return [top]
    return [each.name for each in _by_module().get(top, ())]


def is_installed(module: str) -> bool:
    """Whether a module is part of an installed distribution or of the standard library."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or bool(_owners(top))


@cache
def pinned(name: str) -> str | None:
    """Return ``name==version`` as installed here; None if it is not."""
    try:
        found = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None
    # "+cu121" says how it was built; such a version is not in an index.
    return f"{normal(found.name)}=={found.version.partition('+')[0]}"


def required_by(name: str) -> set[str]:
    """Return what a distribution requires whatever the extras, and what that requires in turn."""
    found: set[str] = set()
    waiting = [normal(name)]
    while waiting:
        for needed in requires(waiting.pop()):
            if needed not in found:
                found.add(needed)
                waiting.append(needed)
    return found


@cache
def requires(name: str) -> Sequence[str]:
    """Return what a distribution requires itself, whatever the extras; nothing if it is missing."""
    try:
        lines = metadata.requires(name) or []
    except (metadata.PackageNotFoundError, ValueError):
        return ()
    names = []
    for line in lines:
        match = NAME.match(line)
        if match and "extra ==" not in line.partition(";")[2]:
            names.append(normal(match[0]))
    return tuple(names)


def pruned(found: Iterable[str], kept: Iterable[str]) -> set[str]:
    """Return distributions without those that others of them require, but for ``kept``."""
    wanted, direct = set(found), set(kept)
    implied = {needed for name in wanted for needed in required_by(name) if needed != name}
    return {name for name in wanted if name in direct or name not in implied}
