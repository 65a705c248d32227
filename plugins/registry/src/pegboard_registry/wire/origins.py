"""What versions come from, in short: runs with the last values of their metrics, and their data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pegboard import tags as names
from pegboard.errors import NotFound, NotSupported
from pegboard_stores import named_runs
from pegboard_wire.pairs import JsonObject
from pegboard_wire.scalars import number_json
from pegboard_wire.shapes import INT64, NUMBER, TEXT, array, mapping, record

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities import Run
    from pegboard.entities.logged_models import LoggedModel
    from pegboard.entities.registry import ModelVersion

MOST_METRICS = 200
"""How many metrics of a run are shown; system metrics never are."""
MOST_DATA = 20

DATA = record(name=TEXT, digest=TEXT, context=TEXT, source_type=TEXT)
RUN = record(
    run_id=TEXT,
    name=TEXT,
    status=TEXT,
    experiment_id=TEXT,
    user=TEXT,
    start_time=INT64,
    end_time={"type": ["integer", "null"]},
    deleted={"type": "boolean"},
    metrics=mapping(NUMBER),
    data=array(DATA),
    code=mapping(TEXT),
)
LOGGED = record(
    model_id=TEXT, name=TEXT, type=TEXT, run_id=TEXT, params=mapping(TEXT), metrics=mapping(NUMBER)
)

_CODE = {
    "commit": names.GIT_COMMIT,
    "branch": names.GIT_BRANCH,
    "repository": names.GIT_URL,
    "dirty": names.GIT_DIRTY,
    "source": names.SOURCE_NAME,
}


def runs_of(store: TrackingStore, versions: Iterable[ModelVersion]) -> dict[str, JsonObject]:
    """Return the runs that versions come from, by their ids; what is gone is left out."""
    runs, _ = named_runs.load(store, [version.run_id for version in versions if version.run_id])
    return {run.info.run_id: run_json(run) for run in runs}


def run_of(store: TrackingStore, run_id: str | None) -> Run | None:
    """Return a run, None if it is not there."""
    if not run_id:
        return None
    try:
        return store.get_run(run_id)
    except NotFound:
        return None


def logged_of(store: TrackingStore, model_id: str | None) -> LoggedModel | None:
    """Return a logged model, None if it is not there."""
    if not model_id:
        return None
    try:
        return store.logged_models().get(model_id)
    except (NotFound, NotSupported):
        return None


def run_json(run: Run) -> JsonObject:
    """Return what a page of the registry shows of a run."""
    info, told = run.info, run.data.tags
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "status": info.status.value,
        "experiment_id": info.experiment_id,
        "user": info.user_id,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "deleted": info.lifecycle_stage.value == "deleted",
        "metrics": _numbers(run.data.metrics),
        "data": _data(run),
        "code": {name: told[tag] for name, tag in _CODE.items() if tag in told},
    }


def logged_json(model: LoggedModel) -> JsonObject:
    """Return what a page of the registry shows of a logged model."""
    points = sorted(model.metrics, key=lambda point: (point.timestamp, point.step))
    return {
        "model_id": model.model_id,
        "name": model.name,
        "type": model.model_type or "",
        "run_id": model.source_run_id or "",
        "params": dict(model.params),
        "metrics": _numbers({point.key: point.value for point in points}),
    }


def _numbers(metrics: Mapping[str, float]) -> dict[str, Any]:
    keys = sorted(key for key in metrics if not key.startswith("system/"))
    return {key: number_json(metrics[key]) for key in keys[:MOST_METRICS]}


def _data(run: Run) -> list[JsonObject]:
    return [
        {
            "name": used.dataset.name,
            "digest": used.dataset.digest,
            "context": next((t.value for t in used.tags if t.key == names.DATASET_CONTEXT), ""),
            "source_type": used.dataset.source_type,
        }
        for used in run.inputs.dataset_inputs[:MOST_DATA]
    ]
