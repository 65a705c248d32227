"""The environment of this process: Python, machine and installed packages."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pegboard_context.git import strip_credentials

_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(-py\d[^-]*)?\.(dist|egg)-info")


def requirements() -> str:
    """Return the installed packages as text for ``pip install -r``, one a line, sorted."""
    return _requirements(tuple(sys.path))


@lru_cache(maxsize=1)
def _requirements(paths: tuple[str, ...]) -> str:
    found: dict[str, str] = {}
    for path in paths:
        for name, line in _distributions(Path(path or ".")):
            # If several have one name, the first on the path is the one that is imported.
            found.setdefault(name, line)
    version = ".".join(map(str, sys.version_info[:3]))
    return "\n".join([f"# Python {version}", *(found[name] for name in sorted(found)), ""])


def _distributions(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield (normal name, line) of what is installed in a directory.

    Names of directories say enough; reading the metadata in them would take 100 times as long.
    """
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if entry.name.endswith("-info")]
    except OSError:
        return
    for entry_name in names:
        if found := _DISTRIBUTION.fullmatch(entry_name):
            name = re.sub(r"[-_.]+", "-", found["name"]).lower()
            yield name, _line(name, found["version"], directory / entry_name / "direct_url.json")


def _line(name: str, version: str, direct_url: Path) -> str:
    """Return the requirement of one package; ``direct_url`` is there if it is not from an index."""
    pinned = f"{name}=={version}"
    if not direct_url.exists():
        return pinned
    import json

    try:
        origin = json.loads(direct_url.read_text("utf-8"))
        url = strip_credentials(origin["url"])
        if (origin.get("dir_info") or {}).get("editable"):
            return f"# {pinned} is installed in editable mode from {url}"
        repository = origin.get("vcs_info")
        if repository:
            url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return pinned
    return f"{name} @ {url}"


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """Return facts about Python and the machine; sizes in bytes, None for what is unknown."""
    return {
        "python": {
            "version": ".".join(map(str, sys.version_info[:3])),
            "implementation": sys.implementation.name,
            "executable": sys.executable,
        },
        "platform": _platform(),
        "cpu_count": os.cpu_count(),
        "memory_bytes": _memory(),
        "gpus": _gpus(),
    }


def _platform() -> dict[str, str]:
    if hasattr(os, "uname"):
        # The module ``platform`` takes longer, and at times starts a process.
        system = os.uname()
        return {
            "system": system.sysname,
            "release": system.release,
            "version": system.version,
            "machine": system.machine,
            "hostname": system.nodename,
        }
    import platform

    return {
        "system": platform.system(),
        "release": platform.release(),
        "version": platform.version(),
        "machine": platform.machine(),
        "hostname": platform.node(),
    }


def _memory() -> int | None:
    if hasattr(os, "sysconf"):
        with contextlib.suppress(ValueError, OSError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil

    total: int = psutil.virtual_memory().total
    return total


def _gpus() -> list[dict[str, Any]]:
    from pegboard_context import gpu

    devices = gpu.devices()
    return [] if devices is None else devices.describe()
