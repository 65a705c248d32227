"""The step ``evaluate``: the model is measured on rows that it has not seen, and judged by them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from pegboard.errors import command_line

from pegboard_recipes import names, tracking
from pegboard_recipes.names import NOT_VALIDATED, REJECTED, VALIDATED
from pegboard_recipes.step import Work
from pegboard_recipes.steps import measuring, models, train_card

_PARTS = {"validation": (names.VALIDATION, "val_"), "test": (names.TEST, "test_")}
PRIMARY_TAG, GREATER_TAG = (
    "mlflow.experiment.primaryMetric.name",
    "mlflow.experiment.primaryMetric.greaterIsBetter",
)


def run(work: Work) -> None:
    """Measure the model on validation and test rows, and say whether it meets the criteria."""
    config = work.config
    model = models.load(work.output("train", names.SK_MODEL))
    found = {}
    with tracking.recipe_run(work) as tracked:
        primary = config.primary
        for key, value in (
            (PRIMARY_TAG, f"test_{primary.name}"),
            (GREATER_TAG, primary.greater_is_better),
        ):
            tracked.client.set_experiment_tag(tracked.experiment_id, key, value)
        for name, (file, prefix) in _PARTS.items():
            found[name] = measuring.measure(
                config,
                model,
                work.frame("split", file),
                prefix,
                place=work.directory / f"eval_{name}",
                options={"log_model_explainability": None} if name == "validation" else {},
            )
    results = _judged(work, found["test"])
    status = NOT_VALIDATED
    if results:
        status = VALIDATED if all(each["validated"] for each in results) else REJECTED
    (work.directory / names.STATUS).write_text(status, encoding="utf-8")
    _describe(work, found, results, status, tracked.run_id)


def _judged(work: Work, found: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return for each criterion whether the test rows meet it."""
    config = work.config
    known = config.measures()
    results = []
    for each in work.own.get("validation_criteria") or ():
        name, threshold = each["metric"], each["threshold"]
        greater = known[name].greater_is_better
        value = measuring.need(config, found, name)
        results.append(
            {
                "metric": name,
                "greater_is_better": greater,
                "value": value,
                "threshold": threshold,
                "validated": bool(value >= threshold if greater else value <= threshold),
            }
        )
    return results


def _describe(
    work: Work,
    found: dict[str, dict[str, float]],
    results: list[dict[str, Any]],
    status: str,
    run_id: str,
) -> None:
    card = work.card
    train_card.performance(work, "Model Performance (Test)", found)
    if results:
        rows = [
            [
                each["metric"],
                each["greater_is_better"],
                each["value"],
                each["threshold"],
                "✓ met" if each["validated"] else "✗ missed",
            ]
            for each in results
        ]
        titles = ["Metric", "Greater is better", "Value", "Threshold", "Validated"]
        card.tab("Model Validation").facts(Status=status).table(titles, rows)
    for file in sorted(work.directory.glob("eval_*/artifacts/*.png")):
        name = file.stem
        card.tab(_title(name)).picture(file, name.replace("_", " "))
    for name, why in _left_out(work).items():
        card.tab(_title(name)).text(f"{name.replace('_', ' ')}: {why}")
    card.tab("Run Summary").facts(Run_ID=run_id, Model_validation=status)
    card.facts |= {**found, "criteria": results, "status": status, "run_id": run_id}


def _title(name: str) -> str:
    important = "shap" in name or "importance" in name
    return "Feature Importance" if important else "Model Performance Plots"


def _left_out(work: Work) -> dict[str, str]:
    """Return by name of a plot of the test rows why it was not drawn."""
    known = json.loads((work.directory / "eval_test" / "figures.json").read_text(encoding="utf-8"))
    found = {str(name): str(why) for name, why in known["skipped"].items()}
    if find_spec("shap") is None:
        needed = command_line("pip", "install", "pegboard-evaluation[shap]")
        found["feature_importance"] = f"It needs shap, which is not installed: {needed}"
    return found
