"""The step ``evaluate``: the groups are measured, and judged by the criteria of the recipe."""

from __future__ import annotations

import pandas as pd
import pegboard
from pegboard_recipes import Work, recipe_run

from pegboard_clustering.measures import MEASURES
from pegboard_clustering.outline import CLUSTERED, STATUS, TRANSFORMED
from pegboard_clustering.train import CLUSTER


def run(work: Work) -> None:
    """Write VALIDATED if all criteria are met, REJECTED if not, UNKNOWN if there are none."""
    criteria = work.own.get("validation_criteria") or []
    rows = work.frame("transform", TRANSFORMED).to_numpy()
    labels = pd.read_parquet(work.output("train", CLUSTERED), columns=[CLUSTER])[CLUSTER]
    found = {name: each.compute(rows, labels.to_numpy()) for name, each in MEASURES.items()}
    with recipe_run(work):
        pegboard.log_metrics({f"test_{name}": value for name, value in found.items()})
    judged = []
    for each in criteria:
        greater = MEASURES[each["metric"]].greater_is_better
        value = found[each["metric"]]
        met = value >= each["threshold"] if greater else value <= each["threshold"]
        judged.append({**each, "value": value, "greater_is_better": greater, "validated": met})
    status = "UNKNOWN"
    if judged:
        status = "VALIDATED" if all(each["validated"] for each in judged) else "REJECTED"
    (work.directory / STATUS).write_text(status, encoding="utf-8")
    work.card.tab("Model Performance").table(["Metric", "Value"], list(found.items()))
    work.card.tab("Model Validation").facts(Status=status).table(
        ["Metric", "Value", "Threshold", "Validated"],
        [[each["metric"], each["value"], each["threshold"], each["validated"]] for each in judged],
    )
    work.card.facts |= {"test": found, "criteria": judged, "status": status}
