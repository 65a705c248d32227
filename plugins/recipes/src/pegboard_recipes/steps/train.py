"""The step ``train``: the user's estimator is fitted, measured and kept with its transformer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define
from pegboard.errors import InvalidValue

from pegboard_recipes import classifier, names, tables, tracking
from pegboard_recipes.step import Work
from pegboard_recipes.steps import balancing, estimators, measuring, models, train_card
from pegboard_recipes.tracking import Tracked, api


@define
class Trained:
    """What came of a training."""

    estimator: Any
    pipeline: Any
    params: Mapping[str, Any]
    metrics: dict[str, dict[str, float]]
    signature: Any
    run_id: str
    leaders: list[tuple[str, float]]
    """Run and value of the primary metric of the best models of the experiment, the best first."""


def run(work: Work) -> None:
    """Train, log and keep a model."""
    train = work.frame("transform", names.TRANSFORMED)
    validation = work.frame("transform", names.TRANSFORMED_VALIDATION)
    with tracking.recipe_run(work) as tracked:
        trained = _trained(work, tracked, tracked.run_id, train, validation)
    train_card.describe(work, trained)


def _trained(work: Work, tracked: Tracked, run_id: str, train: Any, validation: Any) -> Trained:
    config = work.config
    balanced = balancing.balanced(work, train)
    chosen = estimators.chosen(work, balanced, tracked, run_id)
    features = balanced.rows.drop(columns=[config.target])
    fitted = estimators.fitted(work, chosen.estimator, features, balanced.rows[config.target])
    _log_estimator(work, tracked, run_id, fitted)
    # A metric of the user's that fails does so before anything costly.
    found = {
        "training": measuring.measure(
            config,
            fitted,
            balanced.rows,
            "training_",
            place=work.directory / "eval_training",
        ),
        "validation": measuring.measure(
            config,
            fitted,
            validation,
            "val_",
            place=work.directory / "eval_validation",
            # The step evaluate draws them.
            options={"plots": False},
        ),
    }
    pipeline = _pipeline(work, fitted)
    signature = _keep(work, tracked, run_id, fitted, pipeline)
    _log_params(tracked, run_id, chosen)
    tracking.log_snapshot(config, tracked.client, run_id)
    estimators.write_best(work, tracked, run_id, chosen)
    leaders = _leaders(work, tracked)
    return Trained(fitted, pipeline, chosen.params, found, signature, run_id, leaders)


def _leaders(work: Work, tracked: Tracked) -> list[tuple[str, float]]:
    config = work.config
    name = f"val_{config.primary.name}"
    order = "DESC" if config.primary.greater_is_better else "ASC"
    found = tracked.client.search_runs(
        [tracked.experiment_id],
        f"tags.`{tracking.TEMPLATE}` = '{config.recipe}'",
        order_by=[f"metrics.`{name}` {order}"],
        max_results=_LEADERS,
    )
    return [(run.info.run_id, run.data.metrics[name]) for run in found if name in run.data.metrics]


def _pipeline(work: Work, fitted: Any) -> Any:
    """Return the model with its transformer in front: it takes rows as they come."""
    import cloudpickle
    from sklearn.pipeline import make_pipeline

    with work.output("transform", names.TRANSFORMER).open("rb") as stream:
        transformer = cloudpickle.load(stream)
    work.card.facts["transformer"] = type(transformer).__name__
    return make_pipeline(transformer, fitted)


def _keep(work: Work, tracked: Tracked, run_id: str, fitted: Any, pipeline: Any) -> Any:
    """Save and log the models; return the signature of the whole one."""
    config, place = work.config, work.directory
    target = config.target
    raw = work.frame("split", names.TRAIN)
    rows = raw.drop(columns=[target])
    said = _predicted(pipeline, rows)
    native, whole = place / names.SK_MODEL, place / names.WHOLE_MODEL
    infer = api("models").infer_signature
    if _gives_scores(work, pipeline):
        models.save_model(config, pipeline, native)
        classes = list(pipeline.classes_)
        prefix = work.own.get("predict_prefix", classifier.PREFIX)
        table = classifier.table(pipeline.predict_proba(rows.copy()), classes, said, prefix)
        signature = infer(rows, table)
        models.save_classifier(config, native, whole, signature, classes)
        predicted = raw.assign(
            predicted_data=said, predicted_score=table[f"{prefix}score"].to_numpy()
        )
    else:
        signature = infer(rows, said)
        models.save_model(config, pipeline, whole, signature=signature)
        shutil.copytree(whole, native)
        predicted = raw.assign(predicted_data=said)
    tables.write(predicted, place / names.PREDICTED)
    log = tracked.client.log_artifacts
    log(run_id, whole, "train/model")
    with tempfile.TemporaryDirectory() as other:
        for name, part in (("train/estimator", fitted), ("transform/transformer", pipeline[0])):
            beside = Path(other) / name.rpartition("/")[2]
            models.save_model(config, part, beside, whole=native)
            log(run_id, beside, name)
    return signature


def _predicted(pipeline: Any, rows: Any) -> Any:
    said = pipeline.predict(rows.copy())
    if len(said) != len(rows):
        raise InvalidValue(f"The model predicted {len(said)} values for {len(rows)} rows.")
    return said


def _gives_scores(work: Work, pipeline: Any) -> bool:
    wanted = work.own.get("predict_scores_for_all_classes", True)
    return bool(work.config.is_classification and wanted and hasattr(pipeline, "predict_proba"))


# -- what is logged ------------------------------------------------------------------------------

_LONGEST = 6000
_LEADERS = 10


def _log_estimator(work: Work, tracked: Tracked, run_id: str, fitted: Any) -> None:
    from pegboard.entities import RunTag
    from sklearn.utils import estimator_html_repr

    kind = type(estimators.inner(fitted))
    names = {
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
    }
    tags = [RunTag(key, value) for key, value in names.items()]
    tracked.client.log_batch(run_id, tags=tags)
    tracked.client.log_text(run_id, estimator_html_repr(fitted), "estimator.html")
    best = getattr(fitted, "best_score_", None)
    if isinstance(best, (int, float)):
        tracked.client.log_metric(run_id, "best_cv_score", float(best))
    work.card.facts |= names


def _log_params(tracked: Tracked, run_id: str, chosen: estimators.Chosen) -> None:
    from pegboard.entities import Param

    known = {**chosen.all_params(), **getattr(chosen.estimator, "best_params_", {})}
    params = [Param(str(key), str(value)[:_LONGEST]) for key, value in known.items()]
    tracked.client.log_batch(run_id, params=params)
