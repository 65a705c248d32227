"""The contract of logged models: models as parts of an experiment, beside its runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from pegboard.entities import Page
from pegboard.entities.logged_models import (
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
)

DEFAULT_PAGE = 100
"""How many models a search returns by default."""

USERS_PAGE = 1000
"""How many runs that use a model are returned by default."""


@frozen
class DatasetFilter:
    """Data that a model was measured on; without a digest, every version of it."""

    name: str
    digest: str | None = None


@frozen
class ModelOrder:
    """What to order models by: an attribute, or ``metrics.KEY``, of one dataset if it is named.

    The latest point of a metric counts (by time, then by step). Models without one come last.
    """

    field_name: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LoggedModelStore(ABC):
    """The logged models of a tracking store, as ``TrackingStore.logged_models`` returns them.

    A model belongs to an experiment; a run may have made it and others may use it. Metrics that
    are logged to a run with a ``model_id`` are the model's too. Unknown and deleted ids raise
    NotFound. Every method may be called from any thread.
    """

    @abstractmethod
    def create(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        model_type: str | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedModel:
        """Create a PENDING model in an active experiment; names are random if need be.

        Names need not be unique. Files belong below ``artifact_location``, which is
        ``models/MODEL_ID/artifacts`` in the place of the experiment.
        """

    @abstractmethod
    def get(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """Return a model with all its data."""

    @abstractmethod
    def finalize(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Set the status, and when it was set."""

    @abstractmethod
    def delete(self, model_id: str) -> None:
        """Mark a model as deleted: nothing shows it any more, until it is purged."""

    @abstractmethod
    def set_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags."""

    @abstractmethod
    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""

    @abstractmethod
    def log_params(self, model_id: str, params: Mapping[str, str]) -> None:
        """Add params; one may be repeated with its value, but not changed (InvalidValue)."""

    @abstractmethod
    def search(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        datasets: Sequence[DatasetFilter] = (),
        order_by: Sequence[ModelOrder] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """Return models of these experiments that match; by default the last created first.

        A comparison with a metric holds if one of its points does, on one of ``datasets`` if any
        are given. Without such a comparison, ``datasets`` asks for models that were measured on
        one of them.
        """

    @abstractmethod
    def log_inputs(self, run_id: str, models: Sequence[LoggedModelInput]) -> None:
        """Record models that an active run uses, each once."""

    @abstractmethod
    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that an active run made, each once for a step."""

    @abstractmethod
    def used_by(
        self, model_id: str, *, max_results: int = USERS_PAGE, page_token: str | None = None
    ) -> Page[str]:
        """Return the ids of the active runs that use a model, the last started first.

        NotSupported if the store cannot tell.
        """

    @abstractmethod
    def deleted(self, *, deleted_before: int | None = None) -> Iterable[LoggedModel]:
        """Return the models marked as deleted, all or those marked before a time (ms)."""

    @abstractmethod
    def purge(self, model_id: str) -> None:
        """Remove a deleted model and its data for good (its artifacts are the caller's)."""
