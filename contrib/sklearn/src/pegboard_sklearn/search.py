"""What is logged of a search for parameters: the best, all results, and runs of the best few."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

from pegboard.tags import PARENT_RUN_ID
from pegboard_models.autologging import AUTOLOGGING_TAG, RunLog
from pegboard_scripting.fluent import hooks

from pegboard_sklearn import estimators

if TYPE_CHECKING:
    from pegboard_sklearn.fitting import Training

Result = dict[str, Any]
"""What is known of one set of parameters, by the names of scikit-learn's ``cv_results_``."""

BEST = "best_estimator"
_LEFT_OUT = ("param", "split")
"""Columns of the results that begin so: parameters, logged as such, and each fold's own score."""


def best_params(estimator: Any) -> dict[str, Any]:
    """Return the parameters that a search found best, with ``best_`` before their names."""
    found = getattr(estimator, "best_params_", None) or {}
    return {f"best_{name}": value for name, value in found.items()}


def log(training: Training) -> None:
    """Log what a search that is fitted has found."""
    estimator, run, guard = training.estimator, training.run, training.integration.guard
    best_id = None
    if training.integration.switches.log_models and hasattr(estimator, "best_estimator_"):
        best_id = training.log_model(estimator.best_estimator_, BEST, register=False)
    with guard("logging what a search found best"):
        if hasattr(estimator, "best_score_"):
            run.metrics(
                {"best_cv_score": estimator.best_score_},
                model_id=training.model_id,
                dataset=training.dataset,
            )
        run.params(best_params(estimator))
    with guard("logging the results of a search"):
        columns = estimator.cv_results_
        results = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        run.client.log_text(run.run_id, _as_csv(list(columns), results), "cv_results.csv")
        _log_children(training, _best(training, results), best_id)


def _as_csv(columns: list[str], results: list[Result]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(results)
    return text.getvalue()


def _best(training: Training, results: list[Result]) -> list[Result]:
    """Return as many of the best results as runs are wanted for, by the first score there is."""
    most = training.integration.switches.options["max_tuning_runs"]
    if most is None or not results:
        return results
    ranks = [name for name in results[0] if name.startswith("rank_test_")]
    rank = "rank_test_score" if "rank_test_score" in ranks else ranks[0]
    if most < len(results):
        training.integration.tell(
            "Of %d results of the search, runs are made for the best %d by %s.",
            len(results),
            most,
            rank,
        )
    return sorted(results, key=lambda result: result[rank])[:most]


def _log_children(training: Training, results: list[Result], best_id: str | None) -> None:
    """Make a run, in that of the search, for each result."""
    client = training.run.client
    seed = training.estimator.estimator
    started = client.get_run(training.run.run_id).info.start_time
    tags = _child_tags(training, seed)
    base = estimators.params(seed)
    best = getattr(training.estimator, "best_params_", None)
    ended = time.time_ns() // 1_000_000
    for row in results:
        child = client.create_run(training.run.experiment_id, started, tags)
        log = RunLog(client, child.info.run_id, training.run.experiment_id)
        log.params({**base, **row["params"]})
        log.metrics(
            _metrics(row),
            model_id=best_id if row["params"] == best else None,
            dataset=training.dataset,
        )
        if training.dataset is not None:
            log.dataset(training.dataset, "train")
        client.set_terminated(child.info.run_id, end_time=ended)


def _child_tags(training: Training, seed: Any) -> dict[str, str]:
    return {
        **hooks.run_context(training.run.client.host),
        AUTOLOGGING_TAG: training.integration.name,
        **estimators.info_tags(seed),
        PARENT_RUN_ID: training.run.run_id,
    }


def _metrics(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in row.items()
        if not key.startswith(_LEFT_OUT) and isinstance(value, Number)
    }
