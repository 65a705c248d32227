"""The files of a model's directory: what they are called, and where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pegboard import paths, uris
from pegboard.errors import InvalidValue, NotFound, quoted

FILE_NAME = "MLmodel"

PYTHON_FUNCTION = "python_function"
"""The flavor that every model has that can be loaded without knowing its library."""


def part(directory: Path, relative: Any, key: str) -> Path:
    """Return a file or directory of a model that its ``MLmodel`` names under ``key``.

    InvalidValue if it is not below the model's directory; NotFound if it is not there.
    """
    if not isinstance(relative, str):
        raise InvalidValue(
            f"{directory / FILE_NAME} is damaged: {key!r} is {quoted(relative)}, not a path."
        )
    target = paths.below(directory, relative)
    if not target.exists():
        raise InvalidValue(
            f"The model in {directory} is incomplete: {relative!r}, its {key!r}, is not there.",
            hint="Download or log the model again.",
        )
    return target


def local_copy(uri: str | os.PathLike[str], dst_path: str | os.PathLike[str] | None = None) -> Path:
    """Return the directory of a model on this machine.

    ``uri`` is a path or any URI that ``pegboard.Client.named_files`` knows: ``runs:/RUN/NAME``,
    ``models:/NAME/3``, ``models:/NAME@ALIAS``, ``models:/m-…``, ``file:`` and so on. Files
    that are on this machine are not copied, unless to ``dst_path``.
    """
    directory = _place_of(str(uri)) if dst_path is None else None
    if directory is None:
        from pegboard_scripting import artifacts

        directory = Path(artifacts.download_artifacts(str(uri), dst_path=dst_path))
    if not directory.is_dir():
        raise InvalidValue(
            f"{quoted(str(uri))} is a file, not the directory of a model.",
            hint=f"Name the directory that holds the file {FILE_NAME!r}.",
        )
    return directory


def _place_of(uri: str) -> Path | None:
    """Return what a plain path or a ``file:`` URI names; None for other URIs.

    It is found without an artifact store, which takes longer to import than a model to load.
    """
    parsed = uris.parse(uri)
    if parsed.scheme == uris.PLAIN_PATH:
        given = Path(uri).absolute()
        parent, name = Path(os.path.abspath(given.parent)), given.name  # noqa: PTH100 (keeps links)
    elif parsed.scheme == "file":
        parent, name = parsed.local_path().parent, Path(parsed.path).name
    else:
        return None
    place = paths.below(parent, name)
    if not place.exists():
        raise NotFound(f"There is no artifact {name!r} in {parent}.")
    return place
