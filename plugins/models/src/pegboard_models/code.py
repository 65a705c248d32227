"""The user's code that is saved with a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue

from pegboard_models import copying
from pegboard_models.model_files import part
from pegboard_models.trusting import require_pickle

DIRECTORY = "code"

_places: list[Path] = []
"""The directories of code of the models that were loaded in this process."""


def copy(code_paths: Sequence[str | os.PathLike[str]], directory: Path) -> str | None:
    """Copy files and directories into a model's directory; return where they are, None if none.

    Each keeps its name, so that it is imported under the same name. Links are refused: they could
    bring in what the user did not mean to share.
    """
    if isinstance(code_paths, (str, os.PathLike)):
        raise InvalidValue("'code_paths' is a list of paths, not one path.")
    if not code_paths:
        return None
    place = directory / DIRECTORY
    place.mkdir()
    for given in code_paths:
        source = Path(given).absolute()
        source = Path(os.path.normpath(source))
        if not source.exists():
            raise InvalidValue(f"The code path {str(given)!r} does not exist.")
        target = place / source.name
        if not source.name or target.exists():
            raise InvalidValue(
                f"The code path {str(given)!r} has the same name as another, or none.",
                hint="Give each a name of its own; the parent directory can hold both.",
            )
        if source.is_dir():
            _refuse_links(source)
        copying.copy(source, target, ignore=("__pycache__", "*.pyc"))
    return DIRECTORY


def _refuse_links(source: Path) -> None:
    root = source.resolve()
    for entry in source.rglob("*"):
        if entry.is_symlink() and root not in entry.resolve().parents:
            raise InvalidValue(
                f"The code path {str(source)!r} holds a link that leads out of it: {entry}.",
                hint="Pass what it points to as a code path of its own.",
            )


# -- loading ---------------------------------------------------------------------------------------


def make_importable(directory: Path, code: Any, trust: Trust) -> None:
    """Let the code that was saved with a model be imported, now and when it predicts.

    Modules of the same names that came with another model are imported anew.
    """
    if not code:
        return
    require_pickle(trust, f"The Python code in {directory}")
    place = part(directory, code, "code")
    if str(place) in sys.path:
        sys.path.remove(str(place))
    sys.path.insert(0, str(place))
    for entry in place.iterdir():
        _forget(entry.name.partition(".")[0], place)
    if place not in _places:
        _places.append(place)


def _forget(name: str, place: Path) -> None:
    """Drop a module that was imported from the code of another model."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or not any(other in Path(file).parents for other in _places if other != place):
        return
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]
