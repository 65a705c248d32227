"""``pegboard.evaluate``, and what belongs to it, under MLflow's names."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import frozen
from pegboard import host as hosts
from pegboard.contracts.evaluation import EvaluationTable, ModelEvaluator, Work
from pegboard.entities import Dataset, DatasetInput, InputTag
from pegboard.errors import InvalidValue, NotFound, PegboardError
from pegboard.tags import DATASET_CONTEXT
from pegboard_scripting import data as descriptions
from pegboard_scripting.client import Client
from pegboard_scripting.fluent import models

from pegboard_evaluation import default, resumption, rows, tables, thresholds
from pegboard_evaluation.metric import EvaluationMetric, MetricValue, make_metric
from pegboard_evaluation.pieces import Predicted, joined, predicted
from pegboard_evaluation.predicting import Predictor, predictor
from pegboard_evaluation.recording import Recorder, Target
from pegboard_evaluation.results import EvaluationArtifact, EvaluationResult
from pegboard_evaluation.thresholds import (
    MetricThreshold,
    ModelValidationFailedException,
    validate_evaluation_results,
)

__all__ = [
    "EvaluationArtifact",
    "EvaluationMetric",
    "EvaluationResult",
    "MetricThreshold",
    "MetricValue",
    "ModelValidationFailedException",
    "evaluate",
    "make_metric",
    "validate_evaluation_results",
]

_LOG = logging.getLogger("pegboard")

DEFAULT = "default"
_TRIED = 2
"""Rows that metrics are tried on before all are evaluated."""

_OURS = ("sample_weights", "probabilities", "keep_rows", "seed")
"""Keys of ``evaluator_config`` that are about the table, not about the evaluator."""


def evaluate(
    model: Any = None,
    data: Any = None,
    *,
    model_type: str | None = None,
    targets: Any = None,
    predictions: Any = None,
    dataset_path: str | None = None,
    feature_names: Sequence[str] | None = None,
    evaluators: str | Sequence[str] | None = None,
    evaluator_config: Mapping[str, Any] | None = None,
    extra_metrics: Sequence[EvaluationMetric] | None = None,
    custom_metrics: Sequence[EvaluationMetric] | None = None,
    custom_artifacts: Sequence[Callable[..., Any]] | None = None,
    validation_thresholds: Mapping[str, MetricThreshold] | None = None,
    baseline_model: Any = None,
    env_manager: str = "local",
    model_config: Mapping[str, Any] | None = None,
    baseline_config: Mapping[str, Any] | None = None,
    inference_params: Mapping[str, Any] | None = None,
    model_id: str | None = None,
    resume: str | None = None,
) -> EvaluationResult:
    """Evaluate a model, or a table of predictions, and log the result to the active run.

    What models and judges answer is kept in the run as it comes, unless it all takes but a moment:
    after a crash or Ctrl-C, the same call with ``resume`` pays for nothing twice.

    Args:
        model: a URI, ``endpoints:/NAME``, a loaded model, a model of scikit-learn, or a function
            of a DataFrame. None: the data holds the predictions.
        data: a DataFrame, an array, a list, or what ``pegboard.data.from_pandas`` returned.
        model_type: ``classifier``, ``regressor``, ``question-answering``, ``text-summarization``,
            ``text`` or ``retriever``; None: the ``extra_metrics`` alone.
        targets: the column that holds what would be right, or its values.
        predictions: the column that holds, or gets, what the model gave.
        dataset_path: where the data is from, for the description of the run's input.
        feature_names: the columns that the model gets; all others by default.
        evaluators: their names; by default ``default``. 'pegboard plugins' lists them.
        evaluator_config: of one evaluator, its settings; of several, ``{NAME: SETTINGS}``.
        extra_metrics: what ``make_metric`` made, or functions of ``pegboard.metrics``.
        custom_metrics: an older name of ``extra_metrics``.
        custom_artifacts: functions that return files.
        validation_thresholds: by metric, what it must reach.
        baseline_model: a model to compare with, for thresholds that ask for a change.
        env_manager: only ``local``.
        model_config: for loading a model by its URI; ``baseline_config`` likewise.
        baseline_config: for loading the baseline.
        inference_params: for endpoints.
        model_id: the logged model that metrics are of.
        resume: the id of the run to go on with; rows are found again by what they hold.

    Raises:
        InvalidValue: names the argument, column, metric or row that is wrong.
        ModelValidationFailedException: a threshold is missed.
    """
    limits = thresholds.checked(validation_thresholds) if validation_thresholds else {}
    if any(each.compares for each in limits.values()) and baseline_model is None:
        raise InvalidValue(
            "Thresholds ask for a change (min_absolute_change, min_relative_change), and there is "
            "no baseline_model."
        )
    metrics = [*(extra_metrics or ()), *(custom_metrics or ())]
    asked = _asked(model_type, evaluators, evaluator_config, metrics, custom_artifacts)
    chosen = None
    if model is not None:
        chosen = predictor(
            model,
            model_config=model_config,
            inference_params=inference_params,
            env_manager=env_manager,
        )
    given = tables.given(data, targets, predictions, feature_names, static=chosen is None)
    if DEFAULT in asked.config:
        default.need_targets(model_type or "", given.targets)
    output_name = predictions if isinstance(predictions, str) else ""
    base = None
    if baseline_model is not None:
        base = predictor(baseline_model, model_config=baseline_config, env_manager=env_manager)
    plan = _Plan(asked, model_type or "", given, output_name, dataset_path, resume)
    result = _evaluated(plan, chosen, base, model_id)
    if limits:
        thresholds.validate(limits, result.metrics, result.baseline_model_metrics)
    return result


# -- what is asked for ---------------------------------------------------------------------------


@frozen
class _Asked:
    """Evaluators and their tables of settings, and what is said of the table."""

    config: Mapping[str, Mapping[str, Any]]
    weights: Any
    probabilities: Any
    keep_rows: int
    seed: int
    takes_time: bool
    """Whether each prediction is timed."""
    prefix: str

    def opened(self, given: tables.Given, output_name: str) -> list[ModelEvaluator]:
        """Make the evaluators."""
        names = {"targets_name": given.targets_name}
        names["predictions_name"] = given.predictions_name or output_name
        made = []
        for name, config in self.config.items():
            full = {**config, **names} if name == DEFAULT else dict(config)
            made.append(hosts.current().evaluator(name, full, f"evaluator_config of {name!r}"))
        return made


@frozen(eq=False)
class _Plan:
    """An evaluation that is to be done, of one model or another."""

    asked: _Asked
    kind: str
    given: tables.Given
    output_name: str
    dataset_path: str | None
    resume: str | None


def _asked(
    model_type: str | None,
    evaluators: str | Sequence[str] | None,
    config: Mapping[str, Any] | None,
    extra_metrics: Sequence[EvaluationMetric] | None,
    custom_artifacts: Sequence[Callable[..., Any]] | None,
) -> _Asked:
    if model_type is not None and model_type not in default.KINDS:
        raise InvalidValue(
            f"model_type is {model_type!r}, which there is not.",
            hint=f"There are: {', '.join(map(repr, default.KINDS))}. Or leave it out, and name "
            "extra_metrics.",
        )
    by_name = {name: dict(each) for name, each in _by_name(evaluators, config).items()}
    if DEFAULT in by_name and model_type is None and not extra_metrics:
        raise InvalidValue(
            "There is neither a model_type nor extra_metrics: nothing would be measured."
        )
    own = {key: each.pop(key) for each in by_name.values() for key in _OURS if key in each}
    if DEFAULT in by_name:
        table = by_name[DEFAULT]
        metrics = list(extra_metrics or ())
        table["parameters"] = _for_metrics(table, metrics)
        table |= {"extra_metrics": metrics, "custom_artifacts": list(custom_artifacts or ())}
    elif extra_metrics or custom_artifacts:
        raise InvalidValue("extra_metrics and custom_artifacts are for the evaluator 'default'.")
    return _Asked(
        by_name,
        own.get("sample_weights"),
        own.get("probabilities"),
        own.get("keep_rows", rows.MOST),
        own.get("seed", 0),
        any(getattr(each, "name", "") == "latency" for each in extra_metrics or ()),
        by_name.get(DEFAULT, {}).get("metric_prefix") or "",
    )


def _by_name(
    evaluators: str | Sequence[str] | None, config: Mapping[str, Any] | None
) -> Mapping[str, Mapping[str, Any]]:
    """Return the settings of each evaluator, by its name."""
    given = dict(config or {})
    if evaluators is None or isinstance(evaluators, str):
        name = evaluators or DEFAULT
        nested = set(given) == {name} and isinstance(given[name], Mapping)
        return {name: given[name] if nested else given}
    names = list(dict.fromkeys(evaluators))
    if not names:
        raise InvalidValue("'evaluators' is empty: nothing would be evaluated.")
    if strange := [key for key in given if key not in names]:
        raise InvalidValue(
            f"evaluator_config has {strange[0]!r}, which is not one of the evaluators "
            f"{', '.join(map(repr, names))}.",
            hint="With a list of evaluators it is {NAME: SETTINGS}.",
        )
    return {name: given.get(name) or {} for name in names}


def _for_metrics(table: dict[str, Any], metrics: Sequence[EvaluationMetric]) -> dict[str, Any]:
    """Take from the settings what only metrics of the user ask for."""
    import inspect

    own = {each.name for each in attrs.fields(default.Settings)}
    asked = {
        name
        for metric in metrics
        if isinstance(metric, EvaluationMetric)
        for name in inspect.signature(metric.eval_fn).parameters
    }
    return {key: table.pop(key) for key in list(table) if key in asked - own}


# -- evaluating ----------------------------------------------------------------------------------


def _evaluated(
    plan: _Plan, model: Predictor | None, base: Predictor | None, model_id: str | None
) -> EvaluationResult:
    """Evaluate and log; a baseline is measured beside."""
    with resumption.run_of(plan.resume) as (client, run_id, _):
        answers = resumption.answers_of(client, run_id, plan.resume)
        token = resumption.kept.set(answers)
        try:
            result = _logged(plan, model, model_id, (client, run_id))
            if base is not None:
                result.baseline_model_metrics = _measured(plan, base)
        except KeyboardInterrupt:
            if answers.has_written:
                _LOG.warning(
                    "The evaluation broke off; evaluate(…, resume=%r) goes on with it.", run_id
                )
            raise
        finally:
            resumption.kept.reset(token)
    return result


def _logged(
    plan: _Plan, model: Predictor | None, model_id: str | None, run: tuple[Client, str]
) -> EvaluationResult:
    """Evaluate, and log each result when it is there."""
    client, run_id = run
    made = plan.asked.opened(plan.given, plan.output_name)
    place = tempfile.TemporaryDirectory()
    parts = _predictions(plan, model)
    first = next(parts)
    for evaluator in made:
        evaluator.check(_table(plan, model, first, _TRIED))
    dataset = _described(plan)
    known = model_id or (model.model_id if model else None) or models.get_active_model_id()
    _log_inputs(client, run_id, dataset, known, plan.asked.prefix)
    found = joined([first, *parts])
    table = _table(plan, model, found)
    target = Target(
        client=client,
        run_id=run_id,
        dataset=dataset,
        model_id=known,
        prefix=plan.asked.prefix,
        directory=Path(place.name),
        keep_rows=plan.asked.keep_rows,
        is_resumed=plan.resume is not None,
    )
    recorder = Recorder(target, table, _left(plan, found))
    try:
        _keep_definitions(plan, recorder)
        _work(made, table, recorder, Path(place.name), plan.asked.seed)
    except BaseException:
        # Ctrl-C, too: what is there is kept.
        recorder.finish()
        raise
    result = recorder.finish()
    result.place = place
    return result


def _work(
    made: Sequence[ModelEvaluator],
    table: EvaluationTable,
    recorder: Recorder,
    place: Path,
    seed: int,
) -> None:
    for number, evaluator in enumerate(made):
        directory = place / str(number)
        directory.mkdir()
        for result in evaluator.evaluate(table, Work(directory=directory, seed=seed)):
            recorder.add(result)


def _keep_definitions(plan: _Plan, recorder: Recorder) -> None:
    """Log what metrics of ``metrics.genai`` were made of."""
    own = plan.asked.config.get(DEFAULT, {}).get("extra_metrics", ())
    if all(getattr(each, "genai_metric_args", None) is None for each in own):
        return
    from pegboard_evaluation import judged_metrics  # All of ``genai``: a third of a second.

    if found := judged_metrics.definitions(own):
        name = judged_metrics.DEFINITIONS
        recorder.add_table(name.removesuffix(".json"), name, pd.DataFrame(found))


def _measured(plan: _Plan, model: Predictor) -> dict[str, float]:
    """Return the metrics of another model; nothing is logged, and nothing drawn."""
    config = {name: dict(table) for name, table in plan.asked.config.items()}
    if DEFAULT in config:
        config[DEFAULT] |= {"custom_artifacts": [], "plots": False}
    quiet = attrs.evolve(plan, asked=attrs.evolve(plan.asked, config=config))
    table = _table(quiet, model, joined(list(_predictions(quiet, model))))
    found: dict[str, float] = {}
    for evaluator in quiet.asked.opened(quiet.given, quiet.output_name):
        with tempfile.TemporaryDirectory() as place:
            for result in evaluator.evaluate(table, Work(directory=Path(place))):
                value = getattr(result, "value", None)
                if value is not None:
                    found[result.name] = value  # type: ignore[union-attr]
    return found


def _predictions(plan: _Plan, model: Predictor | None) -> Iterator[Predicted]:
    if model is None:
        outputs = plan.given.predictions
        yield Predicted(
            outputs.to_numpy() if isinstance(outputs, pd.Series) else outputs,
            output_name=plan.given.predictions_name,
        )
        return
    yield from predicted(
        model,
        plan.given.inputs,
        output_name=plan.output_name,
        one_by_one=plan.asked.takes_time,
        kept=resumption.kept.get(),
    )


def _table(
    plan: _Plan, model: Predictor | None, found: Predicted, most: int | None = None
) -> EvaluationTable:
    """Return the table of the rows that were predicted, or of the first of them."""
    given, asked = plan.given, plan.asked
    count = len(found.outputs) if most is None else min(most, len(found.outputs))

    def cut(values: Any) -> Any:
        return values if values is None or len(values) == count else values[:count]

    weights = asked.weights
    if isinstance(weights, str):
        weights = _named_column(given, "sample_weights", weights)
    elif weights is not None and len(weights) != given.count:
        raise InvalidValue(
            f"'sample_weights' has {len(weights)} values, and the data {given.count} rows."
        )
    likely, labels = found.probabilities, None if model is None else model.classes
    if asked.probabilities is not None:
        names = list(asked.probabilities)
        likely = np.column_stack([_named_column(given, "probabilities", name) for name in names])
        labels = None
    return EvaluationTable(
        count=count,
        kind=plan.kind,
        inputs=given.inputs.iloc[:count],
        targets=cut(_values(given.targets)),
        outputs=cut(found.outputs),
        probabilities=cut(likely),
        labels=labels,
        weights=cut(None if weights is None else np.asarray(weights, dtype=float)),
        columns={name: cut(column) for name, column in found.columns.items()},
        model=None if model is None else model.native,
        predict=None if model is None else model.predict,
    )


def _values(column: Any) -> Any:
    return column.to_numpy() if isinstance(column, pd.Series) else column


def _named_column(given: tables.Given, what: str, name: str) -> Any:
    if name not in given.inputs.columns:
        raise InvalidValue(
            f"{what!r} names {name!r}, which the data does not have.",
            hint=f"Its columns are: {', '.join(map(repr, given.inputs.columns[:20]))}.",
        )
    return given.inputs[name].to_numpy()


def _left(plan: _Plan, found: Predicted) -> pd.DataFrame:
    """Return what stands left of the scores in the table of rows."""
    added = {}
    if plan.given.targets is not None:
        added[plan.given.targets_name or "target"] = _values(plan.given.targets)
    name = found.output_name if plan.given.targets is not None else ""
    added[name or "outputs"] = _cells(found.outputs)
    return plan.given.inputs.assign(**added)


def _cells(outputs: Any) -> Any:
    """Return a value for each row; numbers stay the array that they are, as there may be many."""
    if isinstance(outputs, np.ndarray) and outputs.ndim == 1 and outputs.dtype.kind in "biuf":
        return outputs
    return list(outputs)


def _described(plan: _Plan) -> Dataset | None:
    """Return the description of the data; None if no installed plugin describes it."""
    given = plan.given
    if isinstance(given.described, Dataset):
        return given.described
    options: dict[str, Any] = {"source": plan.dataset_path}
    data = given.described
    if isinstance(data, pd.DataFrame):
        options["targets"] = given.targets_name or None
        options["predictions"] = given.predictions_name or None
    elif given.targets is not None:
        options["targets"] = np.asarray(given.targets)
    try:
        return descriptions.describe(
            data if hasattr(data, "shape") else np.asarray(data), **options
        )
    except (PegboardError, TypeError, ValueError):
        return None


def _log_inputs(
    client: Client, run_id: str, dataset: Dataset | None, model_id: str | None, prefix: str
) -> None:
    from pegboard.entities.logged_models import LoggedModelInput

    tags = [InputTag(DATASET_CONTEXT, prefix)] if prefix else []
    datasets = [] if dataset is None else [DatasetInput(dataset, tags)]
    used = []
    if model_id is not None:
        run = client.get_run(run_id)
        known = {each.model_id for each in run.inputs.model_inputs}
        known |= {each.model_id for each in run.outputs.model_outputs}
        used = [] if model_id in known else [LoggedModelInput(model_id)]
    try:
        client.log_inputs(run_id, datasets, used)
    except NotFound:
        # The model was logged to another store.
        client.log_inputs(run_id, datasets)
