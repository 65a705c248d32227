"""Signatures of models that are being saved: from type hints, or from an example."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pegboard.errors import PegboardError

from pegboard_models import hints, inference, kinds
from pegboard_models.enforcement import enforce, enforce_params
from pegboard_models.examples import Example
from pegboard_models.python_model import FunctionModel, PythonModel
from pegboard_models.schema import Schema
from pegboard_models.signature import ModelSignature, infer_signature

logger = logging.getLogger(__name__)


def from_hints(model: Any, example: Example | None) -> ModelSignature | None:
    """Return the signature that the type hints of a custom model tell; None if they tell none."""
    if isinstance(model, PythonModel):
        hinted = model.predict_type_hints
    elif callable(model) and not hasattr(model, "predict"):
        hinted = FunctionModel(model).predict_type_hints
    else:
        return None
    try:
        inputs = hints.input_schema(hinted.input)
    except PegboardError as error:
        logger.info("The type hint of the model's input does not give a schema: %s", error.message)
        return None
    if inputs is None:
        return None
    params = example.params if example is not None and example.params else None
    return ModelSignature(
        inputs,
        hints.output_schema(hinted.output),
        inference.param_schema(params) if params else None,
    )


def from_example(
    example: Example, predict: Callable[[Any, Mapping[str, Any]], Any]
) -> ModelSignature | None:
    """Return the signature of an example and of what the model predicts for it.

    None, with a warning, if the example is of an unknown kind. A model that fails on it has a
    signature without output.
    """
    try:
        inputs = inference.schema(example.data)
        params = inference.param_schema(example.params) if example.params else None
    except PegboardError as error:
        logger.warning("The signature cannot be inferred from the example: %s", error.message)
        return None
    return ModelSignature(inputs, _outputs(example, inputs, params, predict), params)


def _outputs(example: Example, inputs: Schema, params: Any, predict: Any) -> Schema | None:
    try:
        predicted = predict(enforce(example.data, inputs), enforce_params(example.params, params))
    except Exception as error:
        # Whatever the model raises, it can still be saved.
        logger.warning(
            "The model fails on the example, so its signature does not say what it returns: %s: %s",
            type(error).__name__,
            error,
        )
        return None
    if not inputs.is_tensor_spec() and kinds.is_array(predicted) and predicted.ndim == 1:
        import pandas as pd

        predicted = pd.Series(predicted)  # A column for columns, as MLflow has it.
    return infer_signature(None, predicted).outputs if predicted is not None else None
