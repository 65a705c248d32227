"""Predictions of a pipeline from texts, tables of texts, and dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.errors import InvalidValue

_TEXT_OF = {
    "summarization": "summary_text",
    "text-generation": "generated_text",
    "text2text-generation": "generated_text",
    "translation": "translation_text",
}
"""By task: the field of the output that is the prediction."""

_BY_NAME = ("question-answering", "zero-shot-classification")
"""Tasks whose inputs are several named things in a row."""

_BY_RECORD = ("text-classification", "table-question-answering")
"""Tasks that take a dict for a row."""


class PipelinePredictor:
    """Runs a pipeline on many rows at once; one prediction for each.

    ``data`` is a text, a list or array of texts, a DataFrame of one text column, or, for tasks
    with several inputs in a row, a DataFrame or list of dicts with a column for each. Labels with
    scores come as a DataFrame, texts as a list.
    """

    def __init__(self, pipeline: Any, model_config: Mapping[str, Any]) -> None:
        self.pipeline = pipeline
        self._config = dict(model_config)
        self._task = str(pipeline.task)

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the predictions for ``data``; ``params`` are arguments of the pipeline."""
        rows = _rows(data)
        if not rows:
            return []
        from transformers.pipelines import PipelineException

        args, kwargs = self._arguments(rows)
        try:
            output = self.pipeline(*args, **kwargs, **{**self._config, **params})
        except (PipelineException, ValueError, TypeError, KeyError, IndexError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InvalidValue(f"The pipeline does not take these inputs: {reason}") from error
        return self._result(_per_row(output, len(rows)))

    def _arguments(self, rows: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        records = isinstance(rows[0], Mapping)
        if self._task == "zero-shot-classification" and records:
            labels = rows[0].get("candidate_labels")
            sequences = [row.get("sequences", row.get("sequence")) for row in rows]
            return (sequences,), {"candidate_labels": labels}
        if self._task in _BY_NAME and records:
            return (), {name: [row[name] for row in rows] for name in rows[0]}
        if records and self._task not in _BY_RECORD:
            rows = [next(iter(row.values())) for row in rows]
        if self._task in ("text-generation", "text2text-generation", "fill-mask"):
            _require_texts(rows)
        return (rows,), {}

    def _result(self, rows: list[Any]) -> Any:
        import pandas as pd

        if self._task in ("text-classification", "audio-classification", "image-classification"):
            return pd.DataFrame(rows) if isinstance(rows[0], Mapping) else rows
        if self._task == "zero-shot-classification":
            return pd.DataFrame(
                {"sequence": row["sequence"], "labels": label, "scores": score}
                for row in rows
                for label, score in zip(row["labels"], row["scores"], strict=True)
            )
        if self._task == "fill-mask":
            return [_best_tokens(row) for row in rows]
        if self._task == "token-classification":
            return [
                ",".join(map(_entity, [row] if isinstance(row, Mapping) else row)) for row in rows
            ]
        if self._task == "feature-extraction":
            return [_vectors(row) for row in rows]
        if self._task.endswith("question-answering"):
            return [row["answer"] if isinstance(row, Mapping) else row for row in rows]
        field = _TEXT_OF.get("translation" if "translation" in self._task else self._task)
        return [_text(row, field) for row in rows] if field else rows


def _rows(data: Any) -> list[Any]:
    """Return data as a list of what the pipeline takes for a row: texts or dicts."""
    if isinstance(data, (str, bytes)):
        return [data]
    if isinstance(data, Mapping):
        values = list(data.values())
        if values and all(_is_column(value) for value in values):
            return [dict(zip(data, row, strict=True)) for row in zip(*values, strict=True)]
        return [dict(data)]
    if hasattr(data, "columns"):
        if len(data.columns) == 1:
            return list(data.iloc[:, 0])
        records: list[Any] = data.to_dict(orient="records")
        return records
    return list(data.ravel()) if hasattr(data, "ravel") else list(data)


def _is_column(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _require_texts(rows: list[Any]) -> None:
    wrong = next((row for row in rows if not isinstance(row, (str, list))), None)
    if wrong is not None:
        raise InvalidValue(f"The model takes texts; {type(wrong).__name__} was given.")


def _per_row(output: Any, count: int) -> list[Any]:
    """Return a pipeline's output as a list with an item per row: for one row it leaves it out."""
    if count == 1 and (not isinstance(output, list) or len(output) != 1):
        return [output]
    return list(output)


def _text(row: Any, field: str) -> Any:
    first = row[0] if isinstance(row, list) else row
    return first.get(field, first) if isinstance(first, Mapping) else first


def _best_tokens(row: Any) -> Any:
    """Return the likeliest token for a text's mask; a list of them if it has several masks."""
    if isinstance(row, Mapping):
        return row["token_str"]
    if isinstance(row[0], Mapping):
        return row[0]["token_str"]
    return [mask[0]["token_str"] for mask in row]


def _entity(item: Mapping[str, Any]) -> str:
    return str(item.get("entity_group", item.get("entity")))


def _vectors(row: Any) -> Any:
    """Return a text's vectors as an array, a row per token."""
    import numpy as np

    vectors = np.asarray(row)
    return vectors[0] if vectors.ndim == 3 and len(vectors) == 1 else vectors
