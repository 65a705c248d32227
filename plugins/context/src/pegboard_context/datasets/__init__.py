"""The kinds of data that can be logged as a run's input.

Nothing here imports the library behind a kind before data of that kind is described.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import DatasetType

if TYPE_CHECKING:
    from pegboard.entities import Dataset


def types() -> Sequence[DatasetType]:
    """Return all kinds."""
    return [
        DatasetType("pandas", _is_pandas, _pandas, "A pandas DataFrame"),
        DatasetType("polars", _is_polars, _polars, "A polars DataFrame"),
        DatasetType("numpy", _is_numpy, _numpy, "A numpy array, or a dict of arrays by name"),
        DatasetType("huggingface", _is_huggingface, _huggingface, "A Hugging Face dataset"),
        DatasetType("file", _is_file, _file, "A file, or a directory with all below"),
    ]


def _is_a(value: Any, library: str, *names: str) -> bool:
    """Whether a value's class, or one it derives from, has one of these names in a library."""
    return any(
        kind.__name__ in names and kind.__module__.partition(".")[0] == library
        for kind in type(value).__mro__
    )


def _is_pandas(value: Any) -> bool:
    return _is_a(value, "pandas", "DataFrame")


def _is_polars(value: Any) -> bool:
    return _is_a(value, "polars", "DataFrame")


def _is_numpy(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(_is_a(array, "numpy", "ndarray") for array in value.values())
    return _is_a(value, "numpy", "ndarray")


def _is_huggingface(value: Any) -> bool:
    # Those that cannot be described are accepted too: their error says what to do.
    return _is_a(
        value, "datasets", "Dataset", "IterableDataset", "DatasetDict", "IterableDatasetDict"
    )


def _is_file(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value and Path(value).exists()
    return isinstance(value, os.PathLike)


def _pandas(df: Any, **keywords: Any) -> Dataset:
    from pegboard_context.datasets import pandas

    return pandas.describe(df, **keywords)


def _polars(df: Any, **keywords: Any) -> Dataset:
    from pegboard_context.datasets import polars

    return polars.describe(df, **keywords)


def _numpy(features: Any, **keywords: Any) -> Dataset:
    from pegboard_context.datasets import numpy

    return numpy.describe(features, **keywords)


def _huggingface(ds: Any, **keywords: Any) -> Dataset:
    from pegboard_context.datasets import huggingface

    return huggingface.describe(ds, **keywords)


def _file(path: Any, **keywords: Any) -> Dataset:
    from pegboard_context.datasets import files

    return files.describe(path, **keywords)
