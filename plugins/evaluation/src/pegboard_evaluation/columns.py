"""Arrays from the columns of a table, refused by name where they hold what cannot be measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pegboard.contracts.evaluation import EvaluationTable
from pegboard.errors import InvalidValue, quoted


def present(name: str, values: Any) -> Any:
    """Return a column as an array; InvalidValue names rows in which nothing stands."""
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise InvalidValue(f"{name!r} has the shape {found.shape}, not one value per row.")
    if (gaps := np.flatnonzero(pd.isna(found))).size:
        raise InvalidValue(
            f"{gaps.size} of {len(found)} {name} are missing: rows {_few(gaps)}.",
            hint="Leave these rows out, or fill them in.",
        )
    return found


def numeric(name: str, values: Any) -> Any:
    """Return a column of finite numbers, shape (n,), to be read only.

    It may be the array that was given. InvalidValue names what is no number.
    """
    found = present(name, values)
    try:
        numbers = found.astype(float, copy=False)
    except (TypeError, ValueError):
        wrong = next(value for value in found.tolist() if not _is_numeric(value))
        raise InvalidValue(f"{name!r} holds {quoted(wrong)}, which is not a number.") from None
    if (endless := np.flatnonzero(~np.isfinite(numbers))).size:
        raise InvalidValue(f"{name!r} holds infinite numbers: rows {_few(endless)}.")
    return numbers


def weights_of(table: EvaluationTable) -> Any:
    """Return the weights of rows, shape (n,), or None; InvalidValue if one is less than 0."""
    if table.weights is None:
        return None
    found = numeric("sample_weights", table.weights)
    if (found < 0).any() or not found.any():
        raise InvalidValue("'sample_weights' are numbers of 0 and more, not all of them 0.")
    return found


def frame_of(table: EvaluationTable) -> pd.DataFrame:
    """Return all columns of a table that have names: inputs, and what else there is of each row."""
    inputs = table.inputs
    frame = inputs if isinstance(inputs, pd.DataFrame) else pd.DataFrame(index=range(table.count))
    extra = {name: list(column) for name, column in table.columns.items() if name not in frame}
    return frame.reset_index(drop=True).assign(**extra)


def _is_numeric(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _few(rows: Any) -> str:
    shown = ", ".join(str(row) for row in rows[:5])
    return f"{shown}, …" if len(rows) > 5 else shown
