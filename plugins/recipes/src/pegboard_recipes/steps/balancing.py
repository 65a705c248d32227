"""Training rows of two classes of which one is rare: fewer of the other are taken.

The classes are then weighted as they were before, if the estimator takes weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from pegboard_recipes import measures
from pegboard_recipes.step import Work

LEAST = 5000
"""Rows up to which nothing is left out."""

SHARE = 0.3
"""Of the rare class, afterwards."""

_SEED = 42


@frozen
class Balanced:
    """Rows to train on, and how much each class counts; {} if all count the same."""

    rows: Any
    weights: Mapping[Any, float] = field(factory=dict)


def balanced(work: Work, rows: Any) -> Balanced:
    """Return the rows to train on; the same of the same rows each time."""
    config, own = work.config, work.own
    if config.task != measures.BINARY or not own.get("rebalance_training_data", True):
        return Balanced(rows)
    if len(rows) <= LEAST:
        return Balanced(rows)
    counts = rows[config.target].value_counts()
    wanted = own.get("resampling_minority_percentage", SHARE)
    if len(counts) != 2 or counts.min() / len(rows) >= wanted:
        return Balanced(rows)
    rare, common = counts.idxmin(), counts.idxmax()
    most = int(counts[rare] * (1 - wanted) / wanted)
    kept = rows[rows[config.target] == common].sample(most, random_state=_SEED)
    chosen = rows.loc[rows.index.isin(kept.index) | (rows[config.target] == rare)]
    work.card.tab("Run Summary").facts(Rows_trained_on=f"{len(chosen)} of {len(rows)}")
    weights = {name: len(rows) / (2 * count) for name, count in counts.items()}
    return Balanced(chosen, {_plain(name): float(weight) for name, weight in weights.items()})


def _plain(name: Any) -> Any:
    return name.item() if hasattr(name, "item") else name
