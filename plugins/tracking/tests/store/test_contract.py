"""The SQLite store keeps the contract of tracking stores."""

from __future__ import annotations

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_testing import (
    ActivityContract,
    BatchesContract,
    CodeScorersContract,
    CurvesContract,
    DataSetsContract,
    HeartbeatsContract,
    LabelSchemasContract,
    ListTagsContract,
    PackedPointsContract,
    ReviewQueuesContract,
    RunTableContract,
    ScoringTasksContract,
    TrackingStoreContract,
)


class TestSqliteStore(
    TrackingStoreContract,
    BatchesContract,
    PackedPointsContract,
    HeartbeatsContract,
    CurvesContract,
    ActivityContract,
    RunTableContract,
    DataSetsContract,
    ListTagsContract,
    CodeScorersContract,
    ScoringTasksContract,
    LabelSchemasContract,
    ReviewQueuesContract,
):
    @pytest.fixture
    def open_store(self, tmp_path):
        hosts = []

        def open_store():
            hosts.append(Host(Config()))
            return hosts[-1].tracking_store(f"sqlite:{tmp_path / 'store.db'}")

        yield open_store
        for host in hosts:
            host.close()

    @pytest.fixture
    def store(self, open_store):
        return open_store()

    @pytest.fixture
    def reopen(self, store, open_store):
        def reopen():
            store.close()
            return open_store()

        return reopen
