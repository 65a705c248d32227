"""What is given to ``evaluate`` as data, sorted into features, targets and predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import evolve, frozen
from pegboard.entities import Dataset
from pegboard.errors import InvalidValue, quoted


@frozen(eq=False)
class Given:
    """Data by what it is for. ``inputs`` is a DataFrame; arrays have a value per row."""

    inputs: Any
    described: Any
    """What is logged as the run's input: the data itself, or its description."""
    targets: Any = None
    targets_name: str = ""
    predictions: Any = None
    predictions_name: str = ""
    named: bool = True
    """Whether the columns of ``inputs`` had names of their own."""

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.inputs)


def given(
    data: Any,
    targets: Any = None,
    predictions: Any = None,
    feature_names: Sequence[str] | None = None,
    *,
    static: bool,
) -> Given:
    """Sort data; InvalidValue names what is missing, ragged or there twice.

    Args:
        data: a DataFrame (pandas, polars), an array, a list, or a description of
            ``pegboard.data``.
        targets: a column's name, or the values.
        predictions: a column's name; without a model, the values too.
        feature_names: the columns that the model gets; all others by default.
        static: whether there is no model, so that predictions are in the data.
    """
    described = data
    if isinstance(data, Dataset):
        data, targets, predictions = _of_description(data, targets, predictions)
    if data is None:
        raise InvalidValue("The data argument cannot be None.")
    frame, named = _frame(data, feature_names)
    if frame.empty:
        raise InvalidValue("'data' has no rows, or no columns: there is nothing to evaluate.")
    found = Given(frame, described, named=named)
    found = _with_targets(found, frame, targets)
    if static:
        found = _with_predictions(found, frame, predictions)
    used = {found.targets_name, found.predictions_name} - {""}
    if feature_names is not None and named:
        _present(frame, "feature_names", feature_names)
        return evolve(found, inputs=frame[list(feature_names)])
    return evolve(found, inputs=frame.drop(columns=[name for name in frame if name in used]))


def _of_description(data: Dataset, targets: Any, predictions: Any) -> tuple[Any, Any, Any]:
    """Return the data that a description was made of, and the columns that it names."""
    from pegboard_scripting import data as descriptions

    kept = descriptions.described_data(data)
    if kept is None:
        raise InvalidValue(
            f"The data set {data.name!r} is a description alone: its rows are not here.",
            hint="Pass the DataFrame itself as 'data', or what pegboard.data.from_pandas returned.",
        )
    for name, value in (("targets", targets), ("predictions", predictions)):
        if value is not None and kept.options.get(name) is not None:
            raise InvalidValue(
                f"{name!r} is said twice: by the data set, {kept.options[name]!r:.60}, and by the "
                "argument. Leave out one of them."
            )
    found = kept.options
    return (
        kept.data,
        found.get("targets") if targets is None else targets,
        found.get("predictions") if predictions is None else predictions,
    )


def _frame(data: Any, names: Sequence[str] | None) -> tuple[pd.DataFrame, bool]:
    """Return data as a DataFrame, and whether its columns had names."""
    if hasattr(data, "to_pandas") and not isinstance(data, pd.DataFrame):
        data = data.to_pandas()
    if isinstance(data, pd.DataFrame):
        twice = data.columns[data.columns.duplicated()]
        if len(twice):
            raise InvalidValue(f"'data' has more than one column named {twice[0]!r}.")
        return data.reset_index(drop=True), True
    if isinstance(data, (str, os.PathLike)):
        raise InvalidValue(f"'data' is {quoted(str(data))}: read the file first, with pandas.")
    if isinstance(data, Mapping):
        return _checked_frame(data), True
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], Mapping):
        return _checked_frame(list(data)), True
    try:
        array = data if hasattr(data, "shape") else np.asarray(data)
    except ValueError as error:
        raise InvalidValue(f"'data' is ragged: {error}") from None
    array = array.toarray() if hasattr(array, "toarray") else np.asarray(array)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InvalidValue(f"'data' has the shape {array.shape}; a table has two dimensions.")
    width = array.shape[1]
    if names is not None and len(names) != width:
        raise InvalidValue(f"'feature_names' has {len(names)} names for {width} columns.")
    digits = len(str(width))
    columns = list(names) if names else [f"feature_{i + 1:0{digits}}" for i in range(width)]
    return pd.DataFrame(array, columns=columns), False


def _checked_frame(data: Any) -> pd.DataFrame:
    try:
        return pd.DataFrame(data)
    except ValueError as error:
        raise InvalidValue(f"'data' is ragged: {error}") from None


def _with_targets(found: Given, frame: pd.DataFrame, targets: Any) -> Given:
    if targets is None:
        return found
    if isinstance(targets, str):
        _present(frame, "targets", [targets])
        return evolve(found, targets=frame[targets], targets_name=targets)
    return evolve(found, targets=_column("targets", targets, found.count))


def _with_predictions(found: Given, frame: pd.DataFrame, predictions: Any) -> Given:
    if predictions is None:
        raise InvalidValue(
            "There is neither a model nor a column of predictions.",
            hint="Name a model, or the column of the data that holds its 'predictions'.",
        )
    if isinstance(predictions, str):
        _present(frame, "predictions", [predictions])
        return evolve(found, predictions=frame[predictions], predictions_name=predictions)
    return evolve(found, predictions=_column("predictions", predictions, found.count))


def _column(name: str, values: Any, count: int) -> Any:
    """Return values given beside a table, one per row."""
    if not hasattr(values, "__len__"):
        raise InvalidValue(f"{name!r} is {quoted(values)}: name a column, or give its values.")
    if len(values) != count:
        raise InvalidValue(f"{name!r} has {len(values)} values, and the data {count} rows.")
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if isinstance(values, pd.DataFrame):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    return list(values)


def _present(frame: pd.DataFrame, argument: str, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        shown = ", ".join(repr(name) for name in frame.columns[:20])
        raise InvalidValue(
            f"{argument!r} names {', '.join(map(repr, missing))}, which the data does not have.",
            hint=f"Its columns are: {shown}{', …' if len(frame.columns) > 20 else ''}.",
        )
