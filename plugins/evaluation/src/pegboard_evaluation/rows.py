"""What is kept of the rows of an evaluation, so that another can be compared with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pandas as pd
from pegboard.contracts.evaluation import EvaluationTable
from pegboard_stores.evaluations import Rows
from pegboard_tracing.api import encode

from pegboard_evaluation import resumption
from pegboard_evaluation.files import plain

MOST = 10_000
"""Tables with more rows are not kept, unless ``keep_rows`` says so."""

_MOST_VALUES = 200_000
"""Of tables with more values, only the columns to group by are kept."""

_MOST_TEXT = 10_000
"""Columns that begin with a longer list or dict are not kept."""

_FEW = 20
"""A column with no more different values than this is one to group by."""


def text_of(rows: Rows) -> str:
    """Return rows as JSON."""
    told = attrs.asdict(rows, recurse=False)
    try:
        return json.dumps(told, default=_shown)
    except Exception:
        # Values that refer to themselves, or cannot be shown: as texts, as they are in traces.
        return json.dumps({name: _safe(each) for name, each in told.items()})


def _safe(value: Any) -> Any:
    if isinstance(value, list):
        return [json.loads(encode(each)) for each in value]
    if isinstance(value, dict):
        return {str(name): _safe(each) for name, each in value.items()}
    return json.loads(encode(value))


def _shown(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return str(value)


def kept(table: EvaluationTable, scores: Mapping[str, list[Any]]) -> Rows:
    """Return what is kept of a table and its scores."""
    columns = _columns(table)
    groups = _groups(columns)
    rest = {
        name: values
        for name, values in columns.items()
        if name not in groups and _is_short(values[0])
    }
    return Rows(
        ids_of(table),
        table.kind,
        _list(table.targets),
        _list(table.outputs),
        groups,
        dict(scores),
        rest if len(rest) * table.count <= _MOST_VALUES else {},
    )


def _list(values: Any) -> list[Any] | None:
    if values is None:
        return None
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _is_short(value: Any) -> bool:
    """Whether a value is fit to be read in a cell; arrays and pictures are not."""
    if isinstance(value, (list, dict)):
        return len(str(value)) <= _MOST_TEXT
    return value is None or isinstance(value, (str, float, int, np.generic))


def _columns(table: EvaluationTable) -> dict[str, list[Any]]:
    """Return what went in, column by column."""
    inputs: Any = table.inputs
    found: dict[str, Any] = {}
    if isinstance(inputs, pd.DataFrame):
        found = {str(name): column for name, column in inputs.items()}
    elif isinstance(inputs, list) and all(isinstance(each, Mapping) for each in inputs):
        names = dict.fromkeys(name for each in inputs for name in each)
        if len(names) * table.count <= _MOST_VALUES:
            found = {str(name): [each.get(name) for each in inputs] for name in names}
    return {name: _list(column) or [] for name, column in {**found, **table.columns}.items()}


def _groups(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    found = {}
    for name, values in columns.items():
        try:
            different = len(set(values[: 10 * _FEW]))
            if different <= _FEW and len(set(values)) <= _FEW:
                found[name] = values
        except TypeError:
            continue  # Lists and the like, of which there are no groups.
    return found


def ids_of(table: EvaluationTable) -> list[str]:
    """Return what tells rows apart by their content, whatever their order.

    Rows of the same inputs and target are numbered in the order they come.
    """
    if table.ids is not None:
        return [str(each) for each in table.ids]
    frame = pd.DataFrame(table.inputs).reset_index(drop=True)
    if table.targets is not None:
        frame = frame.assign(**{"\x00target": pd.Series(_list(table.targets), dtype=object)})
    return resumption.numbered(digests(frame))


def digests(frame: pd.DataFrame) -> list[str]:
    """Return what tells apart the contents of rows; the same for the same content."""
    try:
        hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except TypeError:
        texts = (json.dumps(row, default=str, sort_keys=True) for row in frame.to_numpy().tolist())
        return [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    return [f"{value:016x}" for value in np.asarray(hashed, dtype=np.uint64).tolist()]
