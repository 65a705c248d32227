"""Loaded models in their generic form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pegboard.contracts.models import Predictor
from pegboard.errors import NotSupported

from pegboard_models.enforcement import enforce, enforce_hinted, enforce_params
from pegboard_models.mlmodel import Model
from pegboard_models.schema import Schema


class PyFuncModel:
    """A model of any library: data is checked against the signature, then predicted.

    ``metadata`` is its ``MLmodel``; ``path`` the directory it was loaded from.
    """

    def __init__(self, metadata: Model, native: Any, predictor: Predictor, path: Path) -> None:
        self.metadata = metadata
        self.path = path
        self._native = native
        self._predictor = predictor

    @property
    def model_id(self) -> str | None:
        """The id of the logged model; None if the model is not one."""
        return self.metadata.model_id

    @property
    def model_config(self) -> dict[str, Any]:
        """The configuration that the model was logged with."""
        config = (self.metadata.pyfunc or {}).get("config")
        return dict(config) if isinstance(config, Mapping) else {}

    @property
    def loader_module(self) -> str | None:
        """What MLflow calls its own loader for the model."""
        return (self.metadata.pyfunc or {}).get("loader_module")

    @property
    def input_schema(self) -> Schema | None:
        """The schema of the input, None if it is not known."""
        return self.metadata.get_input_schema()

    @property
    def input_example(self) -> Any:
        """The example of input that was logged with the model, None if there is none."""
        return self.metadata.load_input_example(self.path)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the predictions for data; SchemaMismatch if it is not what the signature says."""
        return self.predict_checked(self.checked(data), params)

    def checked(self, data: Any) -> Any:
        """Return data as the signature asks for it; SchemaMismatch if that is not possible."""
        check = enforce_hinted if self.metadata.is_signature_from_type_hint else enforce
        return check(data, self.input_schema)

    def predict_checked(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the predictions for data that is as ``checked`` returns it.

        It is for callers that make data by the signature, or predict from the same data again.
        Checks the params, but not the data.
        """
        return self._predictor(data, enforce_params(params, self.metadata.get_params_schema()))

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield the parts of a prediction; NotSupported if the model has no ``predict_stream``."""
        stream = getattr(self._predictor, "stream", None)
        if stream is None or not (self.metadata.pyfunc or {}).get("streamable"):
            raise NotSupported("This model does not predict in parts: it has no predict_stream.")
        given = enforce_params(params, self.metadata.get_params_schema())
        parts: Iterator[Any] = stream(data, given)
        return parts

    def unwrap_python_model(self) -> Any:
        """Return the custom model; NotSupported if the model is one of a library."""
        if not hasattr(self._native, "python_model"):
            raise NotSupported("This is not a custom Python model; use get_raw_model().")
        return self._native.python_model

    def get_raw_model(self) -> Any:
        """Return the library's own object, or the custom model."""
        return getattr(self._native, "python_model", self._native)

    unwrap = get_raw_model

    def __repr__(self) -> str:
        return f"PyFuncModel({self.loader_module!r}, {str(self.path)!r})"
