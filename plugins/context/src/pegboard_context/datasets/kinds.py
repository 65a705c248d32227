"""What kind of data an object is, known without importing the library behind it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def _is_a(value: Any, library: str, *names: str) -> bool:
    """Whether a value's class, or one it derives from, has one of these names in a library."""
    return any(
        kind.__name__ in names and kind.__module__.partition(".")[0] == library
        for kind in type(value).__mro__
    )


def is_pandas(value: Any) -> bool:
    """Whether a value is a pandas DataFrame."""
    return _is_a(value, "pandas", "DataFrame")


def is_polars(value: Any) -> bool:
    """Whether a value is a polars DataFrame."""
    return _is_a(value, "polars", "DataFrame")


def is_numpy(value: Any) -> bool:
    """Whether a value is a NumPy array, or a dict of arrays."""
    if isinstance(value, dict):
        return bool(value) and all(_is_a(array, "numpy", "ndarray") for array in value.values())
    return _is_a(value, "numpy", "ndarray")


def is_huggingface(value: Any) -> bool:
    """Whether a value is a dataset of the Hugging Face library."""
    # Those that cannot be described are accepted too: their error says what to do.
    return _is_a(
        value, "datasets", "Dataset", "IterableDataset", "DatasetDict", "IterableDatasetDict"
    )


def is_file(value: Any) -> bool:
    """Whether a value is the path of a file or directory."""
    if isinstance(value, str):
        return "\0" not in value and Path(value).exists()
    return isinstance(value, os.PathLike)
