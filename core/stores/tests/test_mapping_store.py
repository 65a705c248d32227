"""The reference store keeps the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment
from pegboard.errors import NotSupported
from pegboard_stores.mapping_store import MappingStore, RunRecord
from pegboard_testing import TrackingStoreContract


class TestMappingStore(TrackingStoreContract):
    @pytest.fixture
    def mappings(self) -> tuple[dict[str, Experiment], dict[str, RunRecord]]:
        return {}, {}

    @pytest.fixture
    def store(self, mappings):
        return MappingStore(*mappings, artifact_root="memory:test")

    @pytest.fixture
    def reopen(self, mappings) -> Callable[[], TrackingStore]:
        return lambda: MappingStore(*mappings, artifact_root="memory:test")


def test_without_mappings_for_them_there_are_no_models_and_traces() -> None:
    store = MappingStore({}, {}, artifact_root="memory:test")
    for ask in (store.logged_models, store.traces):
        with pytest.raises(NotSupported):
            ask()
