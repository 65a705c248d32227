"""Stores without a table of their own are shown as well: the same contract, run by run."""

from __future__ import annotations

import pytest
from pegboard.config import Config
from pegboard.contracts.tracking import TrackingStore
from pegboard.host import Host
from pegboard_stores.run_table import RunTable
from pegboard_testing import RunTableContract
from pegboard_ui.data.plain_table import PlainRunTable
from pegboard_ui.data.run_tables import of_store


class Plain(RunTableContract):
    @pytest.fixture
    def table(self, store: TrackingStore) -> RunTable:
        assert isinstance(of_store(store), PlainRunTable)
        return of_store(store)


class TestMemory(Plain):
    @pytest.fixture
    def store(self) -> TrackingStore:
        return Host(Config()).tracking_store("memory:")
