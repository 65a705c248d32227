"""What is known of a model that was logged."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from pegboard_models.mlmodel import Model
from pegboard_models.signature import ModelSignature


@frozen
class ModelInfo:
    """A logged or registered model. ``model_uri`` is what it can be loaded by.

    Names are MLflow's. ``logged_model`` is the entity of the tracking store, None if the files are
    not those of one.
    """

    model_uri: str
    mlmodel: Model
    logged_model: Any = None
    registered_model_version: str | None = None

    @property
    def model_id(self) -> str | None:
        """The id of the logged model."""
        return self.mlmodel.model_id

    @property
    def name(self) -> str | None:
        """The name of the logged model."""
        return self.logged_model.name if self.logged_model is not None else None

    @property
    def run_id(self) -> str | None:
        """The run that made it."""
        return self.mlmodel.run_id

    @property
    def artifact_path(self) -> str | None:
        """Where its files are."""
        return self.mlmodel.artifact_path

    @property
    def flavors(self) -> dict[str, dict[str, Any]]:
        """The flavors it can be loaded with."""
        return self.mlmodel.flavors

    @property
    def signature(self) -> ModelSignature | None:
        """What it takes and returns."""
        return self.mlmodel.signature

    @property
    def model_uuid(self) -> str | None:
        """The id of its files."""
        return self.mlmodel.model_uuid

    @property
    def metadata(self) -> dict[str, Any] | None:
        """What the user said of it."""
        return self.mlmodel.metadata

    @property
    def saved_input_example_info(self) -> dict[str, Any] | None:
        """Where the example of input is, and of what kind."""
        return self.mlmodel.saved_input_example_info

    @property
    def utc_time_created(self) -> str:
        """When it was made."""
        return self.mlmodel.utc_time_created

    @property
    def mlflow_version(self) -> str | None:
        """The version of MLflow whose layout the files have."""
        return self.mlmodel.mlflow_version

    @property
    def digest(self) -> str | None:
        """What identifies its files: ``sha256:…``."""
        return self.mlmodel.digest

    @property
    def params(self) -> dict[str, str]:
        """The params of the logged model."""
        return dict(self.logged_model.params) if self.logged_model is not None else {}

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the logged model."""
        return dict(self.logged_model.tags) if self.logged_model is not None else {}

    @property
    def metrics(self) -> list[Any] | None:
        """The metrics of the logged model."""
        return list(self.logged_model.metrics) if self.logged_model is not None else None

    @property
    def creation_timestamp(self) -> int | None:
        """When the logged model was made, in ms."""
        return self.logged_model.creation_timestamp if self.logged_model is not None else None
