"""``ui/home``: what runs now, experiments by last activity, what happened since yesterday."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import RunInfo
from pegboard.entities.registry import RegistryChange
from pegboard.errors import NotFound, NotSupported
from pegboard_stores import cancellation
from pegboard_stores.activity import DAY_MS, Activity, ExperimentActivity
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
from pegboard_ui.data.sparks import curves_of, planned_steps

MOST_LIVE = 12
MOST_EVENTS = 20
_CHANGED_MODELS = 5


@frozen
class HomeRequest:
    """From which experiment on, and since when events are told (ms; by default since a day)."""

    offset: Annotated[int, Between(0, 1_000_000)] = 0
    limit: Annotated[int, Between(1, 200)] = 50
    since: Annotated[int, Between(0, 1 << 60)] = 0


@frozen
class _Headlines:
    """The headline metrics of experiments, each looked up once for an answer."""

    store: TrackingStore
    activity: Activity
    _known: dict[str, tuple[str | None, int, str]]

    def of(self, experiment_id: str) -> tuple[str | None, int, str]:
        """Return the key of an experiment's headline metric, its direction, and the name."""
        if experiment_id not in self._known:
            found = self.store.get_experiment(experiment_id)
            self.note(experiment_id, found.name, found.tags)
        return self._known[experiment_id]

    def note(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Find out which metric it is."""
        cancellation.check()
        key = headline(self.activity.metric_keys(experiment_id), tags)
        way = RISES if key is None else direction(key, tags)
        self._known[experiment_id] = key, way, name


def home(call: Call, wanted: HomeRequest) -> Answer:
    """Return what the first page shows."""
    store = store_of(call)
    activity = store.ability(Activity) or PlainActivity(store)
    # By whole minutes, so that an answer stays the same for as long as nothing happens.
    now = now_ms() // 60_000 * 60_000 + 60_000
    since = wanted.since or now - DAY_MS
    headlines = _Headlines(store, activity, {})
    found = activity.experiments(now, offset=wanted.offset, limit=wanted.limit)
    experiments = [_experiment(headlines, each) for each in found.experiments]
    live = activity.live(limit=MOST_LIVE)
    return json_answer(
        call,
        {
            "live": [_live(headlines, info) for info in live.runs],
            "live_total": live.total,
            "experiments": experiments,
            "total": found.total,
            "since": {"from": since, "events": _events(call, headlines, since)},
        },
    )


def _experiment(headlines: _Headlines, found: ExperimentActivity) -> dict[str, Any]:
    headlines.note(found.experiment_id, found.name, found.tags)
    key, way, _ = headlines.of(found.experiment_id)
    best = None
    if key is not None:
        best = headlines.activity.best(found.experiment_id, key, rises=way >= 0)
    return {
        "experiment_id": found.experiment_id,
        "name": found.name,
        "runs": found.runs,
        "active": found.live,
        "failed": found.failed,
        "last_activity": found.last_activity,
        "metric": key,
        "direction": NAMES[way],
        "best": None if best is None else best.value,
        "best_run": None
        if best is None
        else {
            "run_id": best.run.run_id,
            "name": best.run.run_name,
            "status": best.run.status.value,
        },
        "strip": found.strip,
    }


def _live(headlines: _Headlines, info: RunInfo) -> dict[str, Any]:
    key, way, experiment = headlines.of(info.experiment_id)
    run = headlines.store.get_run(info.run_id)
    if key not in run.data.latest:
        key = headline(dict.fromkeys(run.data.latest, 1), {})
    made: dict[str, Any] = {
        "run_id": info.run_id,
        "name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment": experiment,
        "metric": key,
        "direction": NAMES[way],
        "value": None,
        "step": None,
        "total": None,
        "spark": [],
        "started": info.start_time,
        "last": None,
        "progress": None,
        "eta_ms": None,
    }
    if key is None:
        return made
    point = run.data.latest[key]
    made |= {"value": number(point.value), "step": point.step, "last": point.timestamp}
    made["spark"] = list(curves_of(headlines.store).spark(info.run_id, key))
    total = planned_steps(run.data.params, point.step)
    if total is not None:
        # Steps are counted from 0.
        done = (point.step + 1) / total
        taken = point.timestamp - info.start_time
        made |= {"total": total, "progress": done}
        if taken > 0:
            made["eta_ms"] = round(taken / done * (1 - done))
    return made


def _events(call: Call, headlines: _Headlines, since: int) -> list[dict[str, Any]]:
    """Return what happened, the last first: runs that ended, moves in the registry."""
    events = [
        _ended(headlines, info) for info in headlines.activity.ended(since, limit=MOST_EVENTS)
    ]
    events += [_changed(change) for change in _changes(call, since)]
    events.sort(key=lambda event: -event["time"])
    return events[:MOST_EVENTS]


def _ended(headlines: _Headlines, info: RunInfo) -> dict[str, Any]:
    _, _, experiment = headlines.of(info.experiment_id)
    return {
        "time": info.end_time,
        "kind": "run",
        "status": info.status.value,
        "run_id": info.run_id,
        "name": info.run_name,
        "experiment_id": info.experiment_id,
        "experiment": experiment,
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
