"""Custom models: a class with ``predict``, or a function."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pegboard.contracts.models import Predictor

from pegboard_models import hints, kinds


class PythonModelContext:
    """What a custom model finds where it is loaded.

    ``artifacts`` maps the names given when it was logged to paths; ``model_config`` is the
    configuration, with what the loader replaced in it.
    """

    def __init__(
        self, artifacts: Mapping[str, str], model_config: Mapping[str, Any] | None
    ) -> None:
        self.artifacts = dict(artifacts)
        self.model_config = None if model_config is None else dict(model_config)


class PythonModel:
    """The base of custom models. ``predict`` may leave out ``context``, ``params`` or both."""

    def load_context(self, context: PythonModelContext) -> None:
        """Prepare for predictions; called once, after loading."""

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Return the predictions for the input."""
        raise NotImplementedError(f"{type(self).__name__} has no predict.")

    def predict_stream(
        self, context: Any, model_input: Any, params: dict[str, Any] | None = None
    ) -> Iterator[Any]:
        """Yield the parts of a prediction one by one."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_stream.")

    @property
    def predict_type_hints(self) -> hints.TypeHints:
        """The type hints of the input and output of ``predict``."""
        return hints.of_predict(self.predict)


class FunctionModel(PythonModel):
    """A function as a model."""

    def __init__(self, func: Callable[..., Any], signature: Any = None) -> None:
        self.func = func
        self.signature = signature

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # type: ignore[override]
        """Return what the function returns."""
        if "params" in inspect.signature(self.func).parameters:
            return self.func(model_input, params=params)
        return self.func(model_input)

    @property
    def predict_type_hints(self) -> hints.TypeHints:
        """The type hints of the function's input and output."""
        return hints.of_predict(self.func)


def calling(function: Callable[..., Any]) -> Predictor:
    """Return a predictor that calls a function, with params if it takes them."""
    parameter = inspect.signature(function).parameters.get("params")
    takes_params = parameter is not None and parameter.kind is not parameter.VAR_KEYWORD

    def predict(data: Any, params: Mapping[str, Any]) -> Any:
        return function(data, params=dict(params)) if takes_params else function(data)

    return predict


class BoundModel:
    """A custom model together with its context: what is loaded, and what predicts."""

    def __init__(self, python_model: Any, context: PythonModelContext) -> None:
        self.python_model = python_model
        self.context = context
        self._predict = self._bound("predict")
        self._hint = getattr(python_model.predict_type_hints, "input", None)

    def _bound(self, name: str) -> Callable[[Any, Mapping[str, Any]], Any]:
        function = getattr(self.python_model, name)
        takes_context = hints.takes_context(function)
        takes_params = "params" in inspect.signature(function).parameters

        def call(data: Any, params: Mapping[str, Any]) -> Any:
            front = (self.context,) if takes_context else ()
            options = {"params": dict(params)} if takes_params else {}
            return function(*front, data, **options)

        return call

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the predictions for data."""
        return self._predict(self._as_hinted(data), params)

    def stream(self, data: Any, params: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the parts of a prediction."""
        parts: Iterator[Any] = self._bound("predict_stream")(data, params)
        return parts

    def _as_hinted(self, data: Any) -> Any:
        """Return data as the list that the type hint of the input asks for."""
        if typing.get_origin(self._hint) is not list:
            return data
        (item,) = typing.get_args(self._hint)
        if kinds.is_frame(data):
            data = _rows(data, item)
        if isinstance(data, list):
            return [_made(each, item) for each in data]
        return data


def _rows(table: Any, item: Any) -> list[Any]:
    """Return the rows of a table as dicts, or as the values of its only column."""
    structured = item is dict or typing.get_origin(item) is dict or _is_class_of_fields(item)
    if structured and len(table.columns):
        return list(table.to_dict(orient="records"))
    columns = list(table.columns)
    if item is str and len(table):
        # Beside other columns, the text is what such a model is about.
        columns = [name for name in columns if isinstance(table[name].iloc[0], str)] or columns
    return list(table[columns[0]].tolist()) if columns else []


def _is_class_of_fields(kind: Any) -> bool:
    return hasattr(kind, "model_validate") or dataclasses.is_dataclass(kind)


def _made(value: Any, kind: Any) -> Any:
    """Return a dict as an object of a class of pydantic's, or of a dataclass."""
    if not isinstance(value, dict) or not _is_class_of_fields(kind):
        return value
    if hasattr(kind, "model_validate"):
        return kind.model_validate(value)
    return kind(**value)
