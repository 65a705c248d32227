"""polars DataFrames."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pegboard_context.datasets import common
from pegboard_context.datasets.inference import ANY, Type

if TYPE_CHECKING:
    from pegboard.entities import Dataset

_TYPES = {
    "Binary": "binary",
    "Boolean": "boolean",
    "Categorical": "string",
    "Date": "datetime",
    "Datetime": "datetime",
    "Enum": "string",
    "Float32": "float",
    "Float64": "double",
    "Int8": "integer",
    "Int16": "integer",
    "Int32": "integer",
    "Int64": "long",
    "String": "string",
    "UInt8": "integer",
    "UInt16": "integer",
    "UInt32": "long",
}
_DIGEST_VALUES = 1_000_000
"""How many values a digest looks at, so that a wide frame takes no longer than a narrow one."""


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
        profile={"num_rows": df.height, "num_elements": df.height * df.width},
    )


def compute_digest(df: Any) -> str:
    """Return a digest of the columns' names, the number of rows, and the values of the first ones.

    Looked at are 10,000 rows, or fewer of more than 100 columns. Unlike the row hashes of polars,
    which MLflow uses, it is the same with every version of polars.
    """
    rows = min(common.SAMPLED_ROWS, max(1, _DIGEST_VALUES // max(df.width, 1)))
    head = df.head(rows)
    values = (repr(head[column].to_list()).encode() for column in df.columns)
    return common.md5_digest([repr((df.columns, df.height)).encode(), *values])


def schema(df: Any) -> dict[str, Any] | None:
    """Return the columns with MLflow's types; None if there are none."""
    if not df.columns:
        return None
    return {
        "mlflow_colspec": [
            {
                **_type(df[column].dtype),
                "name": column,
                "required": df[column].null_count() == 0,
            }
            for column in df.columns
        ]
    }


def _type(dtype: Any) -> Type:
    kind = type(dtype).__name__
    if kind in ("List", "Array"):
        return {"type": "array", "items": _type(dtype.inner)}
    if kind == "Struct" and dtype.fields:
        fields = sorted(dtype.fields, key=lambda field: field.name)
        properties = {field.name: {**_type(field.dtype), "required": True} for field in fields}
        return {"type": "object", "properties": properties}
    return {"type": _TYPES[kind]} if kind in _TYPES else ANY
