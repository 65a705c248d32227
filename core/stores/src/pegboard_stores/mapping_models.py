"""Logged models over mappings: the meaning of their contract, in plain Python."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from pegboard import uris
from pegboard.contracts.logged_models import (
    DEFAULT_PAGE,
    USERS_PAGE,
    DatasetFilter,
    LoggedModelStore,
    ModelOrder,
)
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import (
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Page,
)

from pegboard_stores import cancellation, offsets, refusals, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.mapping_models_search import ModelSearch
from pegboard_stores.mapping_pages import page
from pegboard_stores.mapping_records import ModelRecord, Records
from pegboard_stores.names import random_name
from pegboard_stores.validation import MAX_MODEL_TYPE


class MappingLoggedModels(LoggedModelStore):
    """Logged models, each a record in the mapping of a store."""

    def __init__(self, records: Records) -> None:
        self._records = records

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
        """Create a PENDING model in an active experiment."""
        name = random_name() if name is None else validation.model_name(name)
        checked_params = validation.model_texts(params or {}, "param")
        checked_tags = validation.model_texts(tags or {}, "tag")
        if model_type:
            model_type = validation.text(model_type, "model type", MAX_MODEL_TYPE)
        model_id, now = f"m-{uuid.uuid4().hex}", now_ms()
        with self._records.lock:
            home = self._records.active_experiment(experiment_id)
            record = ModelRecord(
                experiment_id,
                model_id,
                name,
                uris.join(home.artifact_location, "models", model_id, "artifacts"),
                now,
                now,
                model_type or None,
                source_run_id or None,
                tags=checked_tags,
                params=checked_params,
            )
            return self._put(record)

    def _put(self, record: ModelRecord) -> LoggedModel:
        self._records.models[record.model_id] = record
        return record.to_model()

    def get(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """Return a model with all its data."""
        with self._records.lock:
            return self._records.model(model_id, allow_deleted=allow_deleted).to_model()

    def finalize(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Set the status, and when it was set."""
        with self._records.lock:
            record = self._records.model(model_id)
            record.status, record.updated = LoggedModelStatus(status), now_ms()
            return self._put(record)

    def delete(self, model_id: str) -> None:
        """Mark a model as deleted."""
        with self._records.lock:
            record = self._records.model(model_id)
            record.deleted_time = record.updated = now_ms()
            self._put(record)

    def set_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags."""
        checked = validation.model_texts(tags, "tag")
        with self._records.lock:
            record = self._records.model(model_id)
            record.tags.update(checked)
            self._put(record)

    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._records.lock:
            record = self._records.model(model_id)
            if key not in record.tags:
                raise refusals.no_tag("logged model", model_id, key)
            del record.tags[key]
            self._put(record)

    def log_params(self, model_id: str, params: Mapping[str, str]) -> None:
        """Add params; one may be repeated with its value, but not changed."""
        checked = validation.model_texts(params, "param")
        with self._records.lock:
            record = self._records.model(model_id)
            for key, value in checked.items():
                known = record.params.get(key, value)
                if known != value:
                    raise refusals.model_param_set(model_id, key, known, value)
            record.params.update(checked)
            self._put(record)

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
        """Return models of these experiments that match; by default the last created first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        search = ModelSearch.of(filter, datasets, order_by)
        wanted = frozenset(experiment_ids)
        with self._records.lock:
            models = [
                record.to_model()
                for record in cancellation.checked(self._records.models.values())
                if record.experiment_id in wanted and record.deleted_time is None
            ]
        query = (sorted(wanted), search)
        return page(search.found(models), query, max_results, page_token)

    def log_inputs(self, run_id: str, models: Sequence[LoggedModelInput]) -> None:
        """Record models that an active run uses, each once."""
        with self._records.lock:
            run = self._records.active_run(run_id)
            for model in models:
                self._records.model(model.model_id)
            run.model_inputs = [*dict.fromkeys([*run.model_inputs, *models])]
            self._records.runs[run_id] = run

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that an active run made, each once for a step."""
        with self._records.lock:
            run = self._records.active_run(run_id)
            for model in models:
                validation.integer(model.model_id, model.step, "step")
                self._records.model(model.model_id)
            run.model_outputs = [*dict.fromkeys([*run.model_outputs, *models])]
            self._records.runs[run_id] = run

    def used_by(
        self, model_id: str, *, max_results: int = USERS_PAGE, page_token: str | None = None
    ) -> Page[str]:
        """Return the ids of the active runs that use a model, the last started first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        with self._records.lock:
            self._records.model(model_id)
            users = [
                run.info
                for run in self._records.runs.values()
                if run.info.lifecycle_stage is LifecycleStage.ACTIVE
                and LoggedModelInput(model_id) in run.model_inputs
            ]
        users.sort(key=lambda info: (-info.start_time, info.run_id))
        return offsets.cut([info.run_id for info in users], max_results, page_token)

    def deleted(self, *, deleted_before: int | None = None) -> Iterable[LoggedModel]:
        """Return the models marked as deleted, all or those marked before a time (ms)."""
        with self._records.lock:
            return [
                record.to_model()
                for record in self._records.models.values()
                if record.deleted_time is not None
                and (deleted_before is None or record.deleted_time < deleted_before)
            ]

    def purge(self, model_id: str) -> None:
        """Remove a deleted model and its data for good."""
        with self._records.lock:
            if self._records.model(model_id, allow_deleted=True).deleted_time is None:
                raise refusals.model_in_use(model_id)
            self._records.remove_model(model_id)
