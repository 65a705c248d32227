"""``runs/overview``: all that the page of a run shows at first, in one answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import frozen
from pegboard import tags as names
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import DatasetInput, Run
from pegboard.errors import NotFound, NotSupported, PegboardError
from pegboard.literals import literal
from pegboard_stores import cancellation
from pegboard_stores.activity import Activity
from pegboard_wire import places, registries
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import BOOLEAN, INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.directions import NAMES, direction
from pegboard_ui.data.headlines import headline, is_system
from pegboard_ui.data.plain_activity import PlainActivity
from pegboard_ui.data.shelf import shelf_of
from pegboard_ui.data.sparks import Spark, counts, curves_of, last_json, planned_steps

MOST_POINTS = 2_000_000
"""For how many points in all sparks are drawn; further metrics show numbers only."""
MOST_LISTED = 200
"""How many files, datasets, models and versions are listed."""
MOST_SCHEMA = 4_000


@frozen
class OverviewRequest:
    """Which run, and for how many of its metrics sparks are wanted."""

    run_id: Annotated[str, AtMost(250)]
    sparks: Annotated[int, Between(0, 500)] = 60


def overview(call: Call, wanted: OverviewRequest) -> Answer:
    """Return what the page of a run shows."""
    store = store_of(call)
    run = store.get_run(wanted.run_id)
    activity = store.ability(Activity) or PlainActivity(store)
    experiment = store.get_experiment(run.info.experiment_id)
    top = headline(dict.fromkeys(run.data.latest, 1), experiment.tags)
    before = None
    if top is not None:
        way = direction(top, experiment.tags)
        wanted_best = {run.info.experiment_id: (top, way >= 0)}
        found = activity.best(wanted_best, before=run.info)
        before = found.get(run.info.experiment_id)
    return json_answer(
        call,
        {
            "info": _info(run, experiment.name),
            "headline": top,
            "metrics": _metrics(store, run, experiment.tags, top, wanted.sparks),
            "params": run.data.params,
            "tags": run.data.tags,
            "progress": _progress(run, top),
            "parent": _parent(store, run),
            "children": activity.children(run.info.run_id),
            "datasets": [_dataset(each) for each in run.inputs.dataset_inputs[:MOST_LISTED]],
            "models": _models(store, run),
            "versions": _versions(call, run),
            "artifacts": _artifacts(call, run),
            "compare": None if before is None else _compared(store, before.run.run_id, top),
        },
    )


def _info(run: Run, experiment: str) -> dict[str, Any]:
    info = run.info
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment": experiment,
        "status": info.status.value,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "user": info.user_id,
        "deleted": info.lifecycle_stage.value == "deleted",
        "artifact_uri": info.artifact_uri,
    }


def _metrics(
    store: TrackingStore, run: Run, tags: Mapping[str, str], top: str | None, sparks: int
) -> dict[str, Any]:
    """Return all metrics, with sparks of the first ones in the order of a page."""
    curves = curves_of(store)
    made: dict[str, Any] = {}
    order = sorted(
        run.data.latest.items(), key=lambda each: (each[0] != top, is_system(each[0]), each[0])
    )
    left = MOST_POINTS
    for place, (key, point) in enumerate(order):
        way = direction(key, tags)
        told: dict[str, Any] = {**last_json(point), "direction": NAMES[way]}
        if place < sparks and left > 0:
            cancellation.check()
            spark = Spark.of(curves, run.info.run_id, key)
            left -= spark.curve.total
            told |= spark.json(way)
        made[key] = told
    return made


def _progress(run: Run, top: str | None) -> dict[str, Any] | None:
    point = run.data.latest.get(top or "")
    if point is None:
        return None
    total = planned_steps(counts(run.data.params), point.step)
    return None if total is None else {"step": point.step, "total": total}


def _parent(store: TrackingStore, run: Run) -> dict[str, Any] | None:
    parent = run.data.tags.get(names.PARENT_RUN_ID)
    if not parent:
        return None
    try:
        info = store.get_run(parent).info
    except NotFound:
        return {"run_id": parent, "name": None, "status": None}
    return {"run_id": parent, "name": info.run_name, "status": info.status.value}


def _dataset(used: DatasetInput) -> dict[str, Any]:
    data = used.dataset
    return {
        "name": data.name,
        "digest": data.digest,
        "source_type": data.source_type,
        "source": data.source[:MOST_SCHEMA],
        "schema": (data.schema or "")[:MOST_SCHEMA] or None,
        "profile": (data.profile or "")[:MOST_SCHEMA] or None,
        "context": next((t.value for t in used.tags if t.key == names.DATASET_CONTEXT), None),
    }


def _models(store: TrackingStore, run: Run) -> list[dict[str, Any]]:
    used = [(each.model_id, "input", None) for each in run.inputs.model_inputs]
    made = [(each.model_id, "output", each.step) for each in run.outputs.model_outputs]
    found = []
    for model_id, role, step in [*made, *used][:MOST_LISTED]:
        try:
            model = store.logged_models().get(model_id)
        except (NotFound, NotSupported):
            continue
        found.append(
            {
                "model_id": model_id,
                "name": model.name,
                "status": model.status.value,
                "type": model.model_type,
                "created": model.creation_timestamp,
                "role": role,
                "step": step,
            }
        )
    return found


def _versions(call: Call, run: Run) -> list[dict[str, Any]]:
    """Return the versions of registered models that come from a run, the newest first."""
    try:
        registry = registries.open_registry(call.host, call.tracking_uri)
        found = registry.search_versions(
            filter=f"run_id = {literal(run.info.run_id)}", max_results=MOST_LISTED
        )
    except NotSupported:
        return []
    return [
        {
            "name": version.name,
            "version": version.version,
            "aliases": sorted(version.aliases),
            "stage": version.current_stage,
            "created": version.creation_timestamp,
        }
        for version in found
    ]


def _artifacts(call: Call, run: Run) -> dict[str, Any]:
    """Return the files at the top, or why there is no list of them."""
    try:
        place = places.place_of(call, run.info.artifact_uri)
        files = place.list("")
        shelf = shelf_of(place)
    except PegboardError as error:
        return {"files": [], "total": 0, "error": str(error), "all": None}
    shown = [
        {"path": file.path, "is_dir": file.is_dir, "size": file.file_size}
        for file in files[:MOST_LISTED]
    ]
    whole = None if shelf is None else shelf.json()
    return {"files": shown, "total": len(files), "error": None, "all": whole}


def _compared(store: TrackingStore, run_id: str, top: str | None) -> dict[str, Any]:
    """Return the run to compare with: its params and the last values of its metrics."""
    run = store.get_run(run_id)
    return {
        "run_id": run_id,
        "name": run.info.run_name,
        "status": run.info.status.value,
        "metric": top,
        "metrics": {key: number(value) for key, value in run.data.metrics.items()},
        "params": run.data.params,
    }


_MAYBE = {"type": ["object", "null"]}

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/overview",
        overview,
        Permission.READ,
        "All that the page of a run shows.",
        OverviewRequest,
        record(
            info=record(run_id=TEXT, name=TEXT, status=TEXT, deleted=BOOLEAN),
            headline={"type": ["string", "null"]},
            metrics=mapping({"type": "object"}),
            params=mapping(TEXT),
            tags=mapping(TEXT),
            progress=_MAYBE,
            parent=_MAYBE,
            children=INT64,
            datasets=array({"type": "object"}),
            models=array({"type": "object"}),
            versions=array({"type": "object"}),
            artifacts={"type": "object"},
            compare=_MAYBE,
        ),
        tags=("Pages",),
    )
]
