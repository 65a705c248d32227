"""``ui/home``: what runs now, experiments by last activity, what happened since yesterday."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from attrs import frozen
from pegboard.entities import RunInfo
from pegboard.entities.registry import RegistryChange
from pegboard.errors import NotFound, NotSupported
from pegboard_stores.activity import DAY_MS, Activity, BestRun, Course, ExperimentActivity
from pegboard_stores.clock import now_ms
from pegboard_wire import registries
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import INT64, TEXT, array, record
from pegboard_wire.typed import Between, typed

from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.directions import NAMES, RISES, direction
from pegboard_ui.data.headlines import headline
from pegboard_ui.data.plain_activity import PlainActivity
from pegboard_ui.data.sparks import planned_steps

MOST_LIVE = 12
MOST_EVENTS = 20
_CHANGED_MODELS = 5


@frozen
class HomeRequest:
    """The first experiment to list, and the time of the first event (ms; by default a day ago)."""

    offset: Annotated[int, Between(0, 1_000_000)] = 0
    limit: Annotated[int, Between(1, 200)] = 50
    since: Annotated[int, Between(0, 1 << 60)] = 0


@frozen
class _Headline:
    """The headline metric of an experiment, if it has one, and the experiment's name."""

    key: str | None
    way: int
    experiment: str


def home(call: Call, wanted: HomeRequest) -> Answer:
    """Return what the first page shows."""
    store = store_of(call)
    activity = store.ability(Activity) or PlainActivity(store)
    # By whole minutes, so that an answer stays the same for as long as nothing happens.
    now = now_ms() // 60_000 * 60_000 + 60_000
    since = wanted.since or now - DAY_MS
    found = activity.experiments(now, offset=wanted.offset, limit=wanted.limit)
    live = activity.live(limit=MOST_LIVE)
    ended = activity.ended(since, limit=MOST_EVENTS)
    known = {each.experiment_id: (each.name, each.tags) for each in found.experiments}
    for info in (*live.runs, *ended):
        if info.experiment_id not in known:
            experiment = store.get_experiment(info.experiment_id)
            known[info.experiment_id] = (experiment.name, experiment.tags)
    headlines = _headlines(activity, known)
    events = [_ended(headlines[info.experiment_id], info) for info in ended]
    events += [_changed(change) for change in _changes(call, since)]
    events.sort(key=lambda event: -event["time"])
    return json_answer(
        call,
        {
            "live": _live(activity, headlines, live.runs),
            "live_total": live.total,
            "experiments": _experiments(activity, headlines, found.experiments),
            "total": found.total,
            "since": {"from": since, "events": events[:MOST_EVENTS]},
        },
    )


def _headlines(
    activity: Activity, known: Mapping[str, tuple[str, Mapping[str, str]]]
) -> dict[str, _Headline]:
    keys = activity.metric_keys(list(known))
    found = {}
    for experiment_id, (name, tags) in known.items():
        key = headline(keys[experiment_id], tags)
        way = RISES if key is None else direction(key, tags)
        found[experiment_id] = _Headline(key, way, name)
    return found


def _experiments(
    activity: Activity,
    headlines: Mapping[str, _Headline],
    experiments: Sequence[ExperimentActivity],
) -> list[dict[str, Any]]:
    metrics = {}
    for each in experiments:
        top = headlines[each.experiment_id]
        if top.key is not None:
            metrics[each.experiment_id] = (top.key, top.way >= 0)
    best = activity.best(metrics)
    return [
        _experiment(headlines[each.experiment_id], each, best.get(each.experiment_id))
        for each in experiments
    ]


def _experiment(top: _Headline, found: ExperimentActivity, best: BestRun | None) -> dict[str, Any]:
    run = None
    if best is not None:
        info = best.run
        run = {"run_id": info.run_id, "name": info.run_name, "status": info.status.value}
    return {
        "experiment_id": found.experiment_id,
        "name": found.name,
        "runs": found.runs,
        "active": found.live,
        "failed": found.failed,
        "last_activity": found.last_activity,
        "metric": top.key,
        "direction": NAMES[top.way],
        "best": None if best is None else best.value,
        "best_run": run,
        "strip": found.strip,
    }


def _live(
    activity: Activity, headlines: Mapping[str, _Headline], runs: Sequence[RunInfo]
) -> list[dict[str, Any]]:
    wanted = {info.run_id: headlines[info.experiment_id].key or "" for info in runs}
    courses = activity.courses(wanted)
    return [
        _live_run(headlines[info.experiment_id], info, courses.get(info.run_id, Course()))
        for info in runs
    ]


def _live_run(top: _Headline, info: RunInfo, course: Course) -> dict[str, Any]:
    made: dict[str, Any] = {
        "run_id": info.run_id,
        "name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment": top.experiment,
        "metric": top.key,
        "direction": NAMES[top.way],
        "value": None,
        "step": None,
        "total": None,
        "spark": list(course.spark),
        "started": info.start_time,
        "last": None,
        "progress": None,
        "eta_ms": None,
    }
    point = course.last
    if point is None:
        return made
    made |= {"value": number(point.value), "step": point.step, "last": point.timestamp}
    total = planned_steps(course.counts, point.step)
    if total is not None:
        # Steps are counted from 0.
        done = (point.step + 1) / total
        taken = point.timestamp - info.start_time
        made |= {"total": total, "progress": done}
        if taken > 0 and done > 0:
            made["eta_ms"] = round(taken / done * (1 - done))
    return made


def _ended(top: _Headline, info: RunInfo) -> dict[str, Any]:
    return {
        "time": info.end_time,
        "kind": "run",
        "status": info.status.value,
        "run_id": info.run_id,
        "name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment": top.experiment,
    }


def _changed(change: RegistryChange) -> dict[str, Any]:
    return {
        "time": change.timestamp,
        "kind": "model",
        "change": change.kind.value,
        "name": change.name,
        "version": change.version,
        "key": change.key,
        "before": change.before,
        "after": change.after,
        "user": change.user,
        "reason": change.reason[:500],
    }


def _changes(call: Call, since: int) -> list[RegistryChange]:
    found: list[RegistryChange] = []
    try:
        registry = registries.open_registry(call.host, call.tracking_uri)
        models = registry.search_models(
            order_by=["last_updated_timestamp DESC"], max_results=_CHANGED_MODELS
        )
        for model in models:
            if model.last_updated_timestamp < since:
                break
            page = registry.history(model.name, max_results=MOST_EVENTS)
            found += [change for change in page if change.timestamp >= since]
    except (NotSupported, NotFound):
        pass
    return found


_NUMBER = {"type": ["number", "string", "null"]}

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/ui/home",
        home,
        Permission.READ,
        "What runs now, the experiments by last activity, and what happened since yesterday.",
        HomeRequest,
        record(
            live=array(record(run_id=TEXT, name=TEXT, experiment_id=TEXT, value=_NUMBER)),
            live_total=INT64,
            experiments=array(
                record(
                    experiment_id=TEXT,
                    name=TEXT,
                    runs=INT64,
                    active=INT64,
                    failed=INT64,
                    best=_NUMBER,
                    strip=array(INT64),
                )
            ),
            total=INT64,
            since={"type": "object"},
        ),
        tags=("Pages",),
    )
]
