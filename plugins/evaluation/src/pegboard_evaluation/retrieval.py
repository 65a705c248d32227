"""What is measured of a retriever: the documents it found, against those it should find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pegboard_evaluation.metric import MetricValue, standard_aggregations

_STEP = 1e-6
"""How much less the next document of a ranking scores: enough to keep the order."""


def by_row(found: Any, wanted: Any, score: Callable[[list[Any], set[Any]], float]) -> MetricValue:
    """Return the scores of rows; what is no list of documents has none."""
    scores = [
        score(list(one), set(other)) if _is_list(one) and _is_list(other) else None
        for one, other in zip(found, wanted, strict=True)
    ]
    return MetricValue(scores=scores, aggregate_results=standard_aggregations(scores))


def _is_list(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, (list, tuple)) and all(isinstance(x, (str, int)) for x in value)


def precision(found: Sequence[Any], wanted: set[Any], k: int) -> float:
    """Return the share of the first k documents that are wanted; 0 if there are none."""
    first = found[:k]
    return sum(document in wanted for document in first) / len(first) if first else 0.0


def recall(found: Sequence[Any], wanted: set[Any], k: int) -> float:
    """Return the share of wanted documents among the first k.

    It is 1 if nothing was wanted and nothing found, and 0 if nothing was wanted but some found.
    """
    first = set(found[:k])
    if wanted:
        return len(first & wanted) / len(wanted)
    return 0.0 if first else 1.0


def ndcg(found: Sequence[Any], wanted: set[Any], k: int) -> float:
    """Return scikit-learn's NDCG of the first k documents, each wanted or not.

    A document that comes again counts as one of its own.
    """
    from sklearn.metrics import ndcg_score

    if not found or not wanted:
        return float(not found and not wanted)
    first, seen = [], Counter[Any]()
    for document in found[:k]:
        seen[document] += 1
        first.append((document, seen[document]))
    relevant = {(x, 1) for x in wanted} | {each for each in first if each[0] in wanted}
    every = list(dict.fromkeys([*first, *sorted(relevant, key=str)]))
    width = max(len(every), 2)
    truth, ranked = np.zeros((1, width), np.float32), np.zeros((1, width), np.float32)
    for place, each in enumerate(every):
        truth[0, place] = each in relevant
    # The first ones stand first in ``every``.
    ranked[0, : len(first)] = [1 - place * _STEP for place in range(len(first))]
    return float(ndcg_score(truth, ranked, k=len(first), ignore_ties=True))
