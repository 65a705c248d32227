"""Models as they are given to ``evaluate``: how each predicts, and how it is known again."""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
from attrs import frozen
from pegboard import host as hosts
from pegboard.errors import InvalidValue, quoted

from pegboard_evaluation import resumption

_ENDPOINT = "endpoints:/"


@frozen(eq=False)
class Predictor:
    """A model: how it predicts, and what it is."""

    predict: Callable[[pd.DataFrame], Any]
    identity: Callable[[], str]
    """Returns what tells it from other models, in other processes too; it may take a while."""
    ask: Callable[[Any], Any] | None = None
    """Answers a row alone, where rows are asked one by one. LLMError if it has no answer."""
    likely: Callable[[pd.DataFrame], Any] | None = None
    """Returns probabilities, shape (n, k)."""
    classes: Any = None
    """What their columns stand for."""
    native: Any = None
    """The library's own model."""
    model_id: str | None = None


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
        return _loaded(pyfunc.load_model(model, **given), json.dumps(given, default=str))
    if model_config:
        raise InvalidValue("model_config is for models named by a URI.")
    if hasattr(model, "get_raw_model") and hasattr(model, "predict"):
        return _loaded(model)
    if hasattr(model, "predict"):
        return _native(model, model)
    if callable(model):
        return Predictor(model, partial(_of_function, model))
    raise InvalidValue(
        f"{quoted(model)} is not a model.",
        hint="A model is a URI (models:/NAME@ALIAS, runs:/ID/PATH, endpoints:/NAME), what "
        "pyfunc.load_model returns, a model of scikit-learn, or a function of a DataFrame.",
    )


def _loaded(model: Any, config: str = "") -> Predictor:
    raw = model.get_raw_model()
    model_id = getattr(model, "model_id", None)
    uuid = getattr(getattr(model, "metadata", None), "model_uuid", None)
    loader = getattr(model, "loader_module", None)
    if loader == "mlflow.sklearn" or hasattr(raw, "predict_proba"):
        # The library's own: its probabilities and its score are wanted, and no signature is needed.
        return _native(raw, raw, model_id)
    known = model_id or uuid
    identity = partial(_of_object, raw) if known is None else lambda: f"{known} {config}"
    return Predictor(model.predict, identity, model_id=model_id)


def _of_function(function: Any) -> str:
    """Return what tells a function from others: its name and code, without what it refers to."""
    while isinstance(function, partial):
        function = function.func
    if inspect.ismethod(function):
        return f"{_of_object(function.__self__)} {function.__name__}"
    if not hasattr(function, "__qualname__"):
        return _of_object(function)
    name = f"{function.__module__}.{function.__qualname__}"
    return f"{name} {resumption.source_of(function)}"


def _of_object(model: Any) -> str:
    """Return what tells a model from others: its content, or its class if that cannot be had."""
    name = f"{type(model).__module__}.{type(model).__qualname__}"
    try:
        # Written, and never read: nothing of it is executed.
        content = pickle.dumps(model)
    except Exception:
        return f"{name} {resumption.source_of(type(model))}"
    return f"{name} {hashlib.sha256(content).hexdigest()}"


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
        partial(_of_object, model),
        None,
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

    def predict(frame: pd.DataFrame) -> list[str]:
        if frame.shape[1] != 1:
            raise InvalidValue(
                f"{uri} is asked by one column; there are {', '.join(map(repr, frame))}.",
                hint="Name it: feature_names=['question'].",
            )
        return [ask(value) for value in frame.iloc[:, 0].tolist()]

    told = json.dumps(dict(params), sort_keys=True, default=str)
    return Predictor(predict, lambda: f"{uri} {told}", ask)
