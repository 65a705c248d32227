"""Logged models of the active experiment, and the active model."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from pegboard.entities.logged_models import LoggedModel, LoggedModelOutput, LoggedModelStatus
from pegboard.errors import InvalidValue

from pegboard_scripting.fluent.experiments import client, current_experiment_id
from pegboard_scripting.fluent.runs import active, current, here

if TYPE_CHECKING:
    import pandas

IS_EXTERNAL = "mlflow.model.isExternal"
"""The tag of models whose files are kept elsewhere."""

_PAGE = 1000

logger = logging.getLogger(__name__)


class _Last(threading.local):
    model_id: str | None = None


_last = _Last()


class ActiveModel(LoggedModel):
    """A model that was made the active one; as a context manager, it stops being so at the end."""

    _before: str | None

    def __enter__(self) -> ActiveModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make the model active that was so before, if any."""
        here.model_id = self._before


def set_active_model(*, name: str | None = None, model_id: str | None = None) -> ActiveModel:
    """Make a model the one that metrics of this thread are linked to from now on.

    One with ``name`` is looked for in the active experiment, the latest first; it is created if
    there is none. As a context manager, it is the active model up to the end of the block.
    """
    if model_id is not None:
        model = get_logged_model(model_id)
        if name is not None and model.name != name:
            raise InvalidValue(
                f"The logged model {model_id!r} is named {model.name!r}, not {name!r}."
            )
    elif name is not None:
        found = _named(name)
        if len(found) > 1:
            logger.warning("Several logged models are named %r; the latest is used.", name)
        model = found[0] if found else create_external_model(name)
    else:
        raise InvalidValue("set_active_model needs a name or a model_id.")
    made = _active_model(model)
    here.model_id = model.model_id
    return made


def _named(name: str) -> list[LoggedModel]:
    from pegboard.literals import literal

    return search_logged_models(
        filter_string=f"name = {literal(name)}", max_results=2, output_format="list"
    )


def _active_model(model: LoggedModel) -> ActiveModel:
    import attrs

    made = ActiveModel(**{f.name: getattr(model, f.name) for f in attrs.fields(LoggedModel)})
    object.__setattr__(made, "_before", here.model_id)
    return made


def get_active_model_id() -> str | None:
    """Return the id of the active model of this thread, None if there is none.

    Where ``set_active_model`` was not called, the environment variable ``MLFLOW_ACTIVE_MODEL_ID``
    (or ``PEGBOARD_ACTIVE_MODEL_ID``) names it.
    """
    return here.model_id


def clear_active_model() -> None:
    """Let no model be the active one, also where the environment named one."""
    for prefix in ("PEGBOARD", "MLFLOW"):
        os.environ.pop(f"{prefix}_ACTIVE_MODEL_ID", None)
    here.model_id = None


# -- making and changing ---------------------------------------------------------------------------


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Create a model that is PENDING until its files are there and it is finalized.

    By default it is one of the active run, if there is one, and of the active experiment.
    """
    open_run = current()
    run = None if open_run is None else open_run.run
    if source_run_id is None and run is not None:
        source_run_id = run.info.run_id
    if experiment_id is None:
        experiment_id = current_experiment_id() if run is None else run.info.experiment_id
    model = client().create_logged_model(
        experiment_id, name, source_run_id, tags, params, model_type
    )
    _last.model_id = model.model_id
    return model


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Create a model whose files are kept elsewhere, or that has none; it is READY."""
    model = initialize_logged_model(
        name,
        source_run_id,
        {**(tags or {}), IS_EXTERNAL: "true"},
        params,
        model_type,
        experiment_id,
    )
    return finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def finalize_logged_model(model_id: str, status: str) -> LoggedModel:
    """Set the status of a model: READY or FAILED."""
    return client().finalize_logged_model(model_id, status)


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set or change tags of a model."""
    client().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a model; NotFound if there is none of that key."""
    client().delete_logged_model_tag(model_id, key)


def log_model_params(params: Mapping[str, Any], model_id: str | None = None) -> None:
    """Add params to a model, by default the active one."""
    chosen = model_id or here.model_id
    if chosen is None:
        raise InvalidValue(
            "log_model_params needs a model.",
            hint="Pass model_id, or call set_active_model first.",
        )
    client().log_model_params(chosen, params)


def log_outputs(models: Sequence[LoggedModelOutput] | None = None) -> None:
    """Record models that the active run made."""
    target = active()
    target.client.log_outputs(target.run.info.run_id, models or ())


# -- finding ---------------------------------------------------------------------------------------


def get_logged_model(model_id: str) -> LoggedModel:
    """Return a model with all its data; else NotFound."""
    return client().get_logged_model(model_id)


def last_logged_model() -> LoggedModel | None:
    """Return the model that this thread made last, None if it made none."""
    return None if _last.model_id is None else get_logged_model(_last.model_id)


@overload
def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any]] | None = None,
    output_format: Literal["pandas"] = "pandas",
) -> pandas.DataFrame: ...


@overload
def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any]] | None = None,
    *,
    output_format: Literal["list"],
) -> list[LoggedModel]: ...


def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any]] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
) -> list[LoggedModel] | pandas.DataFrame:
    """Return all models that match, as a ``pandas`` table or a ``list``; last created first.

    They are searched in the active experiment, unless others are given. See the client's
    ``search_logged_models`` for ``datasets`` and ``order_by``.
    """
    if output_format not in ("pandas", "list"):
        raise InvalidValue(f"output_format is {output_format!r}; it should be 'pandas' or 'list'.")
    ids = experiment_ids or [current_experiment_id()]
    search = partial(
        client().search_logged_models,
        ids,
        filter_string=filter_string,
        datasets=datasets,
        order_by=order_by,
    )
    from pegboard import paging

    found: list[LoggedModel] = paging.first(search, max_results, _PAGE)
    if output_format == "list":
        return found
    from pegboard_scripting.client.frames import models_frame

    return models_frame(found)
