"""New recipes: a directory with all that is needed to run, and data of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pegboard.errors import AlreadyExists

_NEW_ROWS = 20
_NAME = "{name}"


def begin(directory: Path, template: str) -> Path:
    """Make a recipe in a directory that is empty or not there; AlreadyExists if it holds files."""
    place = directory.resolve()
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        raise AlreadyExists(
            f"{directory} is there already, and not empty.", hint="Name a new directory."
        )
    source = resources.files("pegboard_recipes") / "templates" / template
    _copy(source, place, place.name)
    (place / "data").mkdir(exist_ok=True)
    _DATA[template](place / "data")
    return place


def _copy(source: Traversable, place: Path, name: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for item in source.iterdir():
        if item.is_dir():
            if item.name != "__pycache__":
                _copy(item, place / item.name, name)
        elif item.name.endswith((".py", ".yaml")):
            text = item.read_text(encoding="utf-8").replace(_NAME, name)
            (place / item.name).write_text(text, encoding="utf-8")


def _diabetes(place: Path) -> None:
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    _write(frame.rename(columns={"target": "progression"}), "progression", place / "diabetes.csv")


def _cells(place: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    frame = found.frame.rename(columns={"target": "diagnosis"})
    frame.columns = [name.replace(" ", "_") for name in frame.columns]
    frame["diagnosis"] = frame["diagnosis"].map(dict(enumerate(found.target_names)))
    _write(frame, "diagnosis", place / "cells.csv")


def _write(frame: Any, target: str, file: Path) -> None:
    """Write rows to learn from, and the first of them without their target, to predict."""
    frame.to_csv(file, index=False)
    new = frame.drop(columns=[target]).head(_NEW_ROWS)
    new.to_csv(file.with_name("new.csv"), index=False)


_DATA: Mapping[str, Callable[[Path], None]] = {"regression": _diabetes, "classification": _cells}
