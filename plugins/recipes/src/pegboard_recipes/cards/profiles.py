"""What the columns of tables hold: counts, ranges, quantiles, frequent values, of any type.

Tables are sampled where they are large; a profile says of how many rows it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

MOST_ROWS = 50_000
"""Rows that a profile is made of; of larger tables that many are drawn."""

_MOST_COLUMNS = 200
_FREQUENT = 5
_BINS = 20
_LONGEST = 80
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def of(frames: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile of tables, by column, side by side; plain values of JSON."""
    drawn = {title: _drawn(frame) for title, frame in frames.items()}
    names = list(dict.fromkeys(name for frame in drawn.values() for name in frame.columns))
    columns = []
    for name in names[:_MOST_COLUMNS]:
        edges = _edges([frame[name] for frame in drawn.values() if name in frame.columns])
        parts = {
            title: _column(frame[name], edges)
            for title, frame in drawn.items()
            if name in frame.columns
        }
        columns.append({"name": str(name), "parts": parts})
    rows = {
        title: {"rows": int(frame.attrs.get("rows", len(frame))), "drawn": len(drawn[title])}
        for title, frame in frames.items()
    }
    return {"tables": rows, "columns": columns, "left_out": max(0, len(names) - _MOST_COLUMNS)}


def _drawn(frame: Any) -> Any:
    unique = frame.loc[:, ~frame.columns.duplicated()]
    return unique if len(unique) <= MOST_ROWS else unique.sample(MOST_ROWS, random_state=0)


def sample(file: Path) -> Any:
    """Return rows of a Parquet file, all or as many as a profile needs, read in pieces."""
    from pegboard_recipes import tables

    arrow = tables.arrow()
    source = arrow.parquet.ParquetFile(file)
    try:
        count = source.metadata.num_rows
        if count <= MOST_ROWS:
            frame = source.read().to_pandas()
        else:
            step = -(-count // MOST_ROWS)
            pieces, passed = [], 0
            for batch in source.iter_batches(batch_size=100_000):
                first = -passed % step
                pieces.append(batch.take(arrow.array(range(first, len(batch), step))))
                passed += len(batch)
            frame = arrow.Table.from_batches(pieces).to_pandas()
    finally:
        source.close()
    frame.attrs["rows"] = count
    return frame


def _edges(columns: list[Any]) -> Any:
    """Return the edges of the bins that the numbers of columns are counted in; None if none."""
    found = [_numbers(column) for column in columns]
    finite = [each[np.isfinite(each)] for each in found if each is not None]
    finite = [each for each in finite if len(each)]
    if not finite or len(finite) < len([each for each in found if each is not None and len(each)]):
        return None
    low, high = min(each.min() for each in finite), max(each.max() for each in finite)
    return np.linspace(low, high, _BINS + 1) if high > low else None


def _numbers(column: Any) -> Any:
    """Return a column as numbers; None if it does not hold any."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        return None
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(
        column.dtype
    ):
        return column.dropna().to_numpy(dtype=float)
    return None


def _column(column: Any, edges: Any) -> dict[str, Any]:
    import pandas as pd

    missing = int(column.isna().sum())
    found: dict[str, Any] = {
        "type": str(column.dtype),
        "count": len(column),
        "missing": missing,
    }
    numbers = _numbers(column)
    if numbers is not None:
        found["zeros"] = int((numbers == 0).sum())
        finite = numbers[np.isfinite(numbers)]
        found["infinite"] = len(numbers) - len(finite)
        if len(finite):
            found["mean"], found["deviation"] = float(finite.mean()), float(finite.std())
            found["quantiles"] = [float(each) for each in np.quantile(finite, _QUANTILES)]
            if edges is not None:
                found["counts"] = np.histogram(finite, edges)[0].tolist()
                found["edges"] = [float(each) for each in edges]
        return found
    if pd.api.types.is_datetime64_any_dtype(column.dtype) and missing < len(column):
        known = column.dropna()
        found["earliest"], found["latest"] = str(known.min()), str(known.max())
    known = column.dropna()
    if pd.api.types.infer_dtype(known) != "string":
        known = known.map(_text)
    counts = known.value_counts()
    found["distinct"] = len(counts)
    found["frequent"] = [[_text(k), int(v)] for k, v in counts.head(_FREQUENT).items()]
    return found


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
