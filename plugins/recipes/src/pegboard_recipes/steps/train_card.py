"""The card of the step ``train``."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from pegboard_recipes import names
from pegboard_recipes.cards import profiles
from pegboard_recipes.step import Work

_WORST = 10


def describe(work: Work, trained: Any) -> None:
    """Add all tabs."""
    from sklearn.utils import estimator_html_repr

    card, config = work.card, work.config
    performance(work, "Model Performance", trained.metrics)
    card.tab("Model Architecture").diagram(
        estimator_html_repr(trained.pipeline), str(trained.pipeline)
    )
    schema = card.tab("Model Schema")
    for title in ("inputs", "outputs"):
        found = getattr(trained.signature, title)
        if found is not None:
            columns = [[each.name or "-", _kind(each.type)] for each in _columns(found)]
            schema.heading(title.capitalize()).table(["Name", "Type"], columns)
    raw = work.frame("split", names.TRAIN)
    _predictions(work, trained)
    worst = _worst(work, trained, raw)
    if worst is not None:
        card.tab("Worst Predictions").frame(worst)
        if not work.own.get("skip_data_profiling"):
            found = profiles.of({"Worst Predictions": worst, "Train": raw})
            card.tab("Data Profile (Worst vs Train)").profile(found)
    ranked = [
        [number, run_id, value, "this one" if run_id == trained.run_id else ""]
        for number, (run_id, value) in enumerate(trained.leaders, 1)
    ]
    here = [number for number, row in enumerate(ranked) if row[3]]
    titles = ["Model Rank", "Run ID", f"val_{config.primary.name}", ""]
    card.tab("Leaderboard").table(titles, ranked, strong=here)
    best = work.directory / names.BEST
    if best.is_file():
        card.tab("Best Parameters").text(best.read_text(encoding="utf-8"))
    uri = f"runs:/{trained.run_id}/train/model"
    card.tab("Run Summary").facts(Run_ID=trained.run_id, Model_URI=uri)
    card.facts |= {**trained.metrics, "run_id": trained.run_id, "model_uri": uri}
    card.facts["primary_metric"] = config.primary.name


def _kind(kind: Any) -> str:
    return kind.name if isinstance(kind, Enum) else str(kind)


def _columns(schema: Any) -> list[Any]:
    return [each for each in schema.inputs if hasattr(each, "type")]


def performance(work: Work, title: str, found: dict[str, dict[str, float]]) -> None:
    """Add a tab with metrics by part, the primary one and the user's own first."""
    config = work.config
    primary = config.primary.name
    own = [each.name for each in config.measures().values() if each.function]
    first = list(dict.fromkeys([primary, *own]))
    names = {name for metrics in found.values() for name in metrics}
    ordered = [name for name in first if name in names] + sorted(names - set(first))
    rows = [[name, *(metrics.get(name) for metrics in found.values())] for name in ordered]
    strong = [number for number, name in enumerate(ordered) if name in first]
    work.card.tab(title).table(["Metric", *found], rows, strong=strong)


def _predictions(work: Work, trained: Any) -> None:
    """Profile predictions and errors on the validation rows."""
    if work.own.get("skip_data_profiling"):
        return
    target = work.config.target
    rows = work.frame("split", names.VALIDATION)
    said = np.asarray(trained.pipeline.predict(rows.drop(columns=[target])))
    table = rows[[target]].rename(columns={target: "target"}).assign(prediction=said)
    truth = table["target"].to_numpy()
    table["error"] = said != truth if work.config.is_classification else said - truth
    found = profiles.of({"Predictions and Errors (Validation Dataset)": table})
    work.card.tab("Data Profile (Predictions)").profile(found)


def _worst(work: Work, trained: Any, raw: Any) -> Any:
    """Return the training rows that are predicted worst; None for more than two classes."""
    config = work.config
    truth = raw[config.target].to_numpy()
    features = raw.drop(columns=[config.target])
    said = np.asarray(trained.pipeline.predict(features.copy()))
    if not config.is_classification:
        errors = np.abs(said - truth)
    elif config.positive_class is not None and hasattr(trained.pipeline, "predict_proba"):
        place = list(trained.pipeline.classes_).index(config.positive_class)
        likely = trained.pipeline.predict_proba(features.copy())[:, place]
        errors = np.where(truth == config.positive_class, 1 - likely, likely)
    else:
        return None
    order = np.argsort(-errors, kind="stable")[:_WORST]
    table = raw.iloc[order]
    found = {"absolute_error": errors[order], "prediction": said[order]}
    found[config.target] = table[config.target].to_numpy()
    others = table.drop(columns=[config.target]).reset_index(drop=True)
    for number, (name, values) in enumerate(found.items()):
        others.insert(number, name, values, allow_duplicates=True)
    return others
