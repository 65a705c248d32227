"""The active experiment, and experiments in general."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pegboard import host
from pegboard.entities import Experiment, LifecycleStage, ViewType
from pegboard.errors import AlreadyExists, InvalidState, InvalidValue, NotFound

from pegboard_scripting.client import Client, location
from pegboard_scripting.fluent import environment

DEFAULT_EXPERIMENT_ID = "0"
_PAGE = 1000

_lock = threading.Lock()
_client: Client | None = None
_active_id: str | None = None
_active_name, _active_uri = "", ""
"""What the active experiment is called, and in which store it has its id."""


def client() -> Client:
    """Return a client of the store that this process tracks to."""
    global _client
    uri = location.get_tracking_uri()
    known = _client
    if known is None or known.tracking_uri != uri or known.host is not host.current():
        known = _client = Client(uri)
    return known


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None
) -> Experiment:
    """Start runs in this experiment from now on; one named that does not exist is created.

    Processes started by this one use it too. After ``set_tracking_uri`` it is the experiment of the
    same name in the other store.
    """
    global _active_id, _active_name, _active_uri
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidValue("set_experiment needs either experiment_name or experiment_id.")
    if experiment_name is not None:
        experiment = _get_or_create(experiment_name)
    else:
        experiment = client().get_experiment(str(experiment_id))
    if experiment.lifecycle_stage is LifecycleStage.DELETED:
        raise InvalidState(
            f"The experiment {experiment.name!r} (id {experiment.experiment_id}) is deleted.",
            hint="Restore it with restore_experiment, or use another name.",
        )
    _active_id, _active_name = experiment.experiment_id, experiment.name
    _active_uri = location.get_tracking_uri()
    # By its name, which other processes find in whatever store they track to.
    os.environ["PEGBOARD_EXPERIMENT_NAME"] = experiment.name
    os.environ.pop("PEGBOARD_EXPERIMENT_ID", None)
    return experiment


def _get_or_create(name: str) -> Experiment:
    here = client()
    experiment = here.get_experiment_by_name(name)
    if experiment is None:
        try:
            experiment = here.get_experiment(here.create_experiment(name))
        except AlreadyExists:
            # Another process was faster.
            experiment = here.get_experiment_by_name(name)
            if experiment is None:
                raise
    return experiment


def chosen_experiment_id() -> str | None:
    """Return the id of the experiment chosen by ``set_experiment``, if one was.

    Another store has other ids: there it is looked up by its name, and created if need be.
    """
    if _active_id is not None and _active_uri != location.get_tracking_uri():
        set_experiment(_active_name)
    return _active_id


def current_experiment_id() -> str:
    """Return the id of the experiment that runs start in.

    It is the one of ``set_experiment``, else of the environment variables
    ``MLFLOW_EXPERIMENT_NAME`` (created if need be) or ``MLFLOW_EXPERIMENT_ID`` (or ``PEGBOARD_…``,
    which take precedence), else the default one.
    """
    chosen = chosen_experiment_id()
    if chosen is not None:
        return chosen
    name, by_id = of_environment()
    if name is not None:
        experiment = _get_or_create(name[1])
        if by_id is not None and by_id[1] != experiment.experiment_id:
            raise InvalidValue(
                f"The environment variable {by_id[0]} is {by_id[1]!r}, but the experiment "
                f"{name[1]!r} that {name[0]} names has the id {experiment.experiment_id!r}.",
                hint="Set only one of them.",
            )
        return experiment.experiment_id
    if by_id is not None:
        try:
            return client().get_experiment(by_id[1]).experiment_id
        except NotFound as error:
            raise InvalidValue(
                f"The environment variable {by_id[0]} is {by_id[1]!r}, "
                "but there is no experiment with that id."
            ) from error
    return DEFAULT_EXPERIMENT_ID


def of_environment() -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
    """Return the variables, with their values, that tell the experiment's name and its id."""
    name, by_id = environment.find("EXPERIMENT_NAME"), environment.find("EXPERIMENT_ID")
    if name and by_id and _is_ours(name[0]) != _is_ours(by_id[0]):
        return (name, None) if _is_ours(name[0]) else (None, by_id)
    return name, by_id


def _is_ours(variable: str) -> bool:
    return variable.startswith("PEGBOARD_")


def create_experiment(
    name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None
) -> str:
    """Create an experiment and return its id; AlreadyExists if the name is taken."""
    return client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """Return an experiment, deleted ones too; else NotFound."""
    return client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """Return the experiment of that name, deleted ones too; None if there is none."""
    return client().get_experiment_by_name(name)


def delete_experiment(experiment_id: str) -> None:
    """Mark an experiment and its runs as deleted."""
    client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Undo ``delete_experiment``."""
    client().restore_experiment(experiment_id)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Return all experiments that match; by default the last updated first."""
    search = partial(
        client().search_experiments,
        view_type=view_type,
        filter_string=filter_string,
        order_by=order_by,
    )
    from pegboard import paging

    return paging.first(search, max_results, _PAGE)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set or change a tag of the active experiment."""
    client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set or change tags of the active experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the active experiment; NotFound if there is none of that key."""
    client().delete_experiment_tag(current_experiment_id(), key)
