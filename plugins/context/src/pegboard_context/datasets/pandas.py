"""pandas DataFrames."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pegboard_context.datasets import common
from pegboard_context.datasets.inference import column_type

if TYPE_CHECKING:
    from pegboard.entities import Dataset

_NEVER_TEXT = frozenset("biufcmM")
"""Kinds of numpy types whose values are not strings."""


def describe(
    df: Any,
    *,
    name: str | None = None,
    source: str | os.PathLike[str] | None = None,
    targets: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> Dataset:
    """Describe a DataFrame; ``targets`` and ``predictions`` name columns of it."""
    common.check_column("targets", targets, df.columns)
    common.check_column("predictions", predictions, df.columns)
    return common.dataset(
        name=name,
        digest=digest or compute_digest(df),
        source=common.source_of(source),
        schema=schema(df),
        profile={"num_rows": len(df), "num_elements": int(df.size)},
    )


def compute_digest(df: Any) -> str:
    """Return the digest that MLflow computes.

    It covers the names of all columns, the number of rows, and in the first 10,000 rows the index
    and the columns of numbers or text. Other columns, and later rows, do not change it.
    """
    import numpy as np
    import pandas as pd

    head = df.head(common.SAMPLED_ROWS)
    text = head.columns[[_is_text(head.iloc[:, i]) for i in range(head.shape[1])]]
    chosen = text.union(head.select_dtypes(include=[np.number]).columns)
    rows = pd.util.hash_pandas_object(head[chosen]).to_numpy()
    names = [str(column).encode() for column in df.columns]
    return common.md5_digest([rows, np.int64(len(df)), *names])


def _is_text(column: Any) -> bool:
    if len(column) and column.dtype.kind in _NEVER_TEXT:
        return False
    return all(type(value) is str for value in column)


def schema(df: Any) -> dict[str, Any] | None:
    """Return the columns with MLflow's types; None if there are none, or two of one name."""
    if not len(df.columns) or not df.columns.is_unique:
        return None
    return {
        "mlflow_colspec": [
            {
                **column_type(df[column]),
                "name": column,
                "required": not bool(df[column].isna().any()),
            }
            for column in df.columns
        ]
    }
