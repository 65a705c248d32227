"""Files of an evaluation: tables, and what functions of the user make."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pegboard.contracts.evaluation import Artifact
from pegboard.errors import InvalidValue, quoted

from pegboard_evaluation.custom import Columns

COPIED = (".png", ".jpg", ".jpeg", ".json", ".npy", ".csv", ".parquet", ".txt", ".html")
"""Suffixes of files that are taken as they are."""


def table(name: str, rows: Sequence[Mapping[str, Any]], directory: Path) -> Artifact:
    """Write rows as a table of comma-separated values."""
    file = directory / f"{name}.csv"
    pd.DataFrame(list(rows)).to_csv(file, index=False)
    return Artifact(name=file.name, path=file)


def made_by(
    functions: Sequence[Callable[..., Any]], columns: Columns, directory: Path, *, prefix: str = ""
) -> Iterator[Artifact]:
    """Yield the files of functions of the user.

    Each gets a frame (``prediction`` and ``target``), the results of all metrics, and a directory
    to write in. It returns a dict from names to what is to be kept.
    """
    for function in functions or ():
        name = getattr(function, "__name__", repr(function))
        with tempfile.TemporaryDirectory() as place:
            try:
                found = _checked(function(columns.frame(), dict(columns.results), place))
            except Exception as error:
                why = f"custom_artifacts: {name} failed: {type(error).__name__}: {error}"
                yield Artifact(name=f"{prefix}{name}", path=None, skipped=why)
                continue
            for key, value in found.items():
                yield _kept(f"{prefix}{key}", value, directory)


def _checked(found: Any) -> Mapping[str, Any]:
    if isinstance(found, Mapping) and all(isinstance(key, str) for key in found):
        return found
    raise TypeError(f"it returned {quoted(found)}, not a dict from names to files")


def _kept(name: str, value: Any, directory: Path) -> Artifact:
    """Write one thing; what cannot be written is said."""
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        return Artifact(name=name, path=None, skipped=f"{quoted(name)} cannot be a file's name.")
    try:
        file = _written(name, value, directory)
    except (InvalidValue, OSError, TypeError, ValueError) as error:
        return Artifact(name=name, path=None, skipped=f"It could not be written: {error}")
    return Artifact(name=file.name, path=file)


def _written(name: str, value: Any, directory: Path) -> Path:
    source = _file_of(value)
    if source is not None:
        if source.suffix not in COPIED:
            raise InvalidValue(f"{source.name}: the suffixes that are kept: {', '.join(COPIED)}.")
        return Path(shutil.copy2(source, directory / f"{name}{source.suffix}"))
    file = directory / name
    if isinstance(value, pd.DataFrame):
        file = directory / f"{name}.csv"
        value.to_csv(file, index=False)
    elif isinstance(value, np.ndarray):
        file = directory / f"{name}.npy"
        np.save(file, value, allow_pickle=False)
    elif hasattr(value, "savefig"):
        file = directory / f"{name}.png"
        value.savefig(file)
    else:
        file = directory / f"{name}.json"
        file.write_text(_json(value), encoding="utf-8")
    return file


def _file_of(value: Any) -> Path | None:
    """Return the file that a value names; None if it names none."""
    if not isinstance(value, (str, Path)):
        return None
    try:
        if Path(value).is_file():
            return Path(value)
    except (OSError, ValueError):
        pass  # A long text is no path.
    if isinstance(value, Path):
        raise InvalidValue(f"There is no file {value}.")
    return None


def _json(value: Any) -> str:
    if isinstance(value, str):
        json.loads(value)  # ValueError if it is neither a file's name nor JSON.
        return value
    return json.dumps(value, default=plain)


def plain(value: Any) -> Any:
    """Return what JSON knows in place of a value; TypeError if there is nothing."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no value of JSON, and nothing is pickled")
