"""Models that runs made or used, apart from where their files lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

from pegboard.entities import LifecycleStage, Metric


class LoggedModelStatus(StrEnum):
    """The states of a logged model: its files are being written, all there, or incomplete."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    @staticmethod
    def is_finalized(status: LoggedModelStatus) -> bool:
        """Return whether this is the last word on a model's files."""
        return status in (LoggedModelStatus.READY, LoggedModelStatus.FAILED)


@frozen
class LoggedModel:
    """A model of an experiment. ``metrics`` are its points on all data, from all runs."""

    experiment_id: str
    model_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str | None = None
    source_run_id: str | None = None
    status: LoggedModelStatus = LoggedModelStatus.READY
    status_message: str | None = None
    tags: Mapping[str, str] = field(factory=dict)
    params: Mapping[str, str] = field(factory=dict)
    metrics: Sequence[Metric] = ()
    lifecycle_stage: LifecycleStage = LifecycleStage.ACTIVE

    @property
    def model_uri(self) -> str:
        """The URI under which the model can be loaded."""
        return f"models:/{self.model_id}"


@frozen
class LoggedModelInput:
    """The use of a model by a run."""

    model_id: str


@frozen
class LoggedModelOutput:
    """The making of a model by a run, at a step of its training."""

    model_id: str
    step: int = 0
