"""The step ``train``: several numbers of groups are tried, and the most distinct ones are kept."""

from __future__ import annotations

from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pegboard
from pegboard.errors import InvalidValue
from pegboard_recipes import Work, recipe_run, save_model

from pegboard_clustering import measures
from pegboard_clustering.checks import USUAL
from pegboard_clustering.outline import CLUSTERED, MODEL, TRANSFORMED, TRANSFORMER

CLUSTER = "cluster"


def run(work: Work) -> None:
    """Fit models, log how well each tells groups apart, and keep the best with its transformer."""
    rows = work.frame("transform", TRANSFORMED).to_numpy()
    counts = _counts(work, len(rows))
    make = work.function("estimator_method")
    with recipe_run(work) as tracked:
        tried = []
        for count in counts:
            model = _usual(count) if make is None else make(count)
            labels = np.asarray(model.fit(rows).labels_)
            score = measures.silhouette(rows, labels)
            pegboard.log_metric("silhouette", score, step=count)
            tried.append((score, count, model, labels))
        score, count, model, labels = max(tried, key=lambda each: each[0])
        pegboard.log_params({"clusters": count, "estimator": type(model).__name__})
        _keep(work, tracked, model, labels)
    _describe(work, [(count, score) for score, count, *_ in tried], count)


def _counts(work: Work, rows: int) -> list[int]:
    given = work.own.get("clusters", list(USUAL))
    counts = [given] if isinstance(given, int) else given
    if max(counts) >= rows:
        raise InvalidValue(f"There are {rows} rows, too few for {max(counts)} groups.")
    return counts


def _usual(count: int) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=10, random_state=0)


def _keep(work: Work, tracked: Any, model: Any, labels: Any) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    with work.output("transform", TRANSFORMER).open("rb") as stream:
        known = cloudpickle.load(stream)
    frame = work.frame("ingest", "dataset.parquet")
    # Of rows as they come only the columns count that the groups were found by.
    chosen = ColumnTransformer([("columns", known["transformer"], known["columns"])])
    chosen.fit(frame)
    pipeline = make_pipeline(chosen, model)
    place = work.directory / MODEL
    if hasattr(model, "predict"):
        signature = pegboard.models.infer_signature(frame[known["columns"]], labels)
        save_model(work.config, pipeline, place, signature=signature)
    else:
        raise InvalidValue(
            f"{type(model).__name__} has no method 'predict', so new rows get no group.",
            hint="Use KMeans, MiniBatchKMeans, AffinityPropagation or another that has one.",
        )
    tracked.client.log_artifacts(tracked.run_id, place, "train/model")
    frame.assign(**{CLUSTER: labels}).to_parquet(work.directory / CLUSTERED, index=False)


def _describe(work: Work, tried: list[tuple[int, float]], chosen: int) -> None:
    card = work.card
    here = [number for number, (count, _) in enumerate(tried) if count == chosen]
    card.tab("Numbers of groups").table(["Groups", "Silhouette"], tried, strong=here)
    table = pd.read_parquet(work.directory / CLUSTERED)
    means = table.groupby(CLUSTER).mean(numeric_only=True)
    sizes = table[CLUSTER].value_counts()
    rows = [[str(name), int(sizes[name]), *means.loc[name]] for name in means.index]
    card.tab("Groups").table(["Group", "Rows", *map(str, means.columns)], rows)
    card.tab("Run Summary").facts(Run_ID=card.facts["run_id"], Groups=chosen)
    card.facts |= {"clusters": chosen, "silhouette": dict(tried)[chosen]}
