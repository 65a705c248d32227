"""How well groups are told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import frozen

_MOST = 5_000
"""Rows that distances between all pairs are computed of; of more, that many are drawn."""


@frozen
class Measure:
    """A figure of rows, shape (n, k), and the number of the group of each, shape (n,)."""

    compute: Callable[[Any, Any], float]
    greater_is_better: bool


def silhouette(rows: Any, labels: Any) -> float:
    """Return how much nearer rows are to their own group than to the next, -1 to 1."""
    from sklearn.metrics import silhouette_score

    if len(set(labels)) < 2:
        return -1.0
    size = _MOST if len(rows) > _MOST else None
    return float(silhouette_score(rows, labels, sample_size=size, random_state=0))


def _davies_bouldin(rows: Any, labels: Any) -> float:
    from sklearn.metrics import davies_bouldin_score

    return float(davies_bouldin_score(rows, labels))


def _calinski_harabasz(rows: Any, labels: Any) -> float:
    from sklearn.metrics import calinski_harabasz_score

    return float(calinski_harabasz_score(rows, labels))


def _smallest(rows: Any, labels: Any) -> float:
    return float(np.unique(labels, return_counts=True)[1].min() / len(rows))


MEASURES: Mapping[str, Measure] = {
    "silhouette": Measure(silhouette, True),
    "davies_bouldin": Measure(_davies_bouldin, False),
    "calinski_harabasz": Measure(_calinski_harabasz, True),
    "smallest_share": Measure(_smallest, True),
}
