"""The columns of a list of runs: which to show, and what is in them."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen
from pegboard.cli import output
from pegboard.entities import Experiment, Run
from pegboard.errors import InvalidValue
from pegboard_stores import formats, tables

STATUS_STYLES = {
    "RUNNING": "cyan",
    "SCHEDULED": "cyan",
    "FINISHED": "green",
    "FAILED": "red",
    "KILLED": "red",
    "LOST": "red",
}
_SHORT_ID = 8
_MOST_METRICS = 6
_MOST_PARAMS = 6
_SYSTEM = ("system/", "mlflow.", "pegboard.")
"""How the names of automatic metrics and tags begin."""


@frozen
class RunColumn:
    """A column of a list of runs, and how to fill it."""

    look: tables.Column
    text: Callable[[Run], str]


def columns_of(
    runs: Sequence[Run],
    experiments: Mapping[str, Experiment],
    names: str | None,
    asked: str = "",
) -> list[RunColumn]:
    """Return the columns of these names (comma-separated), by default the most telling ones.

    Keys that occur in ``asked``, the text of the search, count as telling.
    """
    attributes = _attributes(experiments)
    if names is None:
        return _default(runs, attributes, asked)
    chosen: list[RunColumn] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        chosen += _named(name, runs, attributes)
    if not chosen:
        raise InvalidValue(f"--columns names no column: {names!r}.")
    return chosen


def _attributes(experiments: Mapping[str, Experiment]) -> dict[str, RunColumn]:
    # A pipe gets whole ids, a person the few digits that tell runs apart.
    digits = _SHORT_ID if output.is_terminal() else None

    def experiment(run: Run) -> str:
        known = experiments.get(run.info.experiment_id)
        return known.name if known else run.info.experiment_id

    return {
        "name": RunColumn(
            tables.Column("Name", style="bold", most=24), lambda run: run.info.run_name
        ),
        "id": RunColumn(tables.Column("ID"), lambda run: run.info.run_id[:digits]),
        "experiment": RunColumn(tables.Column("Experiment", optional=3, most=24), experiment),
        "status": RunColumn(
            tables.Column("Status", styles=STATUS_STYLES), lambda run: run.info.status
        ),
        "started": RunColumn(
            tables.Column("Started"), lambda run: formats.age(run.info.start_time)
        ),
        "ended": RunColumn(tables.Column("Ended"), lambda run: formats.age(run.info.end_time)),
        "duration": RunColumn(
            tables.Column("Duration", right=True, optional=3),
            lambda run: formats.duration(run.info.start_time, run.info.end_time),
        ),
        "user": RunColumn(tables.Column("User"), lambda run: run.info.user_id),
        "stage": RunColumn(
            tables.Column("Stage", styles={"deleted": "yellow"}),
            lambda run: run.info.lifecycle_stage,
        ),
        "artifacts": RunColumn(tables.Column("Artifacts"), lambda run: run.info.artifact_uri),
    }


def _default(
    runs: Sequence[Run], attributes: Mapping[str, RunColumn], asked: str
) -> list[RunColumn]:
    names = ["name", "id", "status", "started", "duration"]
    if len({run.info.experiment_id for run in runs}) > 1:
        names.insert(2, "experiment")
    if len({run.info.lifecycle_stage for run in runs}) > 1:
        names.insert(3, "stage")
    chosen = [attributes[name] for name in names]
    metrics = _asked_first(_ranked(key for run in runs for key in run.data.latest), asked)
    metrics = metrics[:_MOST_METRICS]
    chosen += [metric_column(key, rank) for rank, key in enumerate(metrics, start=1)]
    params = _asked_first(differing_params(runs), asked)[:_MOST_PARAMS]
    # On a narrow terminal the later metrics and params are left out first, params before metrics.
    chosen += [param_column(key, rank + 2) for rank, key in enumerate(params, start=1)]
    return chosen


def _ranked(keys: object) -> list[str]:
    """Return the keys that people chose, the most frequent first."""
    counts = Counter(keys)  # type: ignore[call-overload]
    own = (key for key in counts if not key.startswith(_SYSTEM))
    return sorted(own, key=lambda key: (-counts[key], key))


def _asked_first(keys: list[str], asked: str) -> list[str]:
    return sorted(keys, key=lambda key: key not in asked)


def differing_params(runs: Sequence[Run]) -> list[str]:
    """Return the params that tell these runs apart, those with the most values first."""
    keys = _ranked(key for run in runs for key in run.data.params)
    if len(runs) < 2:
        return keys
    values = {key: {run.data.params.get(key) for run in runs} for key in keys}
    differing = [key for key in keys if len(values[key]) > 1]
    return sorted(differing, key=lambda key: -len(values[key] - {None}))


def _named(name: str, runs: Sequence[Run], attributes: Mapping[str, RunColumn]) -> list[RunColumn]:
    kind, dot, pattern = name.partition(".")
    if not dot:
        if name not in attributes:
            raise InvalidValue(
                f"There is no column {name!r}.",
                hint=f"There are: {', '.join(attributes)}, and metrics.KEY, params.KEY, "
                "tags.KEY, where KEY may be a pattern such as *.",
            )
        return [attributes[name]]
    makers = {"metrics": metric_column, "params": param_column, "tags": tag_column}
    if kind not in makers:
        raise InvalidValue(
            f"The column {name!r} begins with {kind!r}.",
            hint="Write metrics.KEY, params.KEY or tags.KEY.",
        )
    keys = [pattern]
    if any(mark in pattern for mark in "*?["):
        known = {key for run in runs for key in data_of(run, kind)}
        keys = sorted(fnmatch.filter(known, pattern))
    return [makers[kind](key, 0) for key in keys]


def data_of(run: Run, kind: str) -> Mapping[str, object]:
    """Return the metrics, params or tags of a run."""
    data: Mapping[str, object] = getattr(run.data, kind)
    return data


def metric_column(key: str, rank: int) -> RunColumn:
    """Return the column of a metric's last value."""

    def text(run: Run) -> str:
        point = run.data.latest.get(key)
        return "-" if point is None else formats.number(point.value)

    return RunColumn(tables.Column(key, right=True, optional=rank), text)


def param_column(key: str, rank: int) -> RunColumn:
    """Return the column of a param."""
    look = tables.Column(key, optional=rank, most=18)
    return RunColumn(look, lambda run: run.data.params.get(key, "-"))


def tag_column(key: str, rank: int) -> RunColumn:
    """Return the column of a tag."""
    look = tables.Column(key, optional=rank, most=40)
    return RunColumn(look, lambda run: run.data.tags.get(key, "-"))
