"""Which way a metric is better: as its experiment says, else as its name tells.

Tags of an experiment say it: ``pegboard.ui.direction.KEY`` with ``max``, ``min`` or ``none``, and
MLflow's ``mlflow.experiment.primaryMetric.name`` with ``….greaterIsBetter``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

RISES, FALLS, NEITHER = 1, -1, 0
NAMES = {RISES: "max", FALLS: "min", NEITHER: "none"}

PRIMARY = "mlflow.experiment.primaryMetric.name"
PRIMARY_RISES = "mlflow.experiment.primaryMetric.greaterIsBetter"
OWN = "pegboard.ui.direction."


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FALL = _words(
    """loss losses error errors err perplexity ppl bpb bpc time times latency duration elapsed
    seconds secs ms runtime delay ttft mae mse rmse mape smape wape mase msle rmsle medae rss sse
    logloss nll crossentropy xent brier ece mce fid kid kl divergence distance mcd wer cer ter per
    eer fpr fnr far frr regret cost price spend deviance aic bic hinge hamming misclassification
    violations failures failed penalty residual chamfer lpips toxicity hallucination"""
)
_NEITHER = _words(
    """lr epoch epochs step steps iteration iterations iter batch timestamp seed rank size count
    num samples tokens examples memory gpu cpu disk network power temperature utilization weight
    momentum beta alpha gamma norm"""
)
_RISE = _words(
    """acc accuracy auc auroc auprc f1 precision recall r2 score iou miou dice map ndcg mrr bleu
    rouge psnr ssim reward return likelihood throughput pass correlation similarity gain"""
)
_PAIRS = (
    (("learning", "rate"), NEITHER),
    (("cross", "entropy"), FALLS),
    (("log", "likelihood"), RISES),
    (("calibration", "error"), FALLS),
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+[0-9]?")


def direction(key: str, tags: Mapping[str, str] | None = None) -> int:
    """Return RISES if greater values of a metric are better, FALLS, or NEITHER.

    ``tags`` are those of the experiment. Names that say nothing rise.
    """
    if tags:
        if (own := tags.get(OWN + key)) is not None:
            return next((way for way, name in NAMES.items() if name == own), RISES)
        if tags.get(PRIMARY) == key and (told := tags.get(PRIMARY_RISES)) is not None:
            return RISES if told.strip().lower() == "true" else FALLS
    return by_name(key)


@lru_cache(maxsize=20_000)
def by_name(key: str) -> int:
    """Return the direction that the name of a metric tells.

    The words of the last part of a path count before those in front of it, and a word ``neg`` turns
    what follows: ``neg_mean_squared_error`` rises.
    """
    if key.startswith("system/"):
        return NEITHER
    for part in reversed(re.split(r"[/.]", key)):
        words = [word.lower() for word in _WORD.findall(part)]
        found = _of_words(words)
        if found is not None:
            return found
    return RISES


def _of_words(words: list[str]) -> int | None:
    sign = -1 if {"neg", "negative"} & set(words) else 1
    for pair, way in _PAIRS:
        if any(pair == both for both in pairwise(words)):
            return way * sign
    if any(word in _FALL for word in words):
        return FALLS * sign
    if any(word in _RISE for word in words):
        return RISES * sign
    if any(word in _NEITHER for word in words):
        return NEITHER
    return None


def better(way: int, value: float | None, than: float | None) -> int | None:
    """Return 1 if a value is better than another, -1 if worse, 0 if equal, None if unknown."""
    if value is None or than is None or value != value or than != than:
        return None
    if value == than:
        return 0
    if way == NEITHER:
        return None
    return 1 if (value > than) is (way == RISES) else -1
