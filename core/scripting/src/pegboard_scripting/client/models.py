"""The client's methods for logged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard import paths
from pegboard.errors import InvalidValue
from pegboard.paths import RelativePath

from pegboard_scripting.client import transfer

if TYPE_CHECKING:
    import os

    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.logged_models import LoggedModelStore, ModelOrder
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities import FileInfo, Page
    from pegboard.entities.logged_models import LoggedModel, LoggedModelOutput
    from pegboard.host import Host

_ORDER_KEYS = frozenset({"field_name", "ascending", "dataset_name", "dataset_digest"})


class LoggedModelMethods:
    """What can be done with logged models. NotSupported if the store keeps none."""

    host: Host
    store: TrackingStore

    @property
    def _models(self) -> LoggedModelStore:
        return self.store.logged_models()

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Create a model that is PENDING; once its files are there, ``finalize_logged_model``."""
        return self._models.create(
            str(experiment_id),
            name=name,
            source_run_id=source_run_id,
            model_type=model_type,
            params=params,
            tags=tags,
        )

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """Return a model with all its data; else NotFound."""
        return self._models.get(model_id)

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Set the status of a model: READY or FAILED."""
        from pegboard.entities.logged_models import LoggedModelStatus

        try:
            final = LoggedModelStatus(status)
        except ValueError:
            raise InvalidValue(
                f"{status!r} is not the status of a logged model.",
                hint=f"Known are: {', '.join(LoggedModelStatus)}.",
            ) from None
        return self._models.finalize(model_id, final)

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a model as deleted."""
        self._models.delete(model_id)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set or change tags of a model."""
        self._models.set_tags(model_id, tags)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a model; NotFound if there is none of that key."""
        self._models.delete_tag(model_id, key)

    def log_model_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Add params to a model, as text."""
        self._models.log_params(model_id, params)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that a run made."""
        self._models.log_outputs(run_id, models)

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """Return a page of models that match; by default the last created first.

        ``datasets`` are mappings with ``dataset_name`` and perhaps ``dataset_digest``, on which
        the metrics of the filter were measured. ``order_by`` are mappings with ``field_name``,
        such as ``metrics.loss``, and perhaps ``ascending``, ``dataset_name``, ``dataset_digest``.
        """
        from pegboard.contracts.logged_models import DEFAULT_PAGE, DatasetFilter

        filters = []
        for dataset in datasets or ():
            if not dataset.get("dataset_name"):
                raise InvalidValue("Each of 'datasets' needs a 'dataset_name'.")
            filters.append(DatasetFilter(dataset["dataset_name"], dataset.get("dataset_digest")))
        return self._models.search(
            [str(experiment_id) for experiment_id in experiment_ids],
            filter=filter_string or "",
            datasets=filters,
            order_by=[_order(each) for each in order_by or ()],
            max_results=DEFAULT_PAGE if max_results is None else max_results,
            page_token=page_token,
        )

    # -- files ---------------------------------------------------------------------------------

    def _located(self, model_id: str) -> str:
        return self.store.located(self.get_logged_model(model_id).artifact_location)

    def model_artifacts(self, model_id: str) -> ArtifactStore:
        """Return the artifact store whose root is that of a model."""
        return self.host.artifact_store(self._located(model_id))

    def log_model_artifact(
        self,
        model_id: str,
        local_path: str | os.PathLike[str],
        artifact_path: RelativePath | None = None,
    ) -> None:
        """Store a file, or a directory with its name, below ``artifact_path`` of a model."""
        transfer.upload(
            self.model_artifacts(model_id), Path(local_path), paths.text(artifact_path or "")
        )

    def log_model_artifacts(
        self,
        model_id: str,
        local_dir: str | os.PathLike[str],
        artifact_path: RelativePath | None = None,
    ) -> None:
        """Store every file below a directory, without its name, in a model."""
        transfer.upload_content(
            self.model_artifacts(model_id), Path(local_dir), paths.text(artifact_path or "")
        )

    def list_logged_model_artifacts(
        self, model_id: str, path: RelativePath | None = None
    ) -> list[FileInfo]:
        """Return what is directly below a directory of a model, sorted by path."""
        return self.model_artifacts(model_id).list(paths.safe_relative(path or ""))


def _order(wanted: Mapping[str, Any]) -> ModelOrder:
    from pegboard.contracts.logged_models import ModelOrder

    if not isinstance(wanted, Mapping) or "field_name" not in wanted or set(wanted) - _ORDER_KEYS:
        raise InvalidValue(
            f"Logged models cannot be ordered by {wanted!r}.",
            hint="An order is like: {'field_name': 'metrics.loss', 'ascending': True}",
        )
    given = {key: value for key, value in wanted.items() if value is not None}
    return ModelOrder(**given)
