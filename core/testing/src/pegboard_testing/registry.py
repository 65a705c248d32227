"""The contract of model registries, as tests."""

from __future__ import annotations

from pegboard_testing._registry_changes import (
    AliasTests,
    ConcurrencyTests,
    GateTests,
    HistoryTests,
    StageTests,
)
from pegboard_testing._registry_models import ModelTests, VersionTests
from pegboard_testing._registry_search import RegistrySearchTests


class ModelRegistryContract(
    ModelTests,
    VersionTests,
    AliasTests,
    StageTests,
    GateTests,
    HistoryTests,
    RegistrySearchTests,
    ConcurrencyTests,
):
    """What every model registry does.

    Subclass it, with a name that begins with ``Test``, and give it the fixture ``registry``: a new,
    empty registry for each test, with the default stages. If it outlives its process, override
    ``reopen`` too.
    """
