"""``pegboard.models``: signatures, examples and what else is known of models.

Names and arguments are those of ``mlflow.models``.
"""

from __future__ import annotations

import os
from typing import Any

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue

from pegboard_models import requirements, signature
from pegboard_models.code_models import ModelConfig, set_model
from pegboard_models.enforcement import SchemaMismatch, enforce
from pegboard_models.info import ModelInfo
from pegboard_models.mlmodel import Model
from pegboard_models.model_files import local_copy
from pegboard_models.predicting import predict
from pegboard_models.schema import Schema
from pegboard_models.signature import ModelSignature, infer_signature

__all__ = [
    "Model",
    "ModelConfig",
    "ModelInfo",
    "ModelSignature",
    "SchemaMismatch",
    "Trust",
    "convert_input_example_to_serving_input",
    "get_model_info",
    "infer_pip_requirements",
    "infer_signature",
    "predict",
    "set_model",
    "set_signature",
    "signature",
    "validate_schema",
]


def __getattr__(name: str) -> Any:
    """Return what another plugin adds to this module: the API name ``models.NAME``."""
    from pegboard import host

    if not name.startswith("_"):
        found = host.current()
        try:
            return found.api_name(f"models.{name}")
        except LookupError:
            pass
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from pegboard import host

    return sorted({*globals(), *host.current().api_names("models")})


def get_model_info(model_uri: str | os.PathLike[str]) -> ModelInfo:
    """Return what is known of a model, by any URI; nothing of it is loaded."""
    from pegboard.errors import PegboardError
    from pegboard_scripting import client

    directory = local_copy(model_uri)
    mlmodel = Model.load(directory)
    logged = None
    if mlmodel.model_id is not None:
        try:
            logged = client.Client().get_logged_model(mlmodel.model_id)
        except PegboardError:
            logged = None  # Copied here from another store, or deleted; its files say enough.
    return ModelInfo(str(model_uri), mlmodel, logged)


def set_signature(model_uri: str, signature: ModelSignature) -> None:
    """Give a logged model, or one in a directory, another signature."""
    from pegboard_models import relabel

    if not isinstance(signature, ModelSignature):
        raise InvalidValue(f"The signature is {type(signature).__name__}, not a ModelSignature.")
    relabel.set_signature(model_uri, signature)


def validate_schema(data: Any, expected_schema: Schema) -> None:
    """Raise SchemaMismatch if data is not what a schema says."""
    enforce(data, expected_schema)


def convert_input_example_to_serving_input(input_example: Any) -> str | None:
    """Return an example of input as the body of a request to a scoring server."""
    from pegboard_models import examples

    return None if input_example is None else examples.make(input_example).serving_json()


def infer_pip_requirements(
    model_uri: str | os.PathLike[str], flavor: str, fallback: list[str] | None = None
) -> list[str]:
    """Return the packages that a saved model needs, pinned to what is installed here.

    They are found by loading it in a fresh process, which may run its code. If that fails,
    ``fallback`` is returned, if there is one.
    """
    return requirements.of_saved(local_copy(model_uri), flavor, fallback)
