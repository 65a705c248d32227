"""Contracts as tests: subclass one, give it a fixture that opens your plugin, and run pytest."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_testing._abilities import BatchesContract as BatchesContract
    from pegboard_testing._abilities import HeartbeatsContract as HeartbeatsContract
    from pegboard_testing._abilities import ListTagsContract as ListTagsContract
    from pegboard_testing._abilities import PackedPointsContract as PackedPointsContract
    from pegboard_testing._activity import ActivityContract as ActivityContract
    from pegboard_testing._curves import CurvesContract as CurvesContract
    from pegboard_testing._data_sets import DataSetsContract as DataSetsContract
    from pegboard_testing._llm_local import LocalProviderContract as LocalProviderContract
    from pegboard_testing._llm_vendors import LLMProviderContract as LLMProviderContract
    from pegboard_testing._reviews import LabelSchemasContract as LabelSchemasContract
    from pegboard_testing._reviews import ReviewQueuesContract as ReviewQueuesContract
    from pegboard_testing._run_tables import RunTableContract as RunTableContract
    from pegboard_testing._scorers import CodeScorersContract as CodeScorersContract
    from pegboard_testing._scorers import ScorersContract as ScorersContract
    from pegboard_testing._scorers import ScoringTasksContract as ScoringTasksContract
    from pegboard_testing._trace_figures import TraceFiguresContract as TraceFiguresContract
    from pegboard_testing._uploads import PartUploadsContract as PartUploadsContract
    from pegboard_testing._uploads import PieceUploadsContract as PieceUploadsContract
    from pegboard_testing.artifacts import ArtifactStoreContract as ArtifactStoreContract
    from pegboard_testing.autologgers import AutologgerContract as AutologgerContract
    from pegboard_testing.evaluators import EvaluatorContract as EvaluatorContract
    from pegboard_testing.flavors import FlavorContract as FlavorContract
    from pegboard_testing.logged_models import LoggedModelStoreContract as LoggedModelStoreContract
    from pegboard_testing.registry import ModelRegistryContract as ModelRegistryContract
    from pegboard_testing.traces import TraceStoreContract as TraceStoreContract
    from pegboard_testing.tracking import TrackingStoreContract as TrackingStoreContract

_SUITES = {
    "ActivityContract": "_activity",
    "ArtifactStoreContract": "artifacts",
    "AutologgerContract": "autologgers",
    "BatchesContract": "_abilities",
    "CodeScorersContract": "_scorers",
    "CurvesContract": "_curves",
    "DataSetsContract": "_data_sets",
    "EvaluatorContract": "evaluators",
    "FlavorContract": "flavors",
    "HeartbeatsContract": "_abilities",
    "PieceUploadsContract": "_uploads",
    "LLMProviderContract": "_llm_vendors",
    "LocalProviderContract": "_llm_local",
    "LoggedModelStoreContract": "logged_models",
    "LabelSchemasContract": "_reviews",
    "ListTagsContract": "_abilities",
    "ModelRegistryContract": "registry",
    "PackedPointsContract": "_abilities",
    "PartUploadsContract": "_uploads",
    "RunTableContract": "_run_tables",
    "ReviewQueuesContract": "_reviews",
    "ScorersContract": "_scorers",
    "ScoringTasksContract": "_scorers",
    "TraceFiguresContract": "_trace_figures",
    "TraceStoreContract": "traces",
    "TrackingStoreContract": "tracking",
}

__all__ = sorted(_SUITES)

# Before its modules are imported, so that a failed assertion in them shows its values. The command
# line, which finds a plugin here, has no use for pytest.
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(__name__)


def __getattr__(name: str) -> Any:
    """Import a suite on first use: pytest loads this package's fixtures in every run."""
    if name not in _SUITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SUITES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
