"""Scorers that are ready to use: code, and judges."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pegboard_evaluation.genai.builtin import (
    Completeness,
    Correctness,
    Equivalence,
    ExpectationsGuidelines,
    Fluency,
    Guidelines,
    RelevanceToQuery,
    Safety,
    Summarization,
)
from pegboard_evaluation.genai.conversing import (
    ConversationalGuidelines,
    ConversationalRoleAdherence,
    ConversationalSafety,
    ConversationalToolCallEfficiency,
    ConversationCompleteness,
    KnowledgeRetention,
    UserFrustration,
)
from pegboard_evaluation.genai.ensembles import (
    agg_all,
    agg_any,
    majority_vote,
    make_scorer_ensemble,
    maximum,
    mean,
    minimum,
)
from pegboard_evaluation.genai.registration import ScorerSamplingConfig, ScorerStatus
from pegboard_evaluation.genai.registry import (
    delete_scorer,
    get_scorer,
    list_scorer_versions,
    list_scorers,
)
from pegboard_evaluation.genai.rules import PIIDetection, RegexMatch, ResponseLength
from pegboard_evaluation.genai.scoring import Scorer, scorer
from pegboard_evaluation.genai.stepwise import (
    RetrievalGroundedness,
    RetrievalRelevance,
    RetrievalSufficiency,
    ToolCallCorrectness,
    ToolCallEfficiency,
)

_LIBRARIES = ("deepeval", "phoenix", "ragas")


def __getattr__(name: str) -> Any:
    """Return the scorers of another library, which is imported when one of them is made."""
    if name in _LIBRARIES:
        return import_module(f"pegboard_evaluation.genai.vendors.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LIBRARIES})


def get_all_scorers() -> list[Scorer]:
    """Return one of each scorer that needs no further fields."""
    return [
        Completeness(),
        ConversationCompleteness(),
        ConversationalRoleAdherence(),
        ConversationalSafety(),
        ConversationalToolCallEfficiency(),
        Correctness(),
        Equivalence(),
        ExpectationsGuidelines(),
        Fluency(),
        KnowledgeRetention(),
        PIIDetection(),
        RelevanceToQuery(),
        RetrievalGroundedness(),
        RetrievalRelevance(),
        RetrievalSufficiency(),
        Safety(),
        Summarization(),
        ToolCallCorrectness(),
        ToolCallEfficiency(),
        UserFrustration(),
    ]


__all__ = [
    "Completeness",
    "ConversationCompleteness",
    "ConversationalGuidelines",
    "ConversationalRoleAdherence",
    "ConversationalSafety",
    "ConversationalToolCallEfficiency",
    "Correctness",
    "Equivalence",
    "ExpectationsGuidelines",
    "Fluency",
    "Guidelines",
    "KnowledgeRetention",
    "PIIDetection",
    "RegexMatch",
    "RelevanceToQuery",
    "ResponseLength",
    "RetrievalGroundedness",
    "RetrievalRelevance",
    "RetrievalSufficiency",
    "Safety",
    "Scorer",
    "ScorerSamplingConfig",
    "ScorerStatus",
    "Summarization",
    "ToolCallCorrectness",
    "ToolCallEfficiency",
    "UserFrustration",
    "agg_all",
    "agg_any",
    "delete_scorer",
    "get_all_scorers",
    "get_scorer",
    "list_scorer_versions",
    "list_scorers",
    "majority_vote",
    "make_scorer_ensemble",
    "maximum",
    "mean",
    "minimum",
    "scorer",
]
