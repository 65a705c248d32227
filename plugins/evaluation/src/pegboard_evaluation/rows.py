"""What is kept of the rows of an evaluation, so that another can be compared with it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from attrs import define, field
from pegboard.contracts.evaluation import EvaluationTable
from pegboard.errors import InvalidValue

from pegboard_evaluation.files import plain

MOST = 10_000
"""Tables with more rows are not kept, unless ``keep_rows`` says so."""

_FEW = 20
"""A column with no more different values than this is one to group by."""


@define
class Rows:
    """Rows by id, in their order, and what is known of each."""

    ids: list[str]
    kind: str = ""
    targets: list[Any] | None = None
    outputs: list[Any] | None = None
    groups: dict[str, list[Any]] = field(factory=dict)
    """Columns with few different values."""
    scores: dict[str, list[Any]] = field(factory=dict)
    """By metric; None for rows without a score."""

    def text(self) -> str:
        """Return the rows as JSON."""
        parts = {name: getattr(self, name) for name in self.__slots__ if name[0] != "_"}
        return json.dumps(parts, default=_shown)

    @classmethod
    def read(cls, text: str) -> Rows:
        """Return rows of JSON; InvalidValue if it is something else."""
        try:
            found = json.loads(text)
            rows = cls(**found)
        except (TypeError, ValueError) as error:
            raise InvalidValue(
                f"This is not what an evaluation keeps of its rows: {error}"
            ) from None
        columns = [rows.targets, rows.outputs, *rows.groups.values(), *rows.scores.values()]
        if any(column is not None and len(column) != len(rows.ids) for column in columns):
            raise InvalidValue("This is not what an evaluation keeps of its rows: it is ragged.")
        return rows


def _shown(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return str(value)


def kept(table: EvaluationTable, scores: Mapping[str, list[Any]]) -> Rows:
    """Return what is kept of a table and its scores."""
    return Rows(
        ids_of(table),
        table.kind,
        _list(table.targets),
        _list(table.outputs),
        _groups(table),
        dict(scores),
    )


def _list(values: Any) -> list[Any] | None:
    if values is None:
        return None
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _groups(table: EvaluationTable) -> dict[str, list[Any]]:
    columns = dict(table.columns)
    if isinstance(table.inputs, pd.DataFrame):
        columns = {**{str(name): column for name, column in table.inputs.items()}, **columns}
    found = {}
    for name, column in columns.items():
        values = _list(column) or []
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
    digests = _digests(table)
    seen: Counter[str] = Counter()
    found = []
    for digest in digests:
        found.append(f"{digest}-{seen[digest]}" if seen[digest] else digest)
        seen[digest] += 1
    return found


def _digests(table: EvaluationTable) -> list[str]:
    frame = pd.DataFrame(table.inputs).reset_index(drop=True)
    if table.targets is not None:
        frame = frame.assign(**{"\x00target": pd.Series(_list(table.targets), dtype=object)})
    try:
        hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except TypeError:
        texts = (json.dumps(row, default=str, sort_keys=True) for row in frame.to_numpy().tolist())
        return [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    return [f"{value:016x}" for value in np.asarray(hashed, dtype=np.uint64).tolist()]
