"""``pegboard.genai``: evaluation of language models and agents, under MLflow's names."""

from __future__ import annotations

from typing import Any

from pegboard import host

from pegboard_evaluation import data_sets as datasets
from pegboard_evaluation.genai import judges, scorers
from pegboard_evaluation.genai.answering import to_predict_fn
from pegboard_evaluation.genai.ensembles import make_scorer_ensemble
from pegboard_evaluation.genai.estimating import Estimate, estimate
from pegboard_evaluation.genai.evaluating import evaluate
from pegboard_evaluation.genai.judging import make_judge
from pegboard_evaluation.genai.registration import ScorerSamplingConfig
from pegboard_evaluation.genai.registry import delete_scorer, get_scorer, list_scorers
from pegboard_evaluation.genai.scoring import Scorer, scorer
from pegboard_evaluation.genai.spending import BudgetExceeded
from pegboard_evaluation.reviews import label_schemas, labeling, review_queues
from pegboard_evaluation.reviews.labeling import (
    LabelingSession,
    create_labeling_session,
    delete_labeling_session,
    get_labeling_session,
    get_labeling_sessions,
)

__all__ = [
    "BudgetExceeded",
    "Estimate",
    "LabelingSession",
    "Scorer",
    "ScorerSamplingConfig",
    "create_labeling_session",
    "datasets",
    "delete_labeling_session",
    "delete_scorer",
    "estimate",
    "evaluate",
    "get_labeling_session",
    "get_labeling_sessions",
    "get_scorer",
    "judges",
    "label_schemas",
    "labeling",
    "list_scorers",
    "make_judge",
    "make_scorer_ensemble",
    "review_queues",
    "scorer",
    "scorers",
    "to_predict_fn",
]

_host: Any = None
_added: dict[str, Any] = {}
"""What other plugins of that host add, as far as it was asked for."""


def __getattr__(name: str) -> Any:
    """Return what another plugin adds to this module: the API name ``genai.NAME``."""
    global _host
    found = host.current()
    if found is _host and name in _added:
        return _added[name]
    if not name.startswith("_"):
        if found is not _host:
            _added.clear()
            _host = found
        try:
            _added[name] = found.api_name(f"genai.{name}")
        except LookupError:
            pass
        else:
            return _added[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *host.current().api_names("genai")})
