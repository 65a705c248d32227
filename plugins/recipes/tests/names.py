"""What a recipe logs, compared with what MLflow 2.17.2 logs for the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pegboard_recipes import tracking
from pegboard_recipes.api import Recipe

RECORDED = json.loads((Path(__file__).parent / "mlflow/names.json").read_text())
OTHER_FORMS = {"model.pkl", "python_model.pkl"}
"""Files that are of another form here, or are not needed: see README, Differences."""

OTHER_NAMES = {"training_precision_recall_curve.png", "training_roc_curve.png"}
"""What MLflow's autologging draws, beside what its evaluation draws in the same way."""


def missing(recipe: Recipe, run_id: str) -> dict[str, set[str]]:
    """Return the names that MLflow logs and the run lacks, by kind of thing."""
    with tracking.located(recipe.planner().config) as client:
        run = client.get_run(run_id)
        experiment = client.get_experiment(run.info.experiment_id)
        version = client.get_model_version(recipe.name, "1")

        def files(path: str | None = None) -> Iterator[str]:
            for each in client.list_artifacts(run_id, path):
                yield from files(each.path) if each.is_dir else [each.path]

        logged: dict[str, Any] = {
            "params": set(run.data.params),
            "metrics": set(run.data.metrics),
            "tags": set(run.data.tags) | {"mlflow.datasets"},
            "artifacts": set(files()),
            "experiment_tags": set(experiment.tags),
            "version_tags": set(version.tags),
        }
    # Gone in scikit-learn 1.8.
    logged["params"].add("multi_class")
    expected = RECORDED[recipe.planner().config.recipe.partition("/")[0]]
    lacking = {kind: set(names) - logged[kind] for kind, names in expected.items()}
    lacking["artifacts"] = {
        name
        for name in lacking["artifacts"]
        if name.rpartition("/")[2] not in OTHER_FORMS
        and "/code/" not in name
        # A regression's model is that of scikit-learn itself.
        and not (recipe.directory.name != "cells" and name.startswith("train/model/artifacts"))
        and name not in OTHER_NAMES
    }
    return {kind: names for kind, names in lacking.items() if names}
