"""Models as they are given to ``evaluate``, and what they predict, in pieces of bounded size."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from attrs import define, field, frozen
from pegboard import host as hosts
from pegboard.contracts.llm import LLMError
from pegboard.errors import InvalidValue, quoted

_LOG = logging.getLogger("pegboard")

PIECE = 100_000
"""Rows that a model gets at once."""

_ENDPOINT = "endpoints:/"
_WORKERS = 8
"""Rows that an endpoint is asked about at once."""


@frozen(eq=False)
class Predictor:
    """A model: how it predicts, and what it is."""

    predict: Callable[[pd.DataFrame], Any]
    likely: Callable[[pd.DataFrame], Any] | None = None
    """Returns probabilities, shape (n, k)."""
    classes: Any = None
    """What their columns stand for."""
    native: Any = None
    """The library's own model."""
    model_id: str | None = None


@define
class Predicted:
    """What a model gave for all rows."""

    outputs: Any
    columns: dict[str, Any] = field(factory=dict)
    """What it gave beside its outputs, and ``latency`` if that was taken."""
    probabilities: Any = None
    output_name: str = ""


def predictor(
    model: Any,
    *,
    model_config: Mapping[str, Any] | None = None,
    inference_params: Mapping[str, Any] | None = None,
    env_manager: str = "local",
) -> Predictor:
    """Return how a model predicts.

    Args:
        model: a URI, ``endpoints:/NAME`` or ``gateway:/NAME``, a loaded model, a model of
            scikit-learn, or a function of a DataFrame.
        model_config: for loading a URI.
        inference_params: for endpoints, such as ``{"max_tokens": 100}``.
        env_manager: only ``local``.

    Raises:
        InvalidValue: it is something else, or arguments do not fit to it.
    """
    if env_manager != "local":
        raise InvalidValue(
            f"env_manager is {env_manager!r}; here a model is evaluated in this process ('local').",
            hint="'pegboard models predict' predicts in an environment of its own; evaluate its "
            "table of predictions.",
        )
    if isinstance(model, str) and model.startswith((_ENDPOINT, "gateway:/")):
        return _endpoint(model, inference_params or {})
    if inference_params is not None:
        raise InvalidValue("inference_params are for endpoints: endpoints:/NAME.")
    if isinstance(model, str):
        pyfunc = hosts.current().api_name("pyfunc")
        given = {"model_config": dict(model_config)} if model_config else {}
        return _loaded(pyfunc.load_model(model, **given))
    if model_config:
        raise InvalidValue("model_config is for models named by a URI.")
    if hasattr(model, "get_raw_model") and hasattr(model, "predict"):
        return _loaded(model)
    if hasattr(model, "predict"):
        return _native(model, model)
    if callable(model):
        return Predictor(model)
    raise InvalidValue(
        f"{quoted(model)} is not a model.",
        hint="A model is a URI (models:/NAME@ALIAS, runs:/ID/PATH, endpoints:/NAME), what "
        "pyfunc.load_model returns, a model of scikit-learn, or a function of a DataFrame.",
    )


def _loaded(model: Any) -> Predictor:
    raw = model.get_raw_model()
    model_id = getattr(model, "model_id", None)
    loader = getattr(model, "loader_module", None)
    if loader == "mlflow.sklearn" or hasattr(raw, "predict_proba"):
        # The library's own: its probabilities and its score are wanted, and no signature is needed.
        return _native(raw, raw, model_id)
    return Predictor(model.predict, model_id=model_id)


def _native(model: Any, native: Any, model_id: str | None = None) -> Predictor:
    def shaped(frame: pd.DataFrame) -> Any:
        names = getattr(model, "feature_names_in_", None)
        if names is None:
            return frame.to_numpy()
        if len(names) == frame.shape[1] and not set(names) <= set(frame.columns):
            return frame.set_axis(list(names), axis=1)
        return frame

    def predict(frame: pd.DataFrame) -> Any:
        return model.predict(shaped(frame))

    proba = getattr(model, "predict_proba", None)
    return Predictor(
        predict,
        None if proba is None else lambda frame: proba(shaped(frame)),
        getattr(model, "classes_", None),
        native,
        model_id,
    )


def _endpoint(uri: str, params: Mapping[str, Any]) -> Predictor:
    def ask(value: Any) -> str:
        llm = hosts.current().api_name("llm")
        if isinstance(value, str):
            return str(llm.complete(uri, value, **params).text)
        if isinstance(value, Mapping) and "messages" in value:
            given = {key: item for key, item in value.items() if key != "messages"}
            return str(llm.complete(uri, value["messages"], **{**params, **given}).text)
        raise InvalidValue(
            f"{uri} was to be asked {quoted(value)}: a text, or a dict with 'messages'."
        )

    def tried(value: Any) -> str | LLMError:
        try:
            return ask(value)
        except LLMError as error:
            return error

    def predict(frame: pd.DataFrame) -> list[str | None]:
        if frame.shape[1] != 1:
            raise InvalidValue(
                f"{uri} is asked by one column; there are {', '.join(map(repr, frame))}.",
                hint="Name it: feature_names=['question'].",
            )
        with ThreadPoolExecutor(_WORKERS) as pool:
            answers = list(pool.map(tried, frame.iloc[:, 0].tolist()))
        failures = [each for each in answers if isinstance(each, LLMError)]
        if len(failures) == len(answers):
            raise failures[0]
        if failures:
            _LOG.warning(
                "%s gave no answer for %d of %d rows; the first time: %s",
                uri,
                len(failures),
                len(answers),
                failures[0].message,
            )
        return [None if isinstance(each, LLMError) else each for each in answers]

    return Predictor(predict)


def pieces(count: int, size: int = PIECE) -> Iterator[slice]:
    """Yield the rows of each piece."""
    for begin in range(0, count, size):
        yield slice(begin, min(begin + size, count))


def predicted(
    model: Predictor, inputs: pd.DataFrame, *, output_name: str = "", one_by_one: bool = False
) -> Iterator[Predicted]:
    """Yield what a model gives for the rows, piece by piece.

    Args:
        model: what predicts.
        inputs: the features.
        output_name: which of several columns of a prediction is the output.
        one_by_one: whether each row is predicted alone, and the time taken.
    """
    for rows in pieces(len(inputs), 1 if one_by_one else PIECE):
        piece = inputs.iloc[rows]
        begun = time.perf_counter()
        # A copy, since what a model does to its input must not reach the next.
        answered = model.predict(piece.copy())
        taken = time.perf_counter() - begun
        found = _sorted_out(answered, output_name, len(piece))
        if one_by_one:
            found.columns["latency"] = [taken]
        if model.likely is not None:
            found.probabilities = np.asarray(model.likely(piece))
        yield found


def joined(parts: Sequence[Predicted]) -> Predicted:
    """Return the pieces as one."""
    if len(parts) == 1:
        return parts[0]
    likely = [part.probabilities for part in parts]
    return Predicted(
        _joined([part.outputs for part in parts]),
        {name: _joined([part.columns[name] for part in parts]) for name in parts[0].columns},
        None if likely[0] is None else np.concatenate(likely),
        parts[0].output_name,
    )


def _joined(columns: Sequence[Any]) -> Any:
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    return [value for column in columns for value in column]


def _sorted_out(answered: Any, output_name: str, count: int) -> Predicted:
    """Return a prediction's output, and its other columns."""
    table: Mapping[str, Any] | None = None
    if isinstance(answered, pd.DataFrame):
        table = {str(name): column.tolist() for name, column in answered.items()}
    elif isinstance(answered, Mapping):
        table = {str(name): _plain(column) for name, column in answered.items()}
    elif isinstance(answered, list) and answered and isinstance(answered[0], Mapping):
        table = {str(name): [row.get(name) for row in answered] for name in answered[0]}
    if table is None:
        outputs, columns, name = _plain(answered), {}, output_name
    else:
        name = output_name if output_name in table else ""
        if not name and len(table) == 1:
            name = next(iter(table))
        if not name:
            raise InvalidValue(
                f"The model predicts several columns: {', '.join(map(repr, table))}.",
                hint="Name the one that is its output: predictions='answer'.",
            )
        outputs = table[name]
        columns = {key: column for key, column in table.items() if key != name}
    if len(outputs) != count:
        raise InvalidValue(f"The model predicted {len(outputs)} values for {count} rows.")
    return Predicted(outputs, columns, output_name=name)


def _plain(column: Any) -> Any:
    """Return predictions as an array or a list, without an index."""
    if isinstance(column, str) or not hasattr(column, "__len__"):
        return [column]
    if isinstance(column, pd.Series):
        return column.to_numpy()
    if isinstance(column, np.ndarray):
        return column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column
    return list(column)
