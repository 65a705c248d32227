"""The logged models of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pegboard.contracts.logged_models import (
    DEFAULT_PAGE,
    USERS_PAGE,
    DatasetFilter,
    LoggedModelStore,
    ModelOrder,
)
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.entities.logged_models import (
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
)
from pegboard.errors import InvalidValue, NotSupported
from pegboard_stores import filters, refusals, validation
from pegboard_wire.client.api import Api, is_path_part, path_part
from pegboard_wire.client.errors import UnknownPath, not_known
from pegboard_wire.pairs import pairs_json
from pegboard_wire.scalars import string

from pegboard_tracking.client.messages import Message
from pegboard_tracking.wire import codec
from pegboard_tracking.wire.logged_models import read_model, status_json

_AT_ONCE = 100
"""The most params that MLflow's servers take at once."""


class RestLoggedModels(LoggedModelStore):
    """Models behind a server."""

    def __init__(
        self, api: Api, settle: Callable[[], None], now_or_later: Callable[[Message], object]
    ) -> None:
        """``settle`` sends what was logged before; ``now_or_later`` what may wait for a server."""
        self._api = api
        self._settle = settle
        self._now_or_later = now_or_later

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
        """Create a PENDING model in an active experiment; names are random if need be."""
        checked = pairs_json(validation.model_texts(params or {}, "param"))
        answer = self._api.post(
            "logged-models",
            experiment_id=experiment_id,
            name=None if name is None else validation.model_name(name),
            source_run_id=source_run_id or None,
            model_type=model_type or None,
            params=checked[:_AT_ONCE],
            tags=pairs_json(validation.model_texts(tags or {}, "tag")),
        )
        made = self._model(answer)
        if len(checked) <= _AT_ONCE:
            return made
        self._log_params(made.model_id, checked[_AT_ONCE:])
        return self.get(made.model_id)

    def get(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """Return a model with all its data; MLflow's servers do not say if it is deleted."""
        self._settle()
        return self._model(
            self._api.get(_path(model_id), allow_deleted="true" if allow_deleted else None)
        )

    def finalize(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Set the status, and when it was set."""
        name = status_json(LoggedModelStatus(status))
        return self._model(self._api.patch(_path(model_id), model_id=model_id, status=name))

    def delete(self, model_id: str) -> None:
        """Mark a model as deleted."""
        self._api.delete(_path(model_id))

    def set_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags."""
        checked = pairs_json(validation.model_texts(tags, "tag"))
        self._api.patch(f"{_path(model_id)}/tags", model_id=model_id, tags=checked)

    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        path = f"{_path(model_id)}/tags/{path_part(key)}"
        if not key.strip("./"):
            # No path leads there.
            raise refusals.no_tag("logged model", model_id, key)
        self._api.delete(path)

    def log_params(self, model_id: str, params: Mapping[str, str]) -> None:
        """Add params; one may be repeated with its value, but not changed (InvalidValue)."""
        self._log_params(model_id, pairs_json(validation.model_texts(params, "param")))

    def _log_params(self, model_id: str, params: Sequence[Mapping[str, Any]]) -> None:
        path = f"{_path(model_id)}/params"
        for start in range(0, max(len(params), 1), _AT_ONCE):
            part = params[start : start + _AT_ONCE]
            self._api.post(path, model_id=model_id, params=part)

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
        filters.parse_filter(filter, filters.LOGGED_MODELS)
        if not all(dataset.name for dataset in datasets):
            raise InvalidValue("A dataset to search by has no name.")
        wanted = list(dict.fromkeys(experiment_ids))
        if not wanted:
            return Page()
        self._settle()
        try:
            answer = self._api.post(
                "logged-models/search",
                query=filter,
                experiment_ids=wanted,
                filter=filter or None,
                datasets=[_dataset_json(dataset) for dataset in datasets],
                order_by=[_order_json(order) for order in order_by],
                max_results=max_results,
                page_token=page_token,
            )
        except UnknownPath as error:
            raise NotSupported(
                f"The server {self._api.url} keeps no logged models: it is an older one.",
            ) from error
        return self._api.read_page(answer, "models", read_model)

    def log_inputs(self, run_id: str, models: Sequence[LoggedModelInput]) -> None:
        """Record models that an active run uses, each once."""
        used = [codec.model_input_json(model) for model in models]
        if used:
            fields = {"run_id": run_id, "models": used}
            self._now_or_later(Message("runs/log-inputs", fields))

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that an active run made, each once for a step."""
        made = [
            codec.model_output_json(model)
            for model in models
            if validation.integer(model.model_id, model.step, "step") == model.step
        ]
        if made:
            self._now_or_later(Message("runs/outputs", {"run_id": run_id, "models": made}))

    def used_by(
        self, model_id: str, *, max_results: int = USERS_PAGE, page_token: str | None = None
    ) -> Page[str]:
        """Return the ids of the active runs that use a model; NotSupported by MLflow's servers."""
        validation.page_size(max_results, SEARCH_LIMIT)
        path = f"/api/pegboard/1.0/{_path(model_id)}/users"
        self._settle()
        try:
            answer = self._api.get(path, max_results=max_results, page_token=page_token)
        except UnknownPath:
            raise not_known(self._api.url, f"which runs use the model {model_id!r}") from None
        return self._api.read_page(answer, "run_ids", lambda value: string(value, "run_ids"))

    def deleted(self, *, deleted_before: int | None = None) -> Iterable[LoggedModel]:
        """Raise NotSupported: the protocol has no such request."""
        del deleted_before
        raise not_known(self._api.url, "which models are deleted")

    def purge(self, model_id: str) -> None:
        """Raise NotSupported: the protocol has no such request."""
        raise not_known(self._api.url, f"the removal of the logged model {model_id!r} for good")

    def _model(self, answer: Mapping[str, Any]) -> LoggedModel:
        return self._api.read(answer, lambda fields: read_model(fields.get("model")))


def _path(model_id: str) -> str:
    if not is_path_part(model_id):
        raise refusals.no_model(model_id)
    return f"logged-models/{path_part(model_id)}"


def _dataset_json(dataset: DatasetFilter) -> dict[str, str]:
    made = {"dataset_name": dataset.name}
    if dataset.digest is not None:
        made["dataset_digest"] = dataset.digest
    return made


def _order_json(order: ModelOrder) -> dict[str, Any]:
    made: dict[str, Any] = {"field_name": order.field_name, "ascending": order.ascending}
    if order.dataset_name is not None:
        made["dataset_name"] = order.dataset_name
    if order.dataset_digest is not None:
        made["dataset_digest"] = order.dataset_digest
    return made
