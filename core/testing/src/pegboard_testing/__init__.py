"""Contracts as tests: subclass one, give it a fixture that opens your plugin, and run pytest.

Needs pytest: ``pip install 'pegboard[testing]'``.
"""

from __future__ import annotations

import pytest

# Before the modules are imported, so that a failed assertion in them shows its values.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "_base",
            "_data",
            "_experiments",
            "_history",
            "_registry_changes",
            "_registry_models",
            "_registry_search",
            "_runs",
            "_search",
            "_trace_metrics",
            "artifacts",
            "components",
            "flavors",
            "logged_models",
            "registry",
            "traces",
        )
    )
)

from pegboard_testing.artifacts import ArtifactStoreContract  # noqa: E402
from pegboard_testing.components import (
    EvaluatorContract,
    LLMProviderContract,
    ProjectRunnerContract,
)
from pegboard_testing.flavors import FlavorContract  # noqa: E402
from pegboard_testing.logged_models import LoggedModelStoreContract  # noqa: E402
from pegboard_testing.registry import ModelRegistryContract  # noqa: E402
from pegboard_testing.traces import TraceStoreContract  # noqa: E402
from pegboard_testing.tracking import TrackingStoreContract  # noqa: E402

__all__ = [
    "ArtifactStoreContract",
    "EvaluatorContract",
    "FlavorContract",
    "LLMProviderContract",
    "LoggedModelStoreContract",
    "ModelRegistryContract",
    "ProjectRunnerContract",
    "TraceStoreContract",
    "TrackingStoreContract",
]
