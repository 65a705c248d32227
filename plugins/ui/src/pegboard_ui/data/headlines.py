"""The headline metric of an experiment: the one number by which its runs are compared.

A tag of the experiment names it, MLflow's ``mlflow.experiment.primaryMetric.name``; else it is, of
the metrics that most of the latest runs have, the one whose name sounds most like a result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pegboard_ui.data.directions import FALLS, NEITHER, PRIMARY, RISES, direction

_HELD_OUT = frozenset({"val", "valid", "validation", "test", "eval", "dev", "holdout"})
_SECONDARY = frozenset({"time", "times", "latency", "duration", "elapsed", "seconds", "ms", "cost"})
_WORD = re.compile(r"[^\W_]+")


def headline(keys: Mapping[str, int], tags: Mapping[str, str]) -> str | None:
    """Return the key of the headline metric, None if there is none.

    ``keys`` says how many runs have each metric; ``tags`` are those of the experiment.
    """
    if named := tags.get(PRIMARY):
        return named
    known = {key: count for key, count in keys.items() if not is_system(key)}
    most = max(known.values(), default=0)
    return min((key for key, count in known.items() if count == most), key=_rank, default=None)


def is_system(key: str) -> bool:
    """Whether a metric is of the machine, not of what ran on it."""
    return key.startswith("system/")


def _rank(key: str) -> tuple[int, bool, int, int, str]:
    words = set(_WORD.findall(key.lower().replace("_", " ")))
    way = direction(key)
    kind = {RISES: 0, FALLS: 1, NEITHER: 3}[way]
    if words & _SECONDARY:
        kind = 2
    return kind, not words & _HELD_OUT, key.count("/"), len(key), key
