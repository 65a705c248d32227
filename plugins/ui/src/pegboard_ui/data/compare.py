"""``runs/compare``: what runs have in common and where they differ, as rows of equal columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

from attrs import field, frozen
from pegboard import tags as names
from pegboard.entities import Run
from pegboard.errors import InvalidValue
from pegboard_stores import named_runs
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import BOOLEAN, INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.directions import NAMES, better, direction
from pegboard_ui.data.headlines import headline, is_system

MOST_RUNS = 100
MOST_ROWS = 5_000
MOST_TEXT = 2_000
"""How many characters of a param or tag are sent; what differs behind them is still told."""

_COMMIT = 10
"""How many digits of a commit are shown."""

HIDDEN_TAGS = (
    "mlflow.runName",
    "mlflow.loggedArtifacts",
    "mlflow.loggedImages",
    "mlflow.log-model.history",
    names.GIT_COMMIT,
    names.GIT_DIRTY,
)
"""Tags that say nothing to people, or what stands elsewhere."""


@frozen
class CompareRequest:
    """Which runs, against which of them, and whether only where they differ."""

    run_ids: Annotated[list[str], AtMost(MOST_RUNS)]
    diff: bool = False
    baseline: str = ""
    offset: Annotated[int, Between(0, 1_000_000)] = 0
    limit: Annotated[int, Between(1, MOST_ROWS)] = 2_000
    kinds: list[str] = field(factory=lambda: ["metrics", "params", "tags", "attributes"])


def compare(call: Call, wanted: CompareRequest) -> Answer:
    """Return the rows, and by how much metrics differ from those of the baseline."""
    store = store_of(call)
    runs, missing = named_runs.load(store, wanted.run_ids)
    ids = [run.info.run_id for run in runs]
    if wanted.baseline and wanted.baseline not in ids:
        raise InvalidValue(f"The baseline {wanted.baseline[:60]!r} is not one of the runs.")
    base = ids.index(wanted.baseline) if wanted.baseline else 0
    places = {
        experiment: store.get_experiment(experiment)
        for experiment in dict.fromkeys(run.info.experiment_id for run in runs)
    }
    shared = next(iter(places.values())).tags if len(places) == 1 else {}
    top = headline(Counter(chain(*(run.data.metrics for run in runs))), shared)
    rows = _rows(runs, wanted.kinds, top) if runs else []
    differing = sum(row.differs for row in rows)
    shown = [row for row in rows if row.differs or not wanted.diff]
    return json_answer(
        call,
        {
            "runs": [_run_json(run) for run in runs],
            "experiments": {experiment: place.name for experiment, place in places.items()},
            "missing": missing,
            "headline": top,
            "baseline": ids[base] if ids else None,
            "rows": [
                row.json(base, shared)
                for row in shown[wanted.offset : wanted.offset + wanted.limit]
            ],
            "total": len(rows),
            "differing": differing,
            "kinds": _kinds(rows),
            "matched": len(shown),
        },
    )


def _kinds(rows: Sequence[_Row]) -> dict[str, dict[str, int]]:
    """Return for each kind how many rows there are, and in how many of them runs differ."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = found.setdefault(row.kind, {"total": 0, "differing": 0})
        counts["total"] += 1
        counts["differing"] += row.differs
    return found


def _run_json(run: Run) -> dict[str, Any]:
    info = run.info
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "status": info.status.value,
        "experiment_id": info.experiment_id,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "user": info.user_id,
        "deleted": info.lifecycle_stage.value == "deleted",
        "commit": run.data.tags.get(names.GIT_COMMIT, ""),
        "repository": run.data.tags.get(names.GIT_URL, ""),
    }


@frozen
class _Row:
    """What runs have under one key. Only rows that are sent become JSON: there may be 100,000."""

    kind: str
    key: str
    values: Sequence[Any]
    differs: bool

    def json(self, base: int, tags: Mapping[str, str]) -> dict[str, Any]:
        """Return what is sent; metrics are judged against the run at ``base``."""
        values = self.values
        told = {"column": f"{self.kind}.{self.key}", "kind": self.kind, "differs": self.differs}
        if self.kind != "metrics":
            told |= {"values": [_cut(value) for value in values], "delta": None, "better": None}
            if any(isinstance(value, str) and len(value) > MOST_TEXT for value in values):
                told["cut"] = True
            return told
        than, way = values[base], direction(self.key, tags)
        return told | {
            "direction": NAMES[way],
            "values": [None if value is None else number(value) for value in values],
            "delta": [_delta(value, than) for value in values],
            "better": [better(way, value, than) for value in values],
        }


def _rows(runs: Sequence[Run], kinds: Sequence[str], top: str | None) -> list[_Row]:
    rows: list[_Row] = []
    if "metrics" in kinds:
        metrics = [run.data.metrics for run in runs]
        keys = set().union(*metrics)
        for key in sorted(keys, key=lambda key: (key != top, is_system(key), key)):
            values = [each.get(key) for each in metrics]
            rows.append(_Row("metrics", key, values, _differ_as_numbers(values)))
    if "params" in kinds:
        rows += _text_rows("params", [run.data.params for run in runs])
    if "tags" in kinds:
        rows += _text_rows("tags", [run.data.tags for run in runs])
    if "attributes" in kinds:
        rows += [_plain_row("attributes", name, list(map(of, runs))) for name, of in _ATTRIBUTES]
        for name, of in _ORIGINS:
            if any(found := list(map(of, runs))):
                rows.append(_plain_row("attributes", name, found))
    return rows


def _delta(value: float | None, than: float | None) -> float | str | None:
    if value is None or than is None:
        return None
    delta = value - than
    # Two infinities, or NaN, have no difference that says anything.
    return None if delta != delta else number(float(f"{delta:.6g}"))


def _text_rows(kind: str, texts: Sequence[Mapping[str, str]]) -> list[_Row]:
    keys = sorted(set().union(*texts) - set(HIDDEN_TAGS if kind == "tags" else ()))
    return [_plain_row(kind, key, [each.get(key) for each in texts]) for key in keys]


def _plain_row(kind: str, key: str, values: Sequence[Any]) -> _Row:
    return _Row(kind, key, values, _differ(values))


def _cut(value: Any) -> Any:
    return value[:MOST_TEXT] if isinstance(value, str) else value


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values[1:])


def _differ_as_numbers(values: Sequence[float | None]) -> bool:
    """NaN differs from all numbers, but not from NaN."""
    return _differ([value if value == value else "NaN" for value in values])


def _duration(run: Run) -> int | None:
    return None if run.info.end_time is None else run.info.end_time - run.info.start_time


def _code(run: Run) -> str | None:
    """Return the commit of a run, and whether something was not committed."""
    told = run.data.tags
    commit = told.get(names.GIT_COMMIT)
    edited = told.get(names.GIT_DIRTY, "").lower() == "true"
    return commit and (f"{commit[:_COMMIT]}, edited" if edited else commit[:_COMMIT])


def _data(run: Run) -> str | None:
    used = [f"{each.dataset.name}@{each.dataset.digest}" for each in run.inputs.dataset_inputs]
    return ", ".join(dict.fromkeys(used)) or None


_ATTRIBUTES: Sequence[tuple[str, Callable[[Run], Any]]] = (
    ("status", lambda run: run.info.status.value),
    ("start_time", lambda run: run.info.start_time),
    ("duration", _duration),
    ("user_id", lambda run: run.info.user_id),
    ("experiment_id", lambda run: run.info.experiment_id),
)

_ORIGINS: Sequence[tuple[str, Callable[[Run], str | None]]] = (("code", _code), ("data", _data))
"""Attributes that many runs do not have; without one that has them there is no row."""

_MAYBE_ARRAY = {"type": ["array", "null"]}

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/runs/compare",
        compare,
        Permission.READ,
        "Compare runs: metrics, params, tags and attributes, and where they differ.",
        CompareRequest,
        record(
            baseline={"type": ["string", "null"]},
            headline={"type": ["string", "null"]},
            total=INT64,
            matched=INT64,
            differing=INT64,
            kinds=mapping(record(total=INT64, differing=INT64)),
            experiments=mapping(TEXT),
            missing=array(TEXT),
            runs=array(
                record(
                    run_id=TEXT,
                    name=TEXT,
                    status=TEXT,
                    experiment_id=TEXT,
                    start_time=INT64,
                    end_time={"type": ["integer", "null"]},
                    user=TEXT,
                    deleted=BOOLEAN,
                    commit=TEXT,
                    repository=TEXT,
                )
            ),
            rows=array(
                record(
                    column=TEXT,
                    kind=TEXT,
                    direction=TEXT,
                    differs=BOOLEAN,
                    values=array({"type": ["number", "string", "null"]}),
                    delta=_MAYBE_ARRAY,
                    better=_MAYBE_ARRAY,
                    cut=BOOLEAN,
                )
            ),
        ),
        tags=("Pages",),
    )
]
