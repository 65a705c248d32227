"""The gates of this distribution: a person's approval, and an evaluation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pegboard.contracts.registry import ModelRegistry, Promotion
from pegboard.entities import LifecycleStage, Metric, Run, RunData, RunInfo, RunStatus
from pegboard.errors import ConfigError, FilterError, NotFound, command_line
from pegboard_stores.filters import RUNS, Comparison, Expr, Field, Kind, Not, matches, parse_filter

from pegboard_registry.hookspecs import Verdict
from pegboard_registry.names import NAME
from pegboard_registry.promotion import store_beside

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities.logged_models import LoggedModel
    from pegboard.entities.registry import ModelVersion
    from pegboard.host import Host


def approval(promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    """Pass if enough people, its author not among them, have approved the version for this."""
    needed = int(host.settings(NAME).approvals_needed)
    version = registry.get_version(promotion.name, promotion.version)
    given = registry.approvals(promotion.name, version.version, promotion.key)
    users = sorted({str(each.user) for each in given} - {str(version.user_id)})
    if len(users) >= needed:
        return Verdict(True, f"approved by {', '.join(users)}")
    people = "1 person" if needed == 1 else f"{needed} people"
    author = f" other than its author {version.user_id!r}" if version.user_id else ""
    so_far = f" So far: {', '.join(users)}." if users else ""
    what = f"{promotion.name}/{version.version}"
    command = command_line("pegboard", "registry", "approve", what, promotion.key)
    return Verdict(
        False,
        f"it needs the approval of {people}{author}.{so_far} They give it with: {command}",
    )


def evaluation(promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    """Pass if the run or the logged model behind the version meets all configured conditions."""
    conditions = _conditions(host)
    version = registry.get_version(promotion.name, promotion.version)
    run = _measured(store_beside(host, registry), version)
    if run is None:
        return Verdict(False, "there is no run and no logged model that it was made from.")
    failed = [text for text, expr in conditions.items() if not matches(expr, run)]
    if not failed:
        return Verdict(True, " and ".join(conditions))
    reasons = [f"{text} does not hold ({_values(conditions[text], run)})" for text in failed]
    return Verdict(False, f"{'; '.join(reasons)}.")


def _conditions(host: Host) -> Mapping[str, Expr]:
    texts = host.settings(NAME).evaluation
    where = f"{host.config.file}: [plugins.{NAME}] evaluation"
    found: dict[str, Expr] = {}
    for text in texts:
        try:
            expr = parse_filter(str(text), RUNS)
        except FilterError as error:
            raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error
        if expr is not None:
            found[str(text)] = expr
    if not found:
        raise ConfigError(
            f"{where} says nothing, although a promotion requires it.",
            hint='Write for instance: evaluation = ["metrics.accuracy > 0.9"]',
        )
    return found


def _measured(store: TrackingStore, version: ModelVersion) -> Run | None:
    """Return what is known of the run behind a version, with what is known of the model itself."""
    run, model = None, None
    with contextlib.suppress(NotFound):
        run = store.get_run(version.run_id) if version.run_id else None
    with contextlib.suppress(NotFound):
        model = store.logged_models().get(version.model_id) if version.model_id else None
    if model is None:
        return run
    data = RunData() if run is None else run.data
    return Run(
        _no_run(model) if run is None else run.info,
        RunData(
            {**data.latest, **_latest(model)},
            {**data.params, **model.params},
            {**data.tags, **model.tags},
        ),
    )


def _latest(model: LoggedModel) -> dict[str, Metric]:
    points = sorted(model.metrics, key=lambda point: (point.timestamp, point.step))
    return {point.key: point for point in points}


def _no_run(model: LoggedModel) -> RunInfo:
    return RunInfo(
        run_id="",
        experiment_id=model.experiment_id,
        run_name=model.name,
        user_id="",
        status=RunStatus.FINISHED,
        start_time=model.creation_timestamp,
        end_time=None,
        lifecycle_stage=LifecycleStage.ACTIVE,
        artifact_uri=model.artifact_location,
    )


def _values(expr: Expr, run: Run) -> str:
    found = {f"{field.kind} {field.key}": _value(field, run) for field in _fields(expr)}
    return ", ".join(f"{name} is {value}" for name, value in found.items())


def _fields(expr: Expr) -> Iterator[Field]:
    if isinstance(expr, Comparison):
        yield expr.field
        return
    for item in (expr.item,) if isinstance(expr, Not) else expr.items:
        yield from _fields(item)


def _value(field: Field, run: Run) -> object:
    if field.kind is Kind.METRIC:
        return run.data.metrics.get(field.key, "missing")
    if field.kind is Kind.PARAM:
        return run.data.params.get(field.key, "missing")
    if field.kind is Kind.TAG:
        return run.data.tags.get(field.key, "missing")
    return "another"
