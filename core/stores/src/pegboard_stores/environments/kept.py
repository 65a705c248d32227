"""The environments that are kept: how large they are, whether they are in use, and their end."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from pegboard.errors import translate_os_error

from pegboard_stores.environments import places

_NAME = re.compile(r"[0-9a-f]{32}")


@frozen
class Kept:
    """An environment. ``used`` is when it was last entered, in ms; ``size`` is in bytes.

    ``size`` counts files that it shares with uv's own cache, too.
    """

    name: str
    path: str
    size: int
    used: int
    complete: bool
    in_use: bool


def found(folder: Path) -> list[Kept]:
    """Return the environments that are kept in a directory, the one last used first."""
    try:
        directories = [entry.path for entry in os.scandir(folder) if _is_one(entry)]
    except FileNotFoundError:
        return []
    kept = [each for each in map(_described, map(Path, directories)) if each is not None]
    return sorted(kept, key=lambda each: -each.used)


def _is_one(entry: os.DirEntry[str]) -> bool:
    return bool(_NAME.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _described(place: Path) -> Kept | None:
    """Return what is known of an environment; None if it is gone by now."""
    try:
        complete = places.is_complete(place)
        used = (place / places.COMPLETE if complete else place).stat().st_mtime_ns // 1_000_000
        in_use = _is_in_use(place)
    except FileNotFoundError:
        return None
    return Kept(place.name, str(place), sum(_sizes(place)), used, complete, in_use)


def _is_in_use(place: Path) -> bool:
    if places.is_held(place) or Path(sys.prefix) == place:
        return True
    try:
        with places.locked(place, wait=False):
            return False
    except BlockingIOError:
        return True  # It is being built.


def _sizes(place: Path) -> Iterator[int]:
    for directory, _, files in os.walk(place):
        for name in files:
            try:
                yield os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 (many files)
            except FileNotFoundError:
                continue


def remove(kept: Kept) -> bool:
    """Remove an environment; False if it is in use by now."""
    place = Path(kept.path)
    try:
        with places.locked(place, wait=False):
            if place.exists() and (places.is_held(place) or Path(sys.prefix) == place):
                return False
            # What is only partly removed must not look like the whole.
            (place / places.COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(place)
            places.lock_file(place).unlink()
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    except OSError as error:
        raise translate_os_error(error, place) from error
    return True
