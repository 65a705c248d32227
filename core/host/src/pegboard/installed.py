"""The entry points of installed distributions, read from their folders.

Every command waits for them. importlib-metadata takes 60 ms for 200 distributions, this takes 7:
so nothing is kept that could be out of date. It reads archives, and what no folder's name tells.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from pegboard.targets import resolve


class EntryPoint(NamedTuple):
    """What a distribution names in a group: ``value`` is a target."""

    name: str
    value: str
    dist: Any
    """The folder of the distribution's metadata; importlib-metadata's object, if in an archive."""

    def load(self) -> Any:
        """Import what it names, and return that."""
        return resolve(self.value.partition("[")[0].replace(" ", ""))


def entry_points(group: str) -> list[EntryPoint]:
    """Return what is installed in a group, sorted by name, then by place on the path.

    Of a distribution that is installed twice, the first on the path counts, as it does for imports.
    """
    found: dict[str, list[EntryPoint]] = {}
    for place in dict.fromkeys(each or os.curdir for each in sys.path):
        for name, dist, text in _distributions(place):
            key = name.replace("-", "_").replace(".", "_").lower()
            if key not in found:
                found[key] = list(_listed(text, group, dist)) if group in text else []
    return sorted((point for each in found.values() for point in each), key=lambda point: point[0])


def version(name: str) -> str:
    """Return the version of an installed distribution, from the name of its folder."""
    for place in sys.path:
        for found, dist, _ in _distributions(place or os.curdir):
            if found == name and str(dist).endswith(".dist-info"):
                return str(dist)[: -len(".dist-info")].rpartition("-")[2]
    import importlib_metadata

    return importlib_metadata.version(name)


def _distributions(place: str) -> Iterator[tuple[str, Any, str]]:
    """Yield what is installed at a place of the path: name, metadata, text of the entry points."""
    if not os.path.isdir(place) or place.endswith(".egg"):  # noqa: PTH112
        if os.path.exists(place):  # noqa: PTH110
            from importlib_metadata import distributions

            for other in distributions(path=[place]):
                yield other.name, other, other.read_text("entry_points.txt") or ""
        return
    names = os.listdir(place) if os.access(place, os.R_OK) else ()  # noqa: PTH208 (pathlib is slow)
    for name in sorted(names):
        if name.endswith((".dist-info", ".egg-info")):
            folder, text = f"{place}/{name}", b""
            if os.access(f"{folder}/entry_points.txt", os.R_OK):
                with suppress(OSError), open(f"{folder}/entry_points.txt", "rb") as file:  # noqa: PTH123
                    text = file.read()
            yield name.rpartition(".")[0].partition("-")[0], folder, text.decode("utf-8", "replace")


def _listed(text: str, group: str, dist: Any) -> Iterator[EntryPoint]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        name, equals, value = map(str.strip, line.partition("="))
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == group and equals and not line.startswith("#"):
            yield EntryPoint(name, value, dist)
